import { describe, expect, it } from "vitest";
import { deliveryText } from "./notify";

const delivery = { phase: "new", severity: "high", route: "night", notifier: "phone", level: 0 } as const;

describe("deliveryText", () => {
  it("says who, where, when and by which route", () => {
    expect(deliveryText(delivery, "Anna · Person on Front door")).toBe("Anna · Person on Front door, as it began · high alert · route night.");
  });

  it("leaves out what a heading or the notifier says, and tells of an escalation", () => {
    expect(deliveryText({ ...delivery, phase: "end", severity: "", route: "phone", level: 2 })).toBe("When it ended · escalated 2 times.");
  });
});
