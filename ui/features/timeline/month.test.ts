import { beforeEach, describe, expect, it } from "vitest";
import type { CoverageDay } from "@/lib/api/recording-types";
import { isoDay, parseDay, setZone } from "@/lib/time/zone";
import { coverageText, missingText, moveDay, spokenDay, weeksOf } from "./month";

const day = (text: string) => parseDay(text)!;
const coverage = (over: Partial<CoverageDay> = {}): CoverageDay => ({ date: "2026-10-25", from: 0, to: 0, recorded_ms: 3_600_000, gaps: {}, fraction: 0.5, ...over });

beforeEach(() => setZone("Europe/Berlin"));

describe("weeksOf", () => {
  it("is whole weeks from Monday, also over a change of the clocks", () => {
    const weeks = weeksOf(day("2026-10-01"));
    expect(weeks.map((w) => w.length)).toEqual([7, 7, 7, 7, 7]);
    expect(weeks[0]!.slice(0, 3)).toEqual([undefined, undefined, undefined]);
    const days = weeks.flat().filter((t) => t !== undefined);
    expect(days).toHaveLength(31);
    expect(isoDay(days[24]!)).toBe("2026-10-25");
    expect(isoDay(days.at(-1)!)).toBe("2026-10-31");
  });
});

describe("moveDay", () => {
  const last = day("2026-11-22");
  it("moves by days, weeks and months, and not beyond today", () => {
    expect(moveDay(day("2026-10-25"), "ArrowRight", last)).toBe(day("2026-10-26"));
    expect(moveDay(day("2026-10-27"), "ArrowUp", last)).toBe(day("2026-10-20"));
    expect(moveDay(day("2026-10-31"), "PageUp", last)).toBe(day("2026-09-30"));
    expect(moveDay(day("2026-10-31"), "PageDown", last)).toBe(last);
    expect(moveDay(day("2026-10-28"), "Home", last)).toBe(day("2026-10-26"));
    expect(moveDay(day("2026-11-22"), "ArrowRight", last)).toBe(last);
    expect(moveDay(day("2026-11-22"), "a", last)).toBeUndefined();
  });
});

describe("coverage in words", () => {
  it("never says all where something is missing, nor nothing where there is something", () => {
    expect(coverageText(coverage({ fraction: 0.9999 }))).toBe("99 % recorded");
    expect(coverageText(coverage({ fraction: 1 }))).toBe("100 % recorded");
    expect(coverageText(coverage({ fraction: 0.0001 }))).toBe("1 % recorded");
    expect(coverageText(coverage({ recorded_ms: 0, fraction: 0 }))).toBe("nothing recorded");
    expect(coverageText(undefined)).toBe("nothing recorded");
  });

  it("lists what is missing by cause, the longest first", () => {
    const gaps = { restart: 61_000, offline: 3_600_000, loss: 200 };
    expect(missingText(coverage({ gaps }))).toBe("Camera offline 1 h · Nightjar not running 1 min 01 s");
    expect(spokenDay(day("2026-10-25"), coverage({ gaps }))).toMatch(/^Sunday,? 25 October 2026, 50 % recorded, Camera offline 1 h · Nightjar/);
  });
});
