import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { setZone } from "@/lib/time/zone";
import { renderPage } from "@/test/render";
import { Selection } from "./selection";
import { SelectionBar } from "./SelectionBar";

const at = (text: string) => Date.parse(`2026-01-31T${text}Z`);

function setup() {
  const selection = new Selection({ from: at("11:00:00"), to: at("11:01:30") });
  renderPage(<SelectionBar selection={selection} href={(r) => `/timeline/?range=${r.from}-${r.to}`} actions={(r) => <button type="button">Export {r.to - r.from}</button>} />);
  return selection;
}

const start = () => screen.getByRole("textbox", { name: /^Start/ });
const end = () => screen.getByRole("textbox", { name: /^End/ });

describe("SelectionBar", () => {
  beforeEach(() => setZone("UTC"));

  it("shows both times and the length, and hands the stretch to the actions", () => {
    setup();
    expect((start() as HTMLInputElement).value).toBe("2026-01-31 11:00:00");
    expect((end() as HTMLInputElement).value).toBe("2026-01-31 11:01:30");
    expect(screen.getByText("1 min 30 s")).toBeTruthy();
    expect(screen.getByRole("button", { name: "Export 90000" })).toBeTruthy();
  });

  it("takes a typed time, with or without the date", async () => {
    const selection = setup();
    await userEvent.clear(start());
    await userEvent.type(start(), "10:58:30.5{Enter}");
    expect(selection.get()?.from).toBe(at("10:58:30.500"));
    await userEvent.clear(end());
    await userEvent.type(end(), "2026-01-31 12:00");
    await userEvent.tab();
    expect(selection.get()?.to).toBe(at("12:00:00"));
  });

  it("refuses what is no time, and an end before the start", async () => {
    const selection = setup();
    await userEvent.clear(end());
    await userEvent.type(end(), "tomorrow{Enter}");
    expect(end().getAttribute("aria-invalid")).toBe("true");
    await userEvent.clear(end());
    await userEvent.type(end(), "10:00{Enter}");
    expect(end().getAttribute("aria-invalid")).toBe("true");
    expect(selection.get()).toEqual({ from: at("11:00:00"), to: at("11:01:30") });
  });

  it("moves by a second with the arrow keys, and goes away when cleared", async () => {
    const selection = setup();
    await userEvent.type(end(), "{ArrowUp}");
    expect(selection.get()?.to).toBe(at("11:01:31"));
    await userEvent.click(screen.getAllByRole("button", { name: "Clear the selection" })[0]!);
    expect(selection.get()).toBeUndefined();
    expect(screen.queryByRole("textbox")).toBeNull();
    act(() => selection.set({ from: at("11:00:00"), to: at("11:00:10") }));
    expect(start()).toBeTruthy();
  });
});
