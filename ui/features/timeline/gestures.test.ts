import { beforeEach, describe, expect, it, vi } from "vitest";
import { timeAt, type View } from "./engine";
import { Gestures } from "./gestures";

let view: View;
const scrub = vi.fn();
const tap = vi.fn();
const mark = vi.fn();
let gestures: Gestures;

beforeEach(() => {
  view = { t0: 0, span: 3_600_000, width: 1000 };
  scrub.mockReset();
  tap.mockReset();
  mark.mockReset();
  gestures = new Gestures({ view: () => view, setView: (v) => (view = v), scrubs: (_, y) => y < 24, scrub, tap, mark });
});

describe("Gestures", () => {
  it("takes a press that hardly moves for a tap", () => {
    gestures.down(1, 100, 50);
    gestures.move(1, 103, 51);
    gestures.up(1, 103, 51);
    expect(tap).toHaveBeenCalledWith(103, 51);
    expect(view.t0).toBe(0);
  });

  it("pans with the ground, which stays under the finger", () => {
    const under = timeAt(view, 500);
    gestures.down(1, 500, 50);
    gestures.move(1, 450, 50);
    gestures.move(1, 400, 50);
    gestures.up(1, 400, 50);
    expect(tap).not.toHaveBeenCalled();
    expect(timeAt(view, 400)).toBeCloseTo(under, 3);
  });

  it("marks a stretch with Shift, in whichever direction", () => {
    gestures.down(1, 500, 50, true);
    gestures.move(1, 503, 50);
    gestures.move(1, 400, 50);
    gestures.up(1, 400, 50);
    expect(mark.mock.calls).toEqual([[1_440_000, 1_800_000]]);
    expect(tap).not.toHaveBeenCalled();
    expect(view.t0).toBe(0);
  });

  it("scrubs from the axis and says when it is done", () => {
    gestures.down(1, 100, 10);
    gestures.move(1, 200, 80);
    gestures.up(1, 300, 80);
    expect(scrub.mock.calls).toEqual([[360_000, false], [720_000, false], [1_080_000, true]]);
  });

  it("zooms with two fingers around their middle", () => {
    const middle = timeAt(view, 500);
    gestures.down(1, 400, 50);
    gestures.down(2, 600, 50);
    gestures.move(1, 300, 50);
    gestures.move(2, 700, 50);
    expect(view.span).toBeCloseTo(1_800_000, -2);
    expect(timeAt(view, 500)).toBeCloseTo(middle, -2);
    gestures.up(1, 300, 50);
    gestures.up(2, 700, 50);
    expect(tap).not.toHaveBeenCalled();
    expect(gestures.active).toBe(false);
  });

  it("zooms by wheel at the pointer and pans sideways", () => {
    const under = timeAt(view, 250);
    gestures.wheel(250, 0, -100, false);
    expect(view.span).toBeLessThan(3_600_000);
    expect(timeAt(view, 250)).toBeCloseTo(under, 3);
    const { t0, span } = view;
    gestures.wheel(250, 0, 100, true);
    expect(view.span).toBe(span);
    expect(view.t0).toBeGreaterThan(t0);
  });
});
