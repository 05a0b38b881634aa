import { describe, expect, it } from "vitest";
import { mockEvent } from "@/test/fixtures";
import { decodeTimeline, type TimelineDay } from "./decode";
import { putIntoDay } from "./patch";

const FROM = Date.parse("2026-01-31T00:00:00Z");
const TO = FROM + 86_400_000;
const at = (minute: number) => new Date(FROM + minute * 60_000).toISOString();

function dayWith(...minutes: number[]): TimelineDay {
  const events = { id: minutes.map((m) => `e${m}`), start: minutes.map((m, i) => (m - (minutes[i - 1] ?? 0)) * 60_000), duration: minutes.map(() => 60_000), label: minutes.map(() => 0), kind: minutes.map(() => 0), score: minutes.map(() => 92), severity: minutes.map(() => 0) };
  return decodeTimeline({ from: FROM, to: TO, labels: ["person"], kinds: ["object"], severities: ["", "low", "normal", "high"], cameras: [{ id: "front", recordings: { start: [], duration: [] }, gaps: { start: [], duration: [], reason: [] }, events }] }, TO);
}

const events = (day: TimelineDay) => day.rows[0]!.events;

describe("putIntoDay", () => {
  it("adds an event where it belongs, as it goes on", () => {
    const day = putIntoDay(dayWith(10, 30), mockEvent({ id: "new", start: at(20), end: undefined, severity: "high" }));
    expect(events(day).id).toEqual(["e10", "new", "e30"]);
    expect(events(day).end[1]).toBe(Infinity);
    expect([...events(day).maxEnd]).toEqual([FROM + 11 * 60_000, Infinity, Infinity]);
    expect(events(day).alert).toEqual(["", "high", ""]);
  });

  it("makes a late alert of one that is there, and ends it", () => {
    const before = dayWith(10, 30);
    const day = putIntoDay(before, mockEvent({ id: "e10", start: at(10), end: at(12), top_score: 0.996, severity: "normal" }));
    expect(events(day).id).toEqual(["e10", "e30"]);
    expect(events(day).alert).toEqual(["normal", ""]);
    expect([...events(day).score]).toEqual([100, 92]);
    expect(events(day).end[0]).toBe(FROM + 12 * 60_000);
    expect(events(before).alert).toEqual(["", ""]);
  });

  it("moves an event whose start changed, in either direction", () => {
    expect(events(putIntoDay(dayWith(10, 20, 30), mockEvent({ id: "e10", start: at(25), end: at(26) }))).id).toEqual(["e20", "e10", "e30"]);
    expect(events(putIntoDay(dayWith(10, 20, 30), mockEvent({ id: "e30", start: at(15), end: at(16) }))).id).toEqual(["e10", "e30", "e20"]);
  });

  it("is the same day where nothing changes that it shows", () => {
    const day = dayWith(10);
    expect(putIntoDay(day, mockEvent({ id: "e10", start: at(10), end: at(11), revision: 9 }))).toBe(day);
  });

  it("leaves out what is not of it", () => {
    const day = dayWith(10);
    expect(putIntoDay(day, mockEvent({ id: "x", camera: "drive", start: at(20) }))).toBe(day);
    expect(putIntoDay(day, mockEvent({ id: "x", start: new Date(TO).toISOString(), end: undefined }))).toBe(day);
    expect(putIntoDay(day, mockEvent({ id: "x", start: at(-10), end: at(0) }))).toBe(day);
    expect(events(putIntoDay(day, mockEvent({ id: "x", start: at(-10), end: at(1) }))).id).toEqual(["x", "e10"]);
  });
});
