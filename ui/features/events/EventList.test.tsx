import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import type { NvrEvent } from "@/lib/api/types";
import { storageKey } from "@/lib/base";
import { insertEvent, matches, putEvent } from "@/lib/queries/events";
import { mockBootstrap, mockEvent, mockSession } from "@/test/fixtures";
import { navigation, renderPage, server } from "@/test/render";
import { EventList } from "./EventList";

vi.mock("next/navigation", () => ({
  useRouter: () => navigation,
  useSearchParams: () => new URLSearchParams(navigation.search),
}));

const hour = (n: number) => new Date(Date.parse("2026-01-31T11:00:00Z") - n * 3_600_000).toISOString();
const asked = vi.fn();
let pages: { items: NvrEvent[]; next_cursor?: string }[];

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  navigation.search = "";
  navigation.replace.mockReset();
  asked.mockReset();
  pages = [{ items: [mockEvent({ id: "a" }), mockEvent({ id: "b", label: "car", camera: "drive", start: hour(1), end: undefined })] }];
  localStorage.setItem(storageKey("session"), "1");
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap())),
    http.get("*/api/v1/events", ({ request }) => {
      const { searchParams } = new URL(request.url);
      asked(Object.fromEntries(searchParams));
      return HttpResponse.json(pages[Number(searchParams.get("cursor") ?? 0)]);
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const cards = () => screen.findAllByTestId("event");

describe("EventList", () => {
  it("lists events with camera and certainty, each a link to its moment", async () => {
    renderPage(<EventList />);
    const [first, second] = await cards();
    expect(within(first!).getByText("Person")).toBeTruthy();
    expect(within(first!).getByText("92 %")).toBeTruthy();
    expect(await within(first!).findByText("Front door")).toBeTruthy();
    const start = Date.parse("2026-01-31T11:00:00Z") - 2_000;
    // Outside of a build next/link does not know about trailingSlash.
    expect(within(first!).getByRole("link").getAttribute("href")).toMatch(new RegExp(`^/timeline/?\\?t=${start}&camera=front&play=1$`));
    expect(within(second!).getAllByText(/ongoing/).length).toBeGreaterThan(0);
  });

  it("puts a new event on top as it happens, and does not repeat it", async () => {
    const { client } = renderPage(<EventList />);
    await cards();
    act(() => putEvent(client, mockEvent({ id: "new", start: "2026-01-31T11:30:00.000Z", end: undefined, revision: 1 })));
    act(() => putEvent(client, mockEvent({ id: "new", start: "2026-01-31T11:30:00.000Z", revision: 2, top_score: 0.99 })));
    await waitFor(() => expect(screen.getAllByTestId("event").map((c) => c.dataset.eventId)).toEqual(["new", "a", "b"]));
    expect(within(screen.getAllByTestId("event")[0]!).getByText("99 %")).toBeTruthy();
  });

  it("keeps out what the filter does not want, and asks the server with the filter", async () => {
    navigation.search = "label=person&camera=front";
    const { client } = renderPage(<EventList />);
    await cards();
    expect(asked).toHaveBeenCalledWith({ label: "person", camera: "front", limit: "40" });
    act(() => putEvent(client, mockEvent({ id: "new", camera: "drive" })));
    expect((await cards()).map((c) => c.dataset.eventId)).toEqual(["a", "b"]);
  });

  it("writes a chosen filter into the address", async () => {
    renderPage(<EventList />);
    await cards();
    await userEvent.click(await screen.findByRole("button", { name: "Car" }));
    expect(navigation.replace).toHaveBeenCalledWith("/events/?label=car", { scroll: false });
  });

  it("loads older events on demand and says when there are none", async () => {
    pages = [{ items: [mockEvent({ id: "a" })], next_cursor: "1" }, { items: [mockEvent({ id: "old", start: hour(30) })] }];
    renderPage(<EventList />);
    await cards();
    await userEvent.click(screen.getByRole("button", { name: "Load older events" }));
    await screen.findByText("No older events");
    expect((await cards()).map((c) => c.dataset.eventId)).toEqual(["a", "old"]);
  });

  it("shows the picture large with its facts, and goes through the list", async () => {
    renderPage(<EventList />);
    await cards();
    await userEvent.click(screen.getAllByRole("button", { name: /^Details of Person/ })[0]!);
    const dialog = await screen.findByRole("dialog");
    expect(within(dialog).getByRole("img", { name: "Snapshot: Person" }).getAttribute("src")).toBe("/api/v1/events/a/snapshot.jpg?r=2");
    expect(within(dialog).getByText("9 s")).toBeTruthy();
    await userEvent.click(within(dialog).getByRole("button", { name: "Older event" }));
    expect(within(screen.getByRole("dialog")).getByText(/Car · Driveway/)).toBeTruthy();
  });

  it("says what to do when nothing matches", async () => {
    navigation.search = "label=bus";
    pages = [{ items: [] }];
    renderPage(<EventList />);
    await userEvent.click(await screen.findByRole("button", { name: "Clear filters" }));
    expect(navigation.replace).toHaveBeenCalledWith("/events/");
  });

  it("gives the server's sentence when the list cannot be loaded, and asks again", async () => {
    server.use(http.get("*/api/v1/events", () => HttpResponse.json({ title: "Service Unavailable", status: 503, detail: "the database is starting" }, { status: 503 }), { once: true }));
    renderPage(<EventList />);
    expect(await screen.findByText("The database is starting.")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await cards()).toHaveLength(2);
  });
});

describe("insertEvent", () => {
  const data = { pages: [{ items: [mockEvent({ id: "a", revision: 5 })] }], pageParams: [undefined] };

  it("does not let an older revision replace a newer one", () => {
    expect(insertEvent(data, mockEvent({ id: "a", revision: 4 }))).toBe(data);
  });

  it("keeps the order by start", () => {
    const ids = insertEvent(data, mockEvent({ id: "z", start: hour(5) })).pages[0]!.items.map((e) => e.id);
    expect(ids).toEqual(["a", "z"]);
  });

  it("knows filters with several values and a span of time", () => {
    expect(matches({ label: "car,person", from: hour(1), to: "2026-02-01T00:00:00Z" }, mockEvent())).toBe(true);
    expect(matches({ to: hour(0) }, mockEvent())).toBe(false);
  });
});
