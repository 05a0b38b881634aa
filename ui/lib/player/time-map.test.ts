import { describe, expect, it } from "vitest";
import { piecesOf, TimeMap } from "./time-map";

// 4 s of footage at 10:00:00, then nothing for a minute, then 4 s again: eight seconds of media.
const T = Date.parse("2026-01-31T10:00:00Z");
const map = new TimeMap(
  piecesOf([
    { start: 0, duration: 2, programDateTime: T },
    { start: 2, duration: 2, programDateTime: null },
    { start: 4, duration: 2, programDateTime: T + 64_000 },
    { start: 6, duration: 2, programDateTime: T + 66_000 },
  ]),
);

describe("TimeMap", () => {
  it("knows the stretch without footage around an instant", () => {
    expect(map.holeAt(T + 1_000)).toBeUndefined();
    expect(map.holeAt(T + 30_000)).toEqual({ from: T + 4_000, to: T + 64_000 });
    expect(map.holeAt(T - 1)).toEqual({ from: -Infinity, to: T });
    expect(map.holeAt(T + 90_000)).toEqual({ from: T + 68_000, to: Infinity });
    expect(new TimeMap([]).holeAt(T)).toEqual({ from: -Infinity, to: Infinity });
  });

  it("maps both ways inside footage", () => {
    expect(map.toWall(1.5)).toBe(T + 1_500);
    expect(map.toWall(3)).toBe(T + 3_000);
    expect(map.toMedia(T + 3_000)).toBe(3);
    expect(map.toMedia(T + 65_000)).toBe(5);
  });

  it("jumps on the wall where media time goes on", () => {
    expect(map.toWall(3.999)).toBeCloseTo(T + 3_999, 0);
    expect(map.toWall(4)).toBe(T + 64_000);
  });

  it("sends an instant inside a gap to the first picture after it", () => {
    expect(map.covers(T + 30_000)).toBe(false);
    expect(map.toMedia(T + 30_000)).toBe(4);
    expect(map.toMedia(T - 5_000)).toBe(0);
  });

  it("knows its ends", () => {
    expect(map.wallStart).toBe(T);
    expect(map.wallEnd).toBe(T + 68_000);
    expect(map.toMedia(T + 68_000)).toBeUndefined();
    expect(map.toWall(99)).toBe(T + 68_000);
    expect(map.covers(T + 67_999)).toBe(true);
  });

  it("is harmless when empty", () => {
    const empty = new TimeMap([]);
    expect(empty.empty).toBe(true);
    expect(empty.toMedia(T)).toBeUndefined();
    expect(empty.toWall(1)).toBeNaN();
  });

  it("drops fragments before the first date", () => {
    expect(piecesOf([{ start: 0, duration: 2 }, { start: 2, duration: 2, programDateTime: T }])).toEqual([{ mediaStart: 2, duration: 2, wallStart: T }]);
  });
});
