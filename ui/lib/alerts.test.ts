import { describe, expect, it } from "vitest";
import type { Verdict } from "./api/types";
import { alertOf, conditionText, isMadeUp, isQuiet, modeThen, verdictText } from "./alerts";

const verdict = (over: Partial<Verdict> = {}): Verdict => ({
  rule: "somebody_outside",
  severity: "high",
  alert: false,
  conditions: [
    { name: "label", holds: true, detail: "person is one of person." },
    { name: "mode", holds: false, detail: "the mode is home, and away, night is asked for." },
  ],
  ...over,
});

describe("alerts", () => {
  it("are what rules made of an event, not the alert everything is without rules", () => {
    expect(alertOf({ severity: "high", rules: ["somebody_outside"] })).toBe("high");
    expect(alertOf({ severity: "normal", rules: ["everything"] })).toBeUndefined();
    expect(alertOf({ severity: "", rules: [] })).toBeUndefined();
    expect(alertOf({})).toBeUndefined();
    expect(isQuiet({ severity: "" })).toBe(true);
    expect(isQuiet({})).toBe(false);
    expect(isMadeUp(verdict({ rule: "everything", conditions: [] }))).toBe(true);
  });

  it("are explained in sentences", () => {
    expect(verdictText(verdict(), false)).toBe("One condition (arming mode) does not hold.");
    expect(verdictText(verdict(), true)).toBe("It made this an alert when it happened. Now one condition (arming mode) does not hold any more.");
    expect(verdictText(verdict({ alert: true }), true)).toBe("All its conditions hold, so this became an alert.");
    expect(verdictText(verdict({ conditions: [{ name: "zone", holds: false, detail: "" }, { name: "score", holds: false, detail: "" }] }), false)).toBe("2 conditions (where it was, certainty) do not hold.");
  });

  it.each([
    ["person is one of person, car.", "Person is asked for."],
    ["person is not one of car, truck.", "Person is not asked for, only car or truck."],
    ["camera gate is not one of front.", "Gate is not asked for, only front."],
    ["it has entered porch, lawn, and lawn is asked for.", "It entered porch and lawn; lawn is asked for."],
    ["it has entered no zone, and porch, lawn is asked for.", "It entered no zone; porch or lawn is asked for."],
    ["the mode is home, and away, night is asked for.", "The mode was home; away or night is asked for."],
    ["its best score is 0.84, and 0.60 is asked for.", "The detector was 84 % sure; at least 60 % is asked for."],
    ["it has lasted 9s, and 2s is asked for.", "It lasted 9 s; at least 2 s is asked for."],
    ["the rule's last alert here was 5s ago, and the cool-down is 20s.", "The rule's last alert here was 5 s before; the pause is 20 s."],
    ["the rule's last alert here was -15s ago, and the cool-down is 20s.", "The rule has alerted on something later since."],
    ["it began on Monday 10:15, which is in the schedule.", "It began on Monday 10:15, which is in the schedule."],
    ["something new", "Something new."],
  ])("say conditions in plain words: %s", (detail, text) => expect(conditionText({ detail })).toBe(text));

  it("know the arming mode of then from the event or from a rule", () => {
    expect(modeThen({ mode: "night" })).toBe("night");
    expect(modeThen({}, [verdict()])).toBe("home");
    expect(modeThen({}, [])).toBeUndefined();
  });
});
