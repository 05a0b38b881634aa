import { describe, expect, it, vi } from "vitest";
import { around, dragEdge, MIN_RANGE, parseRange, Selection, withEdge } from "./selection";

const NOW = 10_000_000;

describe("withEdge", () => {
  it("selects half a minute from a first mark on, or up to it", () => {
    expect(withEdge(undefined, "from", 1_000_000, NOW)).toEqual({ from: 1_000_000, to: 1_030_000 });
    expect(withEdge(undefined, "to", 1_000_000, NOW)).toEqual({ from: 970_000, to: 1_000_000 });
  });

  it("moves one edge and leaves the other", () => {
    const range = { from: 1_000_000, to: 1_060_000 };
    expect(withEdge(range, "from", 1_020_000, NOW)).toEqual({ from: 1_020_000, to: 1_060_000 });
    expect(withEdge(range, "to", 1_020_000, NOW)).toEqual({ from: 1_000_000, to: 1_020_000 });
  });

  it("begins anew where the edges would cross", () => {
    const range = { from: 1_000_000, to: 1_060_000 };
    expect(withEdge(range, "from", 2_000_000, NOW)).toEqual({ from: 2_000_000, to: 2_030_000 });
    expect(withEdge(range, "to", 500_000, NOW)).toEqual({ from: 470_000, to: 500_000 });
  });

  it("never reaches beyond now", () => {
    expect(withEdge(undefined, "from", NOW + 5_000, NOW)).toEqual({ from: NOW - MIN_RANGE, to: NOW });
    expect(withEdge({ from: 0, to: 5_000 }, "to", NOW + 5_000, NOW).to).toBe(NOW);
  });
});

describe("dragEdge", () => {
  it("stops a second before the other edge, and at now", () => {
    const range = { from: 1_000_000, to: 1_060_000 };
    expect(dragEdge(range, "from", 5_000_000, NOW)).toEqual({ from: 1_059_000, to: 1_060_000 });
    expect(dragEdge(range, "to", 0, NOW)).toEqual({ from: 1_000_000, to: 1_001_000 });
    expect(dragEdge(range, "to", NOW * 2, NOW).to).toBe(NOW);
  });
});

describe("a selection", () => {
  it("begins as a tenth of what is in sight, before now", () => {
    expect(around(1_000_000, 3_600_000, NOW)).toEqual({ from: 820_000, to: 1_180_000 });
    expect(around(NOW, 60_000, NOW)).toEqual({ from: NOW - 30_000, to: NOW });
  });

  it("can be read from an address, and from nothing else", () => {
    expect(parseRange("1764270000000-1764270030000")).toEqual({ from: 1764270000000, to: 1764270030000 });
    expect(parseRange("1764270030000-1764270000000")).toBeUndefined();
    expect(parseRange("a-b")).toBeUndefined();
    expect(parseRange(null)).toBeUndefined();
  });

  it("tells listeners of changes only", () => {
    const selection = new Selection();
    const told = vi.fn();
    selection.subscribe(told);
    selection.set({ from: 1.2, to: 2000.4 });
    selection.set({ from: 1, to: 2000 });
    selection.set(undefined);
    expect(told).toHaveBeenCalledTimes(2);
  });
});
