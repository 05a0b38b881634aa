import { describe, expect, it } from "vitest";
import { mockEvent } from "@/test/fixtures";
import { decodeTimeline, joinDays, Severity } from "@/lib/timeline/decode";
import { judgedRows, ruled, withMarks } from "./use-alerts";

const day = decodeTimeline({ from: 0, to: 1000, labels: ["person", "car"], kinds: ["object"], cameras: [{ id: "front", recordings: { start: [], duration: [] }, gaps: { start: [], duration: [], reason: [] }, events: { id: ["a", "b", "c"], start: [1, 1, 1], duration: [1, 1, 1], label: [0, 0, 1], kind: [0, 0, 0], score: [90, 90, 90] } }] }, 5000);
const rows = new Map([["front", joinDays([day], "front")]]);

describe("alerts on the timeline", () => {
  it("are what rules say, whoever was seen", () => {
    const alerts = [mockEvent({ id: "c", label: "car", severity: "high", rules: ["gate"] })];
    expect([...judgedRows(rows, alerts).get("front")!.events.severity]).toEqual([Severity.detection, Severity.detection, Severity.alert]);
    expect(withMarks(new Map(), alerts).get("front")).toMatchObject([{ kind: "alert", severity: "high", event: "c" }]);
  });

  it("are not drawn where there are no rules, for then everything is one", () => {
    expect(ruled([mockEvent({ severity: "normal", rules: ["everything"] })])).toBe(false);
    expect(ruled([mockEvent({})])).toBe(false);
    expect(ruled([])).toBe(true);
    expect(ruled([mockEvent({ severity: "low", rules: ["gate"] })])).toBe(true);
  });
});
