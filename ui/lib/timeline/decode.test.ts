import { describe, expect, it } from "vitest";
import type { TimelinePayload } from "../api/types";
import { decodeTimeline, joinDays, Severity, undelta } from "./decode";

const payload = (from: number, events: { id: string[]; start: number[]; duration: number[]; label: number[]; kind: number[]; score: number[] }): TimelinePayload => ({
  from,
  to: from + 86_400_000,
  labels: ["person", "car", "motion"],
  kinds: ["object", "motion", "camera", "manual"],
  cameras: [{ id: "a", recordings: { start: [0, 7_000], duration: [5_000, 1_000] }, gaps: { start: [5_000], duration: [2_000], reason: ["offline"] }, events }],
});

describe("decodeTimeline", () => {
  it("adds deltas up from the origin", () => {
    expect([...undelta([5, 10, 0, 7], 1000)]).toEqual([1005, 1015, 1015, 1022]);
    expect([...undelta([], 1000)]).toEqual([]);
  });

  it("gives absolute ranges, labels and severities", () => {
    const day = decodeTimeline(payload(1_000_000, { id: ["x", "y", "z"], start: [100, 900, 50], duration: [500, -1, 20], label: [0, 1, 2], kind: [0, 0, 1], score: [88, 70, 0] }), 42);
    const row = day.rows[0]!;
    expect([...row.recordings.start]).toEqual([1_000_000, 1_007_000]);
    expect([...row.recordings.end]).toEqual([1_005_000, 1_008_000]);
    expect(row.gaps.reason).toEqual(["offline"]);
    expect([...row.events.start]).toEqual([1_000_100, 1_001_000, 1_001_050]);
    expect([...row.events.end]).toEqual([1_000_600, Infinity, 1_001_070]);
    expect([...row.events.severity]).toEqual([Severity.alert, Severity.detection, Severity.motion]);
    expect([...row.events.maxEnd]).toEqual([1_000_600, Infinity, Infinity]);
    expect(day.asOf).toBe(42);
  });

  it("survives codes it does not know", () => {
    const day = decodeTimeline(payload(0, { id: ["x"], start: [0], duration: [1], label: [99], kind: [99], score: [1] }), 0);
    expect(day.rows[0]!.events.label).toEqual([""]);
    expect(day.rows[0]!.events.kind).toEqual(["object"]);
  });
});

describe("joinDays", () => {
  it("keeps an event that both days list only once", () => {
    const one = { label: [0], kind: [0], score: [80] };
    const first = decodeTimeline(payload(0, { id: ["night"], start: [86_399_000], duration: [2_000], ...one }), 0);
    const second = decodeTimeline(payload(86_400_000, { id: ["night"], start: [-1_000], duration: [2_000], ...one }), 0);
    const row = joinDays([first, second], "a");
    expect(row.events.id).toEqual(["night"]);
    expect(row.events.start).toHaveLength(1);
    expect(row.recordings.start).toHaveLength(4);
  });

  it("is empty for a camera without data", () => {
    expect(joinDays([], "a").events.id).toEqual([]);
  });
});
