import { fireEvent, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import { storageKey } from "@/lib/base";
import { mockBootstrap, mockCamera, mockSession } from "@/test/fixtures";
import { navigation, renderPage, server } from "@/test/render";
import { useDrawings } from "./store";
import { ZonesView } from "./ZonesView";

vi.mock("next/navigation", () => ({ useRouter: () => navigation, useSearchParams: () => new URLSearchParams(navigation.search) }));

// jsdom has no pointer events; what we read of them are a mouse's fields.
beforeAll(() => {
  vi.stubGlobal("PointerEvent", class extends MouseEvent {});
  server.listen({ onUnhandledRequest: "error" });
});
beforeEach(async () => {
  navigation.search = "camera=front";
  useDrawings.setState({ drafts: {} });
  localStorage.setItem(storageKey("session"), "1");
  const areas = [{ kind: "zone" as const, name: "porch", points: [[0.1, 0.5], [0.4, 0.5], [0.4, 1], [0.1, 1]] as const, labels: ["person"] }];
  const camera = mockCamera({ areas: areas.map((a) => ({ ...a, points: [...a.points] })) });
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap({ cameras: [camera, mockCamera({ id: "drive", name: "Driveway", order: 2 })] }))),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => {
  vi.unstubAllGlobals();
  server.close();
});

const yaml = () => screen.getByTestId("yaml").textContent;

describe("ZonesView", () => {
  it("shows what is configured and writes it down again", async () => {
    renderPage(<ZonesView />);
    expect(await screen.findByRole("button", { name: /porch/, expanded: false })).toBeTruthy();
    expect(yaml()).toBe("cameras:\n  front:\n    zones:\n      porch:\n        points: [[0.1, 0.5], [0.4, 0.5], [0.4, 1], [0.1, 1]]\n        labels: [person]\n");
  });

  it("draws a line with the pointer", async () => {
    renderPage(<ZonesView />);
    await userEvent.click(await screen.findByRole("button", { name: "Line" }));
    const board = screen.getByTestId("board");
    board.getBoundingClientRect = () => ({ left: 0, top: 0, width: 1000, height: 500 }) as DOMRect; // jsdom has no layout
    board.setPointerCapture = () => undefined;
    fireEvent.pointerDown(board, { clientX: 100, clientY: 250, button: 0 });
    fireEvent.pointerMove(board, { clientX: 600, clientY: 250 });
    fireEvent.pointerUp(board, { clientX: 900, clientY: 250 });
    expect(yaml()).toContain("    lines:\n      line_1: {points: [[0.1, 0.5], [0.9, 0.5]]}\n");
  });

  it("draws, names and moves an area without a pointer", async () => {
    renderPage(<ZonesView />);
    await userEvent.click(await screen.findByRole("button", { name: "Zone" }));
    await userEvent.click(screen.getByRole("button", { name: "Begin in the middle" }));
    const name = screen.getByRole("textbox", { name: /Name/ });
    await userEvent.clear(name);
    await userEvent.type(name, "lawn");
    screen.getByRole("button", { name: /Corner 1 of lawn: 30 % from the left/ }).focus();
    await userEvent.keyboard("{ArrowLeft}{Shift>}{ArrowUp}{/Shift}");
    expect(yaml()).toContain("      lawn:\n        points: [[0.295, 0.25], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]]\n");
    await userEvent.keyboard("{Delete}");
    expect(yaml()).toContain("        points: [[0.7, 0.3], [0.7, 0.7], [0.3, 0.7]]\n");
  });

  it("says what is wrong, and does not let it be copied", async () => {
    renderPage(<ZonesView />);
    await userEvent.click(await screen.findByRole("button", { name: /porch/, expanded: false }));
    const form = within(screen.getByTestId("area"));
    await userEvent.type(form.getByRole("textbox", { name: /Name/ }), " 1");
    expect(form.getByRole("alert").textContent).toContain("The name must be 1 to 48 characters");
    expect(screen.getByRole("button", { name: "Copy" })).toHaveProperty("disabled", true);
    await userEvent.click(screen.getByRole("button", { name: "As configured" }));
    expect(screen.getByRole("button", { name: "Copy" })).toHaveProperty("disabled", false);
  });
});
