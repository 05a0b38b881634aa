import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { useToasts } from "@/hooks/use-toasts";
import { api } from "@/lib/api/client";
import type { AlertRoute, Delivery, Snooze } from "@/lib/api/plugin-types";
import { storageKey } from "@/lib/base";
import { newRoute } from "@/lib/notify";
import { mockBootstrap, mockSession } from "@/test/fixtures";
import { renderPage, server } from "@/test/render";
import { DeliveryHistory } from "./DeliveryHistory";
import { RouteList } from "./RouteList";
import { SnoozeList } from "./SnoozeList";

const sent = vi.fn();
const route: AlertRoute = { ...newRoute("hook"), id: "night", labels: ["person"], rules: ["gate", "old_rule"], recipients: ["ann@example.org"] };
const delivery: Delivery = { id: "d1", event: "e1", camera: "front", label: "person", severity: "high", event_start: 1000, notifier: "hook", recipient: "", route: "night", level: 0, phase: "new", state: "failed", hold: "", digest: "", members: 0, attempts: 2, reason: "no such chat", created_at: 2000, next_at: 0, delivered_at: 0, expires_at: 0, seen: { at: 0, by: "" }, history: [] };
const tried = { at: 3000, outcome: "failed", detail: "no such chat", duration_ms: 40, times: 1 };
let routes: AlertRoute[];
let snoozes: Snooze[];

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  sent.mockReset();
  useToasts.setState({ toasts: [] });
  routes = [route];
  snoozes = [];
  localStorage.setItem(storageKey("session"), "1");
  const empty = () => new HttpResponse(null, { status: 204 });
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap())),
    http.get("*/api/v1/routes", () => HttpResponse.json({ routes })),
    http.get("*/api/v1/notifiers", () => HttpResponse.json({ notifiers: [{ id: "hook", name: "Hook", state: "backoff" }] })),
    http.get("*/api/v1/rules", () => HttpResponse.json({ items: [{ id: "gate", source: "config" }, { id: "porch", source: "config" }] })),
    http.post("*/api/v1/routes/preview", () => HttpResponse.json({ title: "Person on Front door", text: "" })),
    http.put("*/api/v1/routes/:id", async ({ request, params }) => {
      sent("put", params.id, await request.json());
      return empty();
    }),
    http.get("*/api/v1/delivery-queues", () => HttpResponse.json({ queues: [{ notifier: "hook", pending: 2, held: 1, oldest: 0 }] })),
    http.get("*/api/v1/deliveries", ({ request }) => {
      const states = new URL(request.url).searchParams.get("state") ?? "";
      sent("list", states);
      return HttpResponse.json({ items: states === "suppressed" ? [] : [delivery] });
    }),
    http.get("*/api/v1/deliveries/d1", () => HttpResponse.json({ ...delivery, history: [tried] })),
    http.post("*/api/v1/deliveries/d1/retry", () => {
      sent("retry");
      return empty();
    }),
    http.get("*/api/v1/snoozes", () => HttpResponse.json({ snoozes })),
    http.post("*/api/v1/snoozes", async ({ request }) => {
      sent("snooze", await request.json());
      snoozes = [{ notifier: "", recipient: "", camera: "drive", until: Date.now() + 3_600_000, by: "admin", created_at: Date.now() }];
      return empty();
    }),
    http.delete("*/api/v1/snoozes", ({ request }) => {
      sent("end", new URL(request.url).search);
      snoozes = [];
      return empty();
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

describe("RouteList", () => {
  it("says what a route tells, and why nothing goes out", async () => {
    renderPage(<RouteList />);
    const row = within(await screen.findByTestId("route"));
    expect(row.getByText(/^Person, by “Gate” or “Old rule”/).textContent).toBe("Person, by “Gate” or “Old rule” → Hook to ann@example.org");
    expect(row.getByText(/What it is to tell waits/)).toBeTruthy();
  });

  it("offers the rules there are, keeps in sight the one that is gone, and sends the whole route", async () => {
    renderPage(<RouteList />);
    await userEvent.click(await screen.findByRole("button", { name: "Change route night" }));
    const rules = within(await screen.findByRole("group", { name: /^Alert rules/ }));
    expect(rules.getAllByRole("button").map((b) => b.textContent)).toEqual(["Gate", "Porch", "Old rule"]);
    expect(screen.getByText(/^Old rule: not in config.yaml/)).toBeTruthy();
    await userEvent.click(rules.getByRole("button", { name: "Porch" }));
    await userEvent.click(rules.getByRole("button", { name: "Old rule" }));
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("put", "night", { ...route, rules: ["gate", "porch"] }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  it("does not overwrite a route by giving a new one its name", async () => {
    renderPage(<RouteList />);
    await userEvent.click(await screen.findByRole("button", { name: "Add route" }));
    await userEvent.type(screen.getByRole("textbox", { name: /^Name/ }), "Night");
    await userEvent.click(screen.getByRole("button", { name: "Add" }));
    expect(screen.getByText(/there is a route of this name already/i)).toBeTruthy();
    expect(sent).not.toHaveBeenCalled();
  });

  it("says that the rules cannot be asked for, instead of that there are none", async () => {
    server.use(http.get("*/api/v1/rules", () => HttpResponse.json({ title: "Service Unavailable", status: 503, detail: "the database is away" }, { status: 503 })));
    renderPage(<RouteList />);
    await userEvent.click(await screen.findByRole("button", { name: "Change route night" }));
    expect((await screen.findByRole("alert")).textContent).toContain("The database is away.");
  });
});

describe("DeliveryHistory", () => {
  it("asks for the chosen state, shows each attempt on demand, and tries again", async () => {
    renderPage(<DeliveryHistory admin />);
    expect((await screen.findByTestId("delivery")).textContent).toContain("As it began · high alert · route night. No such chat.");
    expect(await screen.findByText(/2 waiting, 1 held on purpose/)).toBeTruthy();
    await userEvent.click(screen.getByText("2 attempts"));
    expect(await screen.findAllByText(/no such chat/i)).toHaveLength(2);
    await userEvent.click(screen.getByRole("button", { name: /again/i }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("retry"));
    await userEvent.click(screen.getByRole("button", { name: "On purpose" }));
    expect(await screen.findByText("No delivery is in this state.")).toBeTruthy();
    expect(sent).toHaveBeenCalledWith("list", "suppressed");
  });

  it("lets nobody but an administrator try again", async () => {
    renderPage(<DeliveryHistory admin={false} />);
    await screen.findByTestId("delivery");
    expect(screen.queryByRole("button", { name: /again/i })).toBeNull();
  });
});

describe("SnoozeList", () => {
  it("snoozes a camera and ends just that", async () => {
    renderPage(<SnoozeList admin />);
    expect(await screen.findByText("Nobody is snoozing")).toBeTruthy();
    await screen.findByRole("option", { name: "Driveway" });
    await userEvent.selectOptions(screen.getByRole("combobox", { name: "Of" }), "drive");
    await userEvent.click(screen.getByRole("button", { name: "Snooze" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("snooze", { notifier: "", recipient: "", camera: "drive", seconds: 3600 }));
    expect((await screen.findByTestId("snooze")).textContent).toMatch(/^Driveway by every notifier/);
    await userEvent.click(screen.getByRole("button", { name: "End the snooze of Driveway" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("end", "?notifier=&recipient=&camera=drive"));
    expect(await screen.findByText("Nobody is snoozing")).toBeTruthy();
  });

  it("says what the server refuses", async () => {
    server.use(http.post("*/api/v1/snoozes", () => HttpResponse.json({ title: "invalid", status: 422, detail: "a snooze lasts 30 days at most" }, { status: 422 })));
    renderPage(<SnoozeList admin />);
    await userEvent.click(await screen.findByRole("button", { name: "Snooze" }));
    expect((await screen.findByRole("alert")).textContent).toBe("A snooze lasts 30 days at most.");
  });
});
