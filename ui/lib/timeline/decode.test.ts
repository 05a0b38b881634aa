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

describe("gaps and counts", () => {
  const none = { id: [], start: [], duration: [], label: [], kind: [], score: [] };
  const DAY = 86_400_000;

  it("a gap that reaches the answer's own time goes on", () => {
    const p = payload(0, none);
    p.cameras[0]!.gaps = { start: [5_000, 40_000], duration: [2_000, 15_000], reason: ["offline", "disk"] };
    expect([...decodeTimeline(p, 61_000).rows[0]!.gaps.end]).toEqual([7_000, Infinity]);
    expect([...decodeTimeline(p, 300_000).rows[0]!.gaps.end]).toEqual([7_000, 60_000]);
    p.cameras[0]!.gaps.duration[1] = -1;
    expect([...decodeTimeline(p, 300_000).rows[0]!.gaps.end]).toEqual([7_000, Infinity]);
    expect([...decodeTimeline(p, 3 * DAY).rows[0]!.gaps.end]).not.toContain(Infinity);
  });

  it("one gap across midnight is one, of another reason it is not", () => {
    const night = (from: number, start: number, duration: number, reason: string) => {
      const p = payload(from, none);
      p.cameras[0]!.gaps = { start: [start], duration: [duration], reason: [reason] };
      return decodeTimeline(p, 10 * DAY);
    };
    const joined = joinDays([night(0, DAY - 60_000, 60_000, "offline"), night(DAY, 0, 30_000, "offline")], "a").gaps;
    expect([[...joined.start], [...joined.end], joined.reason]).toEqual([[DAY - 60_000], [DAY + 30_000], ["offline"]]);
    expect(joinDays([night(0, DAY - 60_000, 60_000, "offline"), night(DAY, 0, 30_000, "restart")], "a").gaps.start).toHaveLength(2);
  });

  it("counts of several labels are one bucket, named by what matters most", () => {
    const p = payload(0, none);
    p.cameras[0]!.density = { start: [0, 0, 0, 600_000, 0], count: [3, 2, 40, 5, 9], label: [1, 0, 2, 2, 1] };
    const density = decodeTimeline(p, 0, 600_000).rows[0]!.density!;
    expect([...density.start]).toEqual([0, 600_000]);
    expect([...density.count]).toEqual([45, 14]);
    expect(density.label).toEqual(["person", "car"]);
    expect(density.peak).toBe(45);
  });

  it("counts per bucket are joined over blocks", () => {
    const block = (from: number, count: number) => {
      const p = payload(from, none);
      delete p.cameras[0]!.events;
      p.cameras[0]!.density = { start: [0, 600_000], count: [count, 2], label: [2, 0] };
      return decodeTimeline(p, 10 * DAY, 600_000);
    };
    const { density, events } = joinDays([block(0, 7), block(DAY, 40)], "a");
    expect(density).toMatchObject({ bucket: 600_000, label: ["motion", "person", "motion", "person"], peak: 40 });
    expect([...density!.start]).toEqual([0, 600_000, DAY, DAY + 600_000]);
    expect([...density!.severity]).toEqual([Severity.motion, Severity.alert, Severity.motion, Severity.alert]);
    expect(events.id).toEqual([]);
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
