import { describe, expect, it } from "vitest";
import type { Point } from "./api/types";
import { areaOf, isConvex, lineProblem, polygonProblem, rectangle, shifted } from "./geometry";

const square: Point[] = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]];

describe("areas", () => {
  it("pass as the server lets them pass", () => {
    expect(polygonProblem(square)).toBeUndefined();
    expect(polygonProblem([[0, 0], [1, 0], [1, 1]])).toBeUndefined();
    expect(polygonProblem([[0.1, 0.1], [0.9, 0.1], [0.5, 0.3], [0.9, 0.9]])).toBeUndefined();
  });

  it.each<[Point[], RegExp]>([
    [square.slice(0, 2), /has 2 points, want 3 to 64/],
    [[[0, 0], [1.2, 0], [1, 1]], /point 2 is outside/],
    [[[0, 0], [0, 0], [1, 1]], /points 1 and 2 are the same/],
    [[[0, 0], [1, 1], [1, 0], [0, 1]], /points 1 and 3 cross/],
    [[[0, 0], [0.5, 0], [1, 0]], /encloses next to nothing/],
    [[[0, 0], [0.005, 0], [0.005, 0.005], [0, 0.005]], /encloses next to nothing/],
    [Array.from({ length: 65 }, (_, i): Point => [i / 100, i % 2]), /has 65 points/],
  ])("say what is wrong: %j", (points, what) => {
    expect(polygonProblem(points)).toMatch(what);
  });

  it("know their size and whether a corner points inwards", () => {
    expect(areaOf(square)).toBeCloseTo(0.16);
    expect(isConvex(square)).toBe(true);
    expect(isConvex([[0, 0], [1, 0], [0.2, 0.2], [0, 1]])).toBe(false);
  });

  it("are rectangles whichever corner comes first, and stay whole at the edge", () => {
    expect(rectangle([0.5, 0.6], [0.1, 0.2])).toEqual([[0.1, 0.2], [0.5, 0.2], [0.5, 0.6], [0.1, 0.6]]);
    expect(shifted(square, 0.9, -0.5)).toEqual([[0.6, 0], [1, 0], [1, 0.4], [0.6, 0.4]]);
  });
});

it("a line has two ends, apart", () => {
  expect(lineProblem([[0.1, 0.1], [0.5, 0.1]])).toBeUndefined();
  expect(lineProblem([[0.1, 0.1]])).toMatch(/has 1 points/);
  expect(lineProblem([[0.1, 0.1], [0.11, 0.1]])).toMatch(/less than 2 %/);
});
