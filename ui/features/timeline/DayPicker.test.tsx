import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import { storageKey } from "@/lib/base";
import { Playhead } from "@/lib/player/playhead";
import { parseDay, setZone } from "@/lib/time/zone";
import { mockSession } from "@/test/fixtures";
import { renderPage, server } from "@/test/render";
import { DayPicker } from "./DayPicker";
import { ViewStore } from "./view-store";

const day = (text: string) => parseDay(text)!;
const asked = vi.fn();

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  setZone("Europe/Berlin");
  asked.mockReset();
  localStorage.setItem(storageKey("session"), "1");
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/cameras/front/coverage", ({ request }) => {
      asked(Object.fromEntries(new URL(request.url).searchParams));
      return HttpResponse.json({ days: [{ date: "2020-10-21", from: 0, to: 0, recorded_ms: 43_200_000, gaps: { offline: 43_200_000 }, fraction: 0.5 }] });
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function setup() {
  const t = day("2020-10-22") + 40_000_000;
  const onDay = vi.fn();
  renderPage(<DayPicker store={new ViewStore({ t0: t - 1_000_000, span: 7_200_000, width: 100 }, () => Date.now())} playhead={new Playhead(t)} camera={{ id: "front", name: "Front door" }} onDay={onDay} />);
  return onDay;
}

async function open() {
  await userEvent.click(screen.getByRole("button", { name: /Choose a day/ }));
  await screen.findByRole("grid", {}, { timeout: 20_000 });
}

describe("DayPicker", () => {
  it("asks for the month in the site's zone and says how much of a day there is", async () => {
    setup();
    await open();
    expect(await screen.findByRole("button", { name: /21 October 2020, 50 % recorded, Camera offline 12 h/ })).toBeTruthy();
    expect(asked).toHaveBeenCalledWith({ from: String(day("2020-10-01")), to: String(day("2020-11-01")), tz: "Europe/Berlin" });
    expect(screen.getByRole("button", { name: /20 October 2020, nothing recorded/ })).toBeTruthy();
  });

  it("is used by keys alone, and gives the focus back", async () => {
    const onDay = setup();
    await open();
    expect(document.activeElement?.getAttribute("aria-label")).toMatch(/22 October 2020/);
    await userEvent.keyboard("{ArrowLeft}");
    expect(document.activeElement?.getAttribute("aria-label")).toMatch(/21 October 2020/);
    await userEvent.keyboard("{PageUp}");
    expect(await screen.findByRole("grid", { name: "September 2020" })).toBeTruthy();
    await userEvent.keyboard("{Enter}");
    expect(onDay).toHaveBeenCalledWith(day("2020-09-21"));
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(document.activeElement).toBe(screen.getByRole("button", { name: /Choose a day/ }));
  });

  it("closes with Escape and with a press elsewhere", async () => {
    setup();
    await open();
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).toBeNull();
    await open();
    await userEvent.click(document.body);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("gives the server's sentence when coverage cannot be had", async () => {
    server.use(http.get("*/api/v1/cameras/front/coverage", () => HttpResponse.json({ title: "x", status: 400, detail: "the time zone is not known" }, { status: 400 })));
    setup();
    await open();
    expect(await within(screen.getByRole("dialog")).findByText("The time zone is not known.")).toBeTruthy();
  });

  it("goes to the neighbouring days", async () => {
    const onDay = setup();
    await userEvent.click(screen.getByRole("button", { name: "Previous day" }));
    expect(onDay).toHaveBeenCalledWith(day("2020-10-21"));
  });
});
