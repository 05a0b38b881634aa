import { describe, expect, it } from "vitest";
import { bestGrid } from "./layout";

describe("bestGrid", () => {
  it("makes the pictures as large as the room allows", () => {
    expect(bestGrid(1, 1000, 600)).toEqual({ columns: 1, rows: 1 });
    expect(bestGrid(4, 1000, 600)).toEqual({ columns: 2, rows: 2 });
    expect(bestGrid(2, 1600, 450)).toEqual({ columns: 2, rows: 1 });
    expect(bestGrid(2, 500, 1000)).toEqual({ columns: 1, rows: 2 });
    expect(bestGrid(9, 1200, 700)).toEqual({ columns: 3, rows: 3 });
  });

  it("has a row even with nothing to show", () => {
    expect(bestGrid(0, 100, 100)).toEqual({ columns: 1, rows: 1 });
  });
});
