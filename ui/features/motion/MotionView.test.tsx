import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import type { MotionSearch } from "@/lib/api/types";
import { storageKey } from "@/lib/base";
import { mockBootstrap, mockSession } from "@/test/fixtures";
import { navigation, renderPage, server } from "@/test/render";
import { MotionView } from "./MotionView";

vi.mock("next/navigation", () => ({ useRouter: () => navigation, useSearchParams: () => new URLSearchParams(navigation.search) }));

const END = Date.parse("2026-01-31T12:00:00Z");
const asked = vi.fn();
let answer: Partial<MotionSearch>;

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  navigation.search = `camera=front&t=${END}`;
  asked.mockReset();
  answer = { spans: { start: [END - 600_000], end: [END - 580_000], cells: [0.25] } };
  localStorage.setItem(storageKey("session"), "1");
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap())),
    http.get("*/api/v1/cameras/front/motion", ({ request }) => {
      const query = Object.fromEntries(new URL(request.url).searchParams);
      asked(query);
      return HttpResponse.json({ from: Number(query.from), to: Number(query.to), step_ms: 10_000, unknown: { start: [], end: [] }, ...answer });
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

describe("MotionView", () => {
  it("lists moments, each a link to its place in the timeline", async () => {
    renderPage(<MotionView />);
    const moment = await screen.findByTestId("moment");
    expect(moment.getAttribute("href")).toMatch(new RegExp(`^/timeline/?\\?t=${END - 603_000}&camera=front&play=1$`));
    expect(moment.textContent).toContain("25 % of the picture");
    expect(asked).toHaveBeenCalledWith({ from: String(END - 86_400_000), to: String(END) });
  });

  it("searches an area, and a shorter time", async () => {
    renderPage(<MotionView />);
    await screen.findByTestId("moment");
    await userEvent.click(screen.getByRole("button", { name: "Begin in the middle" }));
    await waitFor(() => expect(asked).toHaveBeenLastCalledWith(expect.objectContaining({ points: "0.3,0.3,0.7,0.3,0.7,0.7,0.3,0.7" })));
    await userEvent.click(screen.getByRole("button", { name: "1 h" }));
    await waitFor(() => expect(asked).toHaveBeenLastCalledWith(expect.objectContaining({ from: String(END - 3_600_000), to: String(END) })));
    expect(await screen.findByText("25 % of the area")).toBeTruthy();
  });

  it("says what was not searched, and when nothing moved", async () => {
    answer = { spans: { start: [], end: [], cells: [] }, unknown: { start: [END - 7_200_000], end: [END - 3_600_000] } };
    renderPage(<MotionView />);
    expect(await screen.findByText("Nothing moved")).toBeTruthy();
    expect(screen.getByText(/^1 h of this time was not searched/)).toBeTruthy();
  });

  it("refuses a time that makes no sense in place", async () => {
    renderPage(<MotionView />);
    const from = await screen.findByRole("textbox", { name: "From" });
    await userEvent.clear(from);
    await userEvent.type(from, "yesterday{Enter}");
    expect((await screen.findByRole("alert")).textContent).toMatch(/Write times as/);
  });
});
