import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import type { Export, Hold } from "@/lib/api/recording-types";
import { storageKey } from "@/lib/base";
import { exportsQuery } from "@/lib/queries/exports";
import { setZone } from "@/lib/time/zone";
import { useToasts } from "@/hooks/use-toasts";
import { mockBootstrap, mockExport, mockHold, mockSession } from "@/test/fixtures";
import { navigation, renderPage, server } from "@/test/render";
import { ExportDialog } from "./ExportDialog";
import { ExportsView } from "./ExportsView";
import { ExportWatcher } from "./ExportWatcher";
import { KeepDialog } from "./KeepDialog";
import { useWatched } from "./store";

vi.mock("next/navigation", () => ({
  useRouter: () => navigation,
  useSearchParams: () => new URLSearchParams(navigation.search),
}));

const FROM = Date.parse("2026-01-31T10:00:00Z");
const range = { from: FROM, to: FROM + 300_000 };
const sent = vi.fn();
let jobs: Export[];
let holds: Hold[];
let role: string;

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  setZone("UTC");
  navigation.search = "";
  navigation.replace.mockReset();
  sent.mockReset();
  useToasts.setState({ toasts: [] });
  useWatched.setState({ jobs: {} });
  jobs = [mockExport()];
  holds = [mockHold()];
  role = "admin";
  localStorage.setItem(storageKey("session"), "1");
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap({ user: { id: "u1", name: role === "admin" ? "admin" : "mila", role } }))),
    http.get("*/api/v1/exports", () => HttpResponse.json({ exports: jobs })),
    http.get("*/api/v1/holds", () => HttpResponse.json({ holds })),
    http.post("*/api/v1/exports/estimate", async ({ request }) => {
      const body = (await request.json()) as { cameras: string[] };
      sent("estimate", body);
      return HttpResponse.json({ bytes: 1.2e9 * body.cameras.length, duration_ms: 300_000, cameras: body.cameras.map((id) => ({ id, bytes: 1.2e9, duration_ms: 300_000, gaps: 0 })) });
    }),
    http.post("*/api/v1/exports", async ({ request }) => {
      sent("start", await request.json());
      return HttpResponse.json(mockExport({ id: "new", state: "queued", progress: 0, files: [] }), { status: 202 });
    }),
    http.delete("*/api/v1/exports/:id", ({ params }) => {
      sent("delete", params.id);
      jobs = [];
      return new HttpResponse(null, { status: 204 });
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

describe("ExportDialog", () => {
  it("shows the size before anything is started, and asks anew when the choice changes", async () => {
    renderPage(<ExportDialog range={range} cameras={["front"]} onClose={() => undefined} />);
    expect(await screen.findByText("About 1.2 GB · 5 min of footage")).toBeTruthy();
    expect(sent).toHaveBeenCalledWith("estimate", { cameras: ["front"], stream: "main", from: FROM, to: FROM + 300_000, mode: "copy" });
    await userEvent.click(screen.getByRole("button", { name: "Driveway" }));
    expect(await screen.findByText("About 2.4 GB · 5 min of footage")).toBeTruthy();
    expect(screen.getByText("Front door 1.2 GB · Driveway 1.2 GB")).toBeTruthy();
  });

  it("starts what was filled in, and tells of its progress", async () => {
    const close = vi.fn();
    renderPage(<ExportDialog range={range} cameras={["front"]} onClose={close} />);
    await userEvent.click(screen.getByRole("radio", { name: /Exact to the frame/ }));
    await userEvent.click(screen.getByRole("switch", { name: "Evidence package" }));
    await userEvent.type(screen.getByRole("textbox", { name: "Name (optional)" }), "Case 7");
    await userEvent.click(screen.getByRole("button", { name: "Start export" }));
    await waitFor(() => expect(close).toHaveBeenCalled());
    expect(sent).toHaveBeenCalledWith("start", { name: "Case 7", cameras: ["front"], stream: "main", from: FROM, to: FROM + 300_000, mode: "exact", evidence: true });
    expect(useToasts.getState().toasts[0]).toMatchObject({ text: "The export has begun.", progress: 0 });
    expect(Object.keys(useWatched.getState().jobs)).toEqual(["new"]);
  });

  it("offers a speed and no evidence for a timelapse", async () => {
    renderPage(<ExportDialog range={range} cameras={["front"]} onClose={() => undefined} />);
    await userEvent.click(screen.getByRole("radio", { name: /Timelapse/ }));
    expect(screen.getByRole("combobox", { name: "Speed" })).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>("switch", { name: "Evidence package" }).disabled).toBe(true);
  });

  it("cannot start without a camera, and stays with the server's sentence when refused", async () => {
    server.use(http.post("*/api/v1/exports", () => HttpResponse.json({ title: "Insufficient Storage", status: 507, detail: "the export folder is full" }, { status: 507 })));
    const close = vi.fn();
    renderPage(<ExportDialog range={range} cameras={["front"]} onClose={close} />);
    await userEvent.click(await screen.findByRole("button", { name: "Front door" }));
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Start export" }).disabled).toBe(true);
    await userEvent.click(screen.getByRole("button", { name: "Front door" }));
    await userEvent.click(screen.getByRole("button", { name: "Start export" }));
    expect(await screen.findByText("The export folder is full.")).toBeTruthy();
    expect(close).not.toHaveBeenCalled();
  });
});

describe("ExportWatcher", () => {
  it("carries progress into the message, and says when it is ready", async () => {
    const id = useToasts.getState().show("The export has begun.", "neutral", { progress: 0 });
    useWatched.setState({ jobs: { x1: id } });
    jobs = [mockExport({ state: "running", progress: 0.4, files: [] })];
    renderPage(<ExportWatcher />);
    await waitFor(() => expect(useToasts.getState().toasts[0]).toMatchObject({ text: "Exporting: 40 %", progress: 0.4 }));
    jobs = [mockExport()];
    await waitFor(() => expect(useToasts.getState().toasts[0]).toMatchObject({ text: "The export is ready.", link: { href: "/exports/" } }), { timeout: 20_000 });
    expect(useWatched.getState().jobs).toEqual({});
  }, 30_000);
});

describe("exportsQuery", () => {
  it("asks each second only while something is under way, and never from a hidden tab", () => {
    const { refetchInterval, refetchIntervalInBackground } = exportsQuery();
    const every = (data?: Export[]) => refetchInterval({ state: { data } });
    expect(every([mockExport({ state: "queued" })])).toBe(1_000);
    expect(every([mockExport(), mockExport({ state: "failed" })])).toBe(false);
    expect(every()).toBe(false);
    expect(refetchIntervalInBackground).toBe(false);
  });
});

describe("ExportsView", () => {
  it("lists what is under way, ready and failed, each with what can be done", async () => {
    jobs = [mockExport({ id: "r", name: "Running one", state: "running", progress: 0.42, eta_ms: 12_000, files: [] }), mockExport({ name: "Ready one", evidence: true }), mockExport({ id: "f", name: "Failed one", state: "failed", error: "The disk is full.", files: [] })];
    renderPage(<ExportsView />);
    const [running, ready, failed] = await screen.findAllByTestId("export");
    expect(within(running!).getByRole("progressbar").getAttribute("aria-valuenow")).toBe("42");
    expect(within(running!).getByText("42 %, about 12 s left")).toBeTruthy();
    expect(await within(running!).findByRole("button", { name: "Cancel Running one" })).toBeTruthy();
    expect(within(ready!).getByRole("link", { name: "Download front.mp4" }).getAttribute("href")).toBe("/api/v1/exports/x1/files/front.mp4");
    expect(within(ready!).getByText("Evidence")).toBeTruthy();
    expect(within(failed!).getByText("The disk is full.")).toBeTruthy();
  });

  it("lets people delete what is theirs", async () => {
    role = "viewer";
    jobs = [mockExport({ id: "a", name: "Of admin" }), mockExport({ id: "b", name: "Of mila", created_by: "mila", notes: ["The sound of the driveway was left out."] })];
    renderPage(<ExportsView />);
    expect(await screen.findByRole("button", { name: "Delete Of mila" })).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Delete Of admin" })).toBeNull();
    expect(screen.getByText("The sound of the driveway was left out.")).toBeTruthy();
  });

  it("deletes only after asking", async () => {
    jobs = [mockExport({ name: "Case 7" })];
    renderPage(<ExportsView />);
    await userEvent.click(await screen.findByRole("button", { name: "Delete Case 7" }));
    expect(sent).not.toHaveBeenCalled();
    await userEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Delete" }));
    expect(await screen.findByText("Nothing was exported yet")).toBeTruthy();
    expect(sent).toHaveBeenCalledWith("delete", "x1");
  });

  it("shares one file for as long as was chosen", async () => {
    server.use(
      http.post("*/api/v1/exports/x1/links", async ({ request }) => {
        sent("link", await request.json());
        return HttpResponse.json({ url: "/api/v1/share/abc", expires_at: FROM + 604_800_000 });
      }),
    );
    renderPage(<ExportsView />);
    await userEvent.click(await screen.findByRole("button", { name: "Share front.mp4 by link" }));
    await userEvent.click(screen.getByRole("button", { name: "7 days" }));
    await userEvent.click(screen.getByRole("button", { name: "Create and copy link" }));
    const link = await screen.findByRole("textbox", { name: "Link" });
    expect((link as HTMLInputElement).value).toBe(`${window.location.origin}/api/v1/share/abc`);
    expect(sent).toHaveBeenCalledWith("link", { file: "front.mp4", expires_in_s: 604_800 });
  });

  it("gives the server's sentence when the list cannot be loaded, and asks again", async () => {
    server.use(http.get("*/api/v1/exports", () => HttpResponse.json({ title: "Service Unavailable", status: 503, detail: "the database is starting" }, { status: 503 }), { once: true }));
    renderPage(<ExportsView />);
    expect(await screen.findByText("The database is starting.")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByTestId("export")).toBeTruthy();
  });
});

describe("kept footage", () => {
  beforeEach(() => (navigation.search = "tab=kept"));

  it("is listed with its note; what may not be removed says why", async () => {
    role = "viewer";
    holds = [mockHold(), mockHold({ id: "h4", note: "Badger", created_by: "admin" }), mockHold({ id: "h2", kind: "legal", note: "Case 7" }), mockHold({ id: "h3", kind: "export", note: "" })];
    renderPage(<ExportsView />);
    expect(await screen.findAllByTestId("hold")).toHaveLength(4);
    expect(await screen.findByText(/Only admin or an administrator can remove it/)).toBeTruthy();
    expect(screen.getByText(/Only an administrator can remove it/)).toBeTruthy();
    expect(screen.getByText(/Goes with its export/)).toBeTruthy();
    expect(screen.getAllByRole("button", { name: /^Remove/ })).toHaveLength(1);
  });

  it("can be given up, after asking; a legal hold by an administrator", async () => {
    holds = [mockHold({ kind: "legal", note: "Case 7" })];
    server.use(
      http.delete("*/api/v1/holds/h1", () => {
        holds = [];
        return new HttpResponse(null, { status: 204 });
      }),
    );
    renderPage(<ExportsView />);
    await userEvent.click(await screen.findByRole("button", { name: "Remove Case 7" }));
    await userEvent.click(screen.getByRole("button", { name: "Remove the legal hold" }));
    expect(await screen.findByText("Nothing is kept yet")).toBeTruthy();
  });

  it("is added with a note; only administrators may place a legal hold", async () => {
    server.use(
      http.post("*/api/v1/holds", async ({ request }) => {
        sent("hold", await request.json());
        return HttpResponse.json(mockHold(), { status: 201 });
      }),
    );
    const { unmount } = renderPage(<KeepDialog range={range} cameras={["front"]} onClose={() => undefined} />);
    await userEvent.click(await screen.findByRole("button", { name: "Legal hold" }));
    await userEvent.type(screen.getByRole("textbox", { name: "Note" }), "Case 7");
    await userEvent.click(screen.getByRole("button", { name: "Keep" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("hold", { kind: "legal", cameras: ["front"], from: FROM, to: FROM + 300_000, note: "Case 7" }));
    unmount();
    role = "viewer";
    renderPage(<KeepDialog range={range} cameras={["front"]} onClose={() => undefined} />);
    expect(await screen.findByRole("button", { name: "Front door" })).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Legal hold" })).toBeNull();
  });
});
