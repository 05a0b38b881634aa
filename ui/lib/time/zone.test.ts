import { beforeEach, describe, expect, it } from "vitest";
import { addDays, clock, clockRange, dayRange, dayStart, isoDay, monthStart, parseDay, parseStamp, setZone, stamp, weekday, zoneName } from "./zone";

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

describe("times that people read and type", () => {
  beforeEach(() => setZone("Europe/Berlin"));

  it("are a stamp in the site's zone, with milliseconds only where there are any", () => {
    expect(stamp(utc("2026-11-22T19:41:07Z"))).toBe("2026-11-22 20:41:07");
    expect(stamp(utc("2026-11-22T19:41:07.050Z"))).toBe("2026-11-22 20:41:07.050");
  });

  it("are read back, also without day, seconds or on the other side of a change of the clocks", () => {
    const near = utc("2026-11-22T19:00:00Z");
    for (const t of ["2026-11-22T19:41:07.050Z", "2026-07-01T10:00:00Z", "2026-10-25T05:00:00Z"].map(utc)) expect(parseStamp(stamp(t), near)).toBe(t);
    expect(parseStamp("20:41", near)).toBe(utc("2026-11-22T19:41:00Z"));
    expect(parseStamp(" 2026-11-20T8:05:09.5 ", near)).toBe(utc("2026-11-20T07:05:09.500Z"));
    for (const wrong of ["", "25:00", "20:61", "2026-13-40 10:00", "noon"]) expect(parseStamp(wrong, near)).toBeUndefined();
  });

  it("are a range with seconds only where it is short, and days where they differ", () => {
    const t = utc("2020-11-22T19:41:07Z");
    expect(clockRange(t, t + 300_000)).toBe("20:41–20:46");
    expect(clockRange(t, t + 9_000)).toBe("20:41:07–20:41:16");
    expect(dayRange(t, t + 300_000)).toMatch(/22 Nov 2020 20:41–20:46$/);
    expect(dayRange(t, t + 86_400_000)).toMatch(/22 Nov 2020 20:41 – .*23 Nov 2020 20:41$/);
  });

  it("know months and weekdays", () => {
    expect(isoDay(monthStart(utc("2026-11-30T23:30:00Z")))).toBe("2026-12-01");
    expect(isoDay(monthStart(utc("2026-01-15T12:00:00Z"), -1))).toBe("2025-12-01");
    expect(weekday(utc("2026-11-22T12:00:00Z"))).toBe(6);
  });
});
