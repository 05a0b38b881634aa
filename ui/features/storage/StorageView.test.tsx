import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import type { Storage } from "@/lib/api/recording-types";
import { storageKey } from "@/lib/base";
import { setZone } from "@/lib/time/zone";
import { mockBootstrap, mockSession, mockStorage } from "@/test/fixtures";
import { renderPage, server } from "@/test/render";
import { StorageView } from "./StorageView";

vi.mock("next/navigation", () => ({ usePathname: () => "/system/storage/" }));

const FROM = Date.parse("2026-01-01T10:00:00Z");
const planned = vi.fn();
let storage: Storage;
let role: string;

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  setZone("UTC");
  planned.mockReset();
  storage = mockStorage();
  role = "admin";
  localStorage.setItem(storageKey("session"), "1");
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap({ user: { id: "u1", name: "a", role } }))),
    http.get("*/api/v1/storage", () => HttpResponse.json(storage)),
    http.get("*/api/v1/storage/plan", () => {
      planned();
      return HttpResponse.json({ at: FROM, bytes: 3e9, held_bytes: 1e9, deletions: [{ camera: "front", stream: "sub", from: FROM, to: FROM + 3_600_000, files: 120, bytes: 3e9, reason: "space", detail: "free space is 9 % and must be 10 %" }] });
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

describe("StorageView", () => {
  it("says how long footage stays, and how full each volume is", async () => {
    storage = mockStorage({ volumes: [mockStorage().volumes[0]!, { path: "/media/two", state: "missing", reason: "is the disk mounted?", total: 0, free: 0, recordings_bytes: 0, active: false }] });
    renderPage(<StorageView />);
    expect((await screen.findByTestId("forecast")).textContent).toBe("About 10 days until the oldest footage goes, to make room on the disk.");
    const [one, two] = screen.getAllByTestId("volume");
    expect(within(one!).getByRole("img", { name: "Recordings 70 %, other data 10 %, free 20 %" })).toBeTruthy();
    expect(within(two!).getByText("Missing")).toBeTruthy();
    expect(within(two!).getByText("is the disk mounted?")).toBeTruthy();
    expect(within(two!).queryByRole("img")).toBeNull();
  });

  it("shows an administrator what would go now, and why; a viewer is not asked about", async () => {
    const { unmount } = renderPage(<StorageView />);
    expect(await screen.findByText("free space is 9 % and must be 10 %")).toBeTruthy();
    expect(screen.getByText("The disk is full")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Compute again" }));
    expect(planned).toHaveBeenCalledTimes(2);
    unmount();
    planned.mockReset();
    role = "viewer";
    renderPage(<StorageView />);
    await screen.findByTestId("forecast");
    expect(screen.queryByText("What would be deleted now, and why")).toBeNull();
    expect(planned).not.toHaveBeenCalled();
  });

  it("tells of the archive's backlog and what is the matter with it", async () => {
    storage = mockStorage({ archive: { enabled: true, state: "failing", reason: "the bucket refused the key", backlog_files: 12, backlog_bytes: 4e9, uploaded_bytes: 9e9, last_upload_at: FROM } });
    renderPage(<StorageView />);
    expect(await screen.findByText("12 files, 4.0 GB")).toBeTruthy();
    expect(screen.getByText("the bucket refused the key")).toBeTruthy();
  });

  it("gives the server's sentence when it cannot be loaded", async () => {
    server.use(http.get("*/api/v1/storage", () => HttpResponse.json({ title: "x", status: 503, detail: "volumes are being opened" }, { status: 503 })));
    renderPage(<StorageView />);
    expect(await screen.findByText("Volumes are being opened.")).toBeTruthy();
  });
});
