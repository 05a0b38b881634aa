import { describe, expect, it } from "vitest";
import { decodeTimeline, joinDays, Severity } from "@/lib/timeline/decode";
import { judgedRows, ruled, withMarks } from "./use-alerts";

function rowsOf(severity: number[], kind = [0, 0, 1]) {
  const events = { id: ["a", "b", "c"], start: [1, 1, 1], duration: [1, 1, -1], label: [0, 1, 2], kind, score: [90, 90, 90], severity };
  const none = { start: [], duration: [] };
  const day = decodeTimeline({ from: 0, to: 1000, labels: ["person", "car", "offline"], kinds: ["object", "camera"], severities: ["", "low", "normal", "high"], cameras: [{ id: "front", recordings: none, gaps: { ...none, reason: [] }, events }] }, 5000);
  return new Map([["front", joinDays([day, day], "front")]]);
}

describe("alerts on the timeline", () => {
  it("are what rules say, whoever was seen", () => {
    const rows = rowsOf([0, 3, 2]);
    expect([...judgedRows(rows).get("front")!.events.severity]).toEqual([Severity.detection, Severity.alert, Severity.none]);
    expect(withMarks(rows, new Map()).get("front")).toEqual([
      { kind: "alert", severity: "high", event: "b", from: 2, to: 3 },
      { kind: "alert", severity: "normal", event: "c", from: 3, to: Infinity },
    ]);
  });

  it("keep what is marked besides", () => {
    const hold = { kind: "favourite" as const, from: 0, to: 1 };
    expect(withMarks(rowsOf([0, 0, 1]), new Map([["front", [hold]]])).get("front")).toMatchObject([hold, { severity: "low", event: "c" }]);
  });

  it("are not drawn where there are no rules, for then everything is one", () => {
    expect(ruled(rowsOf([2, 2, 2]))).toBe(false);
    expect(ruled(rowsOf([0, 0, 0]))).toBe(false);
    expect(ruled(new Map())).toBe(false);
    expect(ruled(rowsOf([0, 2, 2]))).toBe(true);
    expect(ruled(rowsOf([2, 3, 2]))).toBe(true);
  });
});
