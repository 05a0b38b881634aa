import { beforeEach, describe, expect, it } from "vitest";
import { addDays, clock, dayStart, isoDay, parseDay, setZone, zoneName } from "./zone";

const HOUR = 3_600_000;
const utc = (text: string) => Date.parse(text);

describe("days in the site's zone", () => {
  beforeEach(() => setZone("Europe/Berlin"));

  it("begin at local midnight", () => {
    expect(dayStart(utc("2026-11-22T23:30:00Z"))).toBe(utc("2026-11-22T23:00:00Z"));
    expect(isoDay(utc("2026-11-22T23:30:00Z"))).toBe("2026-11-23");
    expect(clock(utc("2026-11-22T23:30:05Z"))).toBe("00:30:05");
  });

  it("have 23 hours in spring and 25 in autumn", () => {
    const spring = parseDay("2026-03-29")!;
    expect(addDays(spring, 1) - spring).toBe(23 * HOUR);
    const autumn = parseDay("2026-10-25")!;
    expect(addDays(autumn, 1) - autumn).toBe(25 * HOUR);
    expect(addDays(autumn, 2)).toBe(parseDay("2026-10-27"));
    expect(dayStart(autumn + 24.5 * HOUR)).toBe(autumn);
  });

  it("go back over a change of the clocks", () => {
    expect(addDays(parseDay("2026-10-26")!, -1)).toBe(parseDay("2026-10-25"));
    expect(addDays(parseDay("2026-03-30")!, -1)).toBe(parseDay("2026-03-29"));
  });

  it("keep the last zone when the server names none that is known", () => {
    setZone("Local");
    expect(zoneName()).toBe("Europe/Berlin");
  });

  it("refuse what is no day", () => {
    expect(parseDay("")).toBeUndefined();
  });
});
