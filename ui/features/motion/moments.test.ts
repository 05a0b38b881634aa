import { describe, expect, it } from "vitest";
import { heatOf, hottest, momentsOf, pictureTimes, rangeProblem, sorted, unknownLength } from "./moments";

describe("moments", () => {
  it("join what pauses shortly, and keep the strongest", () => {
    const moments = momentsOf({ spans: { start: [0, 40_000, 200_000], end: [20_000, 50_000, 210_000], cells: [0.1, 0.4, 0.2] } });
    expect(moments).toEqual([{ start: 0, end: 50_000, share: 0.4 }, { start: 200_000, end: 210_000, share: 0.2 }]);
    expect(sorted(moments, "newest").map((m) => m.start)).toEqual([200_000, 0]);
    expect(sorted(moments, "most").map((m) => m.start)).toEqual([0, 200_000]);
  });

  it("are shown by a picture soon after they began, or one of their middle", () => {
    expect(pictureTimes({ start: 0, end: 10_000, share: 1 })).toEqual([5_000]);
    expect(pictureTimes({ start: 0, end: 60_000, share: 1 })).toEqual([5_000, 30_000]);
  });

  it("do not count time ahead as unknown", () => {
    expect(unknownLength({ unknown: { start: [0, 900], end: [100, 2000] } }, 1000)).toBe(200);
  });

  it("are searched in a range that makes sense", () => {
    const now = 1_000_000_000_000;
    expect(rangeProblem(now - 1000, now, now)).toBeUndefined();
    expect(rangeProblem(undefined, now, now)).toMatch(/Write times/);
    expect(rangeProblem(now, now, now)).toMatch(/before the end/);
    expect(rangeProblem(now - 33 * 86_400_000, now, now)).toMatch(/32 days/);
    expect(rangeProblem(now + 1, now + 2, now)).toMatch(/ahead/);
  });
});

describe("heat", () => {
  it("is between 0 and 1, and little of it can be seen beside much", () => {
    const heat = heatOf({ counts: [0, 1, 1000] });
    expect(heat[0]).toBe(0);
    expect(heat[1]).toBeGreaterThan(0.09);
    expect(heat[2]).toBe(1);
  });

  it("says where most happened", () => {
    const map = { from: 0, to: 1, step_ms: 1, columns: 3, rows: 3, unknown: { start: [], end: [] } };
    expect(hottest({ ...map, counts: [0, 0, 0, 0, 0, 0, 9, 0, 0] })).toBe("lower left");
    expect(hottest({ ...map, counts: [0, 0, 0, 0, 9, 0, 0, 0, 0] })).toBe("middle");
    expect(hottest({ ...map, counts: [0, 0, 0] })).toBeUndefined();
  });
});
