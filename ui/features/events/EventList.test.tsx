import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import type { NvrEvent } from "@/lib/api/types";
import { storageKey } from "@/lib/base";
import { insertEvent, matches, putEvent } from "@/lib/queries/events";
import { mockBootstrap, mockEvent, mockFace, mockFaceStatus, mockPerson, mockSession } from "@/test/fixtures";
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
    http.get("*/api/v1/events/:id/deliveries", () => HttpResponse.json({ items: [] })),
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap())),
    http.get("*/api/v1/events", ({ request }) => {
      const { searchParams } = new URL(request.url);
      asked(Object.fromEntries(searchParams));
      return HttpResponse.json(pages[Number(searchParams.get("cursor") ?? 0)]);
    }),
    http.get("*/api/v1/faces", () => HttpResponse.json(mockFaceStatus())),
    http.get("*/api/v1/faces/persons", () => HttpResponse.json({ items: [mockPerson()] })),
    http.get("*/api/v1/events/:id", ({ params }) => HttpResponse.json(pages.flatMap((p) => p.items).find((e) => e.id === params.id))),
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

  it("does not move under the pointer or the focus: new events wait behind a button", async () => {
    const { client } = renderPage(<EventList />);
    const ids = () => screen.getAllByTestId("event").map((c) => c.dataset.eventId);
    const [first] = await cards();
    await userEvent.hover(first!);
    act(() => putEvent(client, mockEvent({ id: "n1", start: "2026-01-31T11:30:00.000Z" })));
    act(() => putEvent(client, mockEvent({ id: "n2", start: "2026-01-31T11:31:00.000Z" })));
    act(() => putEvent(client, mockEvent({ id: "a", revision: 3, top_score: 0.99 })));
    expect(await screen.findByRole("button", { name: "2 new events" })).toBeTruthy();
    expect(ids()).toEqual(["a", "b"]);
    expect(within(first!).getByText("99 %")).toBeTruthy(); // what is listed still changes
    await userEvent.click(screen.getByRole("button", { name: "2 new events" }));
    expect(ids()).toEqual(["n2", "n1", "a", "b"]);
    expect(screen.queryByRole("button", { name: /new event/ })).toBeNull();

    act(() => within(first!).getByRole("link").focus());
    act(() => putEvent(client, mockEvent({ id: "n3", start: "2026-01-31T11:32:00.000Z" })));
    expect(await screen.findByRole("button", { name: "1 new event" })).toBeTruthy();
    expect(ids()).toEqual(["n2", "n1", "a", "b"]);
    act(() => within(first!).getByRole("link").blur());
    expect(ids()).toEqual(["n3", "n2", "n1", "a", "b"]);
  });

  it("inserts nothing above what is scrolled into sight, and does so at the top again", async () => {
    const { client } = renderPage(
      <main>
        <EventList />
      </main>,
    );
    await cards();
    const main = screen.getByRole("main");
    main.scrollTop = 300;
    fireEvent.scroll(main);
    act(() => putEvent(client, mockEvent({ id: "new", start: "2026-01-31T11:30:00.000Z" })));
    await screen.findByRole("button", { name: "1 new event" });
    act(() => putEvent(client, mockEvent({ id: "older", start: hour(2) })));
    await waitFor(() => expect(screen.getAllByTestId("event").map((c) => c.dataset.eventId)).toEqual(["a", "b", "older"]));
    main.scrollTop = 0;
    fireEvent.scroll(main);
    expect(screen.getAllByTestId("event").map((c) => c.dataset.eventId)).toEqual(["new", "a", "b", "older"]);
  });

  it("names an event anew that is long over, in the list and where it is open", async () => {
    pages = [{ items: [mockEvent({ id: "a", identity: { state: "known", person_id: "p1", name: "Anna", similarity: 0.9 } })] }];
    const { client } = renderPage(<EventList />);
    await cards();
    await userEvent.click(screen.getByRole("button", { name: /^Details of Anna/ }));
    await screen.findByRole("dialog");
    pages = [{ items: [mockEvent({ id: "a", revision: 3, identity: { state: "known", person_id: "p1", name: "Mila", similarity: 0.9 } })] }];
    act(() => putEvent(client, pages[0]!.items[0]!));
    expect(await within(screen.getByRole("dialog")).findByText("Mila · Person · Front door")).toBeTruthy();
    expect(await within(screen.getByRole("dialog")).findByRole("link", { name: "Mila" })).toBeTruthy();
    expect(screen.getByTestId("event").textContent).toContain("Mila · 90 % alike");
  });

  it("names the event of a link anew, too", async () => {
    navigation.search = "event=b";
    pages = [{ items: [mockEvent({ id: "a" })] }, { items: [mockEvent({ id: "b", identity: { state: "known", name: "Anna" } })] }];
    const { client } = renderPage(<EventList />);
    expect(await screen.findByText("Anna · Person · Front door")).toBeTruthy();
    act(() => putEvent(client, mockEvent({ id: "b", revision: 3, identity: { state: "known", name: "Mila" } })));
    expect(await screen.findByText("Mila · Person · Front door")).toBeTruthy();
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
    await userEvent.keyboard("{ArrowRight}{ArrowLeft}"); // there is none older
    expect(within(screen.getByRole("dialog")).getByText(/Person · Front door/)).toBeTruthy();
  });

  it("marks alerts, asks for them alone, and explains one rule by rule", async () => {
    pages = [{ items: [mockEvent({ id: "a", severity: "high", rules: ["somebody_outside"], entered_zones: ["porch"], path: [{ x: 0.1, y: 0.2, time: "" }, { x: 0.3, y: 0.4, time: "" }] }), mockEvent({ id: "b", severity: "", rules: [] })] }];
    server.use(
      http.get("*/api/v1/events/:id/verdicts", () =>
        HttpResponse.json({
          severity: "high",
          rules: ["somebody_outside"],
          verdicts: [
            { rule: "cars", severity: "low", alert: false, conditions: [{ name: "label", holds: false, detail: "person is not one of car." }] },
            { rule: "somebody_outside", severity: "high", alert: true, conditions: [{ name: "mode", holds: true, detail: "the mode is night, and away, night is asked for." }] },
          ],
        }),
      ),
    );
    renderPage(<EventList />);
    const [first, second] = await cards();
    expect(within(first!).getAllByText("High alert").length).toBeGreaterThan(0);
    expect(within(second!).queryByTestId("alert-badge")).toBeNull();
    await userEvent.click(await screen.findByRole("button", { name: "Alerts only" }));
    expect(navigation.replace).toHaveBeenCalledWith("/events/?alerts=true", { scroll: false });

    await userEvent.click(screen.getAllByRole("button", { name: /^Details of Person/ })[0]!);
    const dialog = within(await screen.findByRole("dialog"));
    await userEvent.click(dialog.getByRole("button", { name: "Why?" }));
    const rules = await dialog.findAllByTestId("verdict");
    expect(rules.map((r) => r.dataset.fired)).toEqual(["true", "false"]);
    expect(rules[0]!.textContent).toContain("The mode was night; away or night is asked for.");
    expect(rules[1]!.textContent).toContain("One condition (what it is) does not hold.");
    expect(await dialog.findByText("Night")).toBeTruthy();
    expect(dialog.getByText("Porch")).toBeTruthy();
    expect(dialog.getByTestId("trace")).toBeTruthy();
  });

  it("names who was recognised, what is wrong with a camera, and sounds", async () => {
    pages = [{ items: [mockEvent({ id: "a", identity: { state: "known", name: "Anna" } }), mockEvent({ id: "b", kind: "camera", label: "frozen" }), mockEvent({ id: "c", kind: "sound", label: "glass_breaking" })] }];
    renderPage(<EventList />);
    const titles = (await cards()).map((c) => c.textContent);
    expect(titles[0]).toContain("Anna · Person");
    expect(titles[1]).toContain("Picture frozen");
    expect(titles[2]).toContain("Sound: glass breaking");
  });

  it("says who it is, how sure that is, and whose events are asked for", async () => {
    navigation.search = "person=p1";
    pages = [{ items: [mockEvent({ id: "a", identity: { state: "known", person_id: "p1", name: "Anna", similarity: 0.87 } })] }];
    const { client } = renderPage(<EventList />);
    expect(within((await cards())[0]!).getAllByText("Anna · 87 % alike").length).toBeGreaterThan(0);
    expect(asked).toHaveBeenCalledWith({ person: "p1", limit: "40" });
    act(() => putEvent(client, mockEvent({ id: "stranger", identity: { state: "unknown" } })));
    expect(await cards()).toHaveLength(1);
    act(() => putEvent(client, mockEvent({ id: "a", revision: 3, identity: { state: "known", person_id: "p2", name: "Ben" } })));
    await waitFor(() => expect(screen.queryByTestId("event")).toBeNull());
    await userEvent.selectOptions(await screen.findByRole("combobox", { name: "Person" }), "Strangers");
    expect(navigation.replace).toHaveBeenCalledWith("/events/?person=unknown", { scroll: false });
  });

  it("names who is in an event, and says why that was refused", async () => {
    pages = [{ items: [mockEvent({ id: "a", end: undefined })] }];
    const enrolled = vi.fn();
    let refused = true;
    server.use(
      http.post("*/api/v1/faces/persons/p1/events", async ({ request }) => {
        enrolled(await request.json());
        return refused ? HttpResponse.json({ title: "x", status: 422, detail: "no face was found in the picture" }, { status: 422 }) : HttpResponse.json({ face: mockFace(), events: 1 }, { status: 201 });
      }),
    );
    renderPage(<EventList />);
    await cards();
    await userEvent.click(screen.getByRole("button", { name: /^Details of Person/ }));
    const dialog = within(await screen.findByRole("dialog"));
    expect(await dialog.findByText("Not yet")).toBeTruthy();
    await userEvent.click(await dialog.findByRole("button", { name: "This is…" }));
    await userEvent.type(await screen.findByRole("combobox", { name: "Name" }), "Anna{Enter}");
    expect(await screen.findByText("No face was found in the picture.")).toBeTruthy();
    refused = false;
    await userEvent.click(screen.getByRole("option", { name: /^Anna/ }));
    await waitFor(() => expect(screen.queryByRole("combobox", { name: "Name" })).toBeNull());
    expect(enrolled).toHaveBeenLastCalledWith({ event_id: "a" });
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

  it("finds the page, and leaves to the server what is not loaded yet", () => {
    const two = { pages: [{ items: [mockEvent({ id: "a" })], next_cursor: "1" }, { items: [mockEvent({ id: "b", start: hour(4) })], next_cursor: "2" }], pageParams: [undefined, "1"] };
    expect(insertEvent(two, mockEvent({ id: "m", start: hour(3) })).pages.map((p) => p.items.map((e) => e.id))).toEqual([["a"], ["m", "b"]]);
    expect(insertEvent(two, mockEvent({ id: "z", start: hour(50) }))).toBe(two);
  });

  it("knows alerts and zones", () => {
    expect(matches({ alerts: "true" }, mockEvent({ severity: "low" }))).toBe(true);
    expect(matches({ alerts: "true" }, mockEvent({ severity: "" }))).toBe(false);
    expect(matches({ zones: "porch" }, mockEvent({ entered_zones: ["gate", "porch"] }))).toBe(true);
    expect(matches({ zones: "porch" }, mockEvent())).toBe(false);
  });

  it("knows filters with several values and a span of time", () => {
    expect(matches({ label: "car,person", from: hour(1), to: "2026-02-01T00:00:00Z" }, mockEvent())).toBe(true);
    expect(matches({ to: hour(0) }, mockEvent())).toBe(false);
  });
});
