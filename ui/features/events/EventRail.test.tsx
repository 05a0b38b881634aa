import { act, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { LazyMotion } from "framer-motion";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { api } from "@/lib/api/client";
import { storageKey } from "@/lib/base";
import { putEvent } from "@/lib/queries/events";
import { mockBootstrap, mockEvent, mockSession } from "@/test/fixtures";
import { renderPage, server } from "@/test/render";
import { EventRail } from "./EventRail";

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  localStorage.setItem(storageKey("session"), "1");
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap())),
    http.get("*/api/v1/events", () => HttpResponse.json({ items: [mockEvent({ id: "a", end: undefined, severity: "high", rules: ["gate"] }), mockEvent({ id: "b", start: "2026-01-31T10:00:00.000Z" })] })),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const page = (
  <LazyMotion features={() => import("@/app/motion-features").then((m) => m.default)}>
    <EventRail />
  </LazyMotion>
);

describe("EventRail", () => {
  it("says in a row that an event is an alert and goes on, with room for both", async () => {
    renderPage(page);
    const [first, second] = await screen.findAllByRole("listitem");
    expect(within(first!).getByTestId("alert-badge").textContent).toBe("High alert");
    expect(within(first!).getByText(/ongoing$/).parentElement!.textContent).not.toContain("11:00");
    expect(second!.textContent).toContain("10:00:00 · 1 h");
  });

  it("stays as it is under the pointer", async () => {
    const { client } = renderPage(page);
    const [first] = await screen.findAllByRole("listitem");
    await userEvent.hover(first!);
    act(() => putEvent(client, mockEvent({ id: "new", start: "2026-01-31T11:30:00.000Z" })));
    const button = await screen.findByRole("button", { name: "1 new event" });
    expect(screen.getAllByRole("listitem")).toHaveLength(2);
    await userEvent.click(button);
    expect(screen.getAllByRole("listitem")).toHaveLength(3);
  });
});
