// Days and clock times in the zone of the site (the recorder's), not of the browser: "14:05 at the front door" must
// mean the same for everyone who looks.
import { now } from "./clock";

const DAY = 86_400_000;
let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Sets the site's zone; an unknown name ("Local", for instance) leaves the browser's in force. */
export function setZone(name: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    zone = name;
    formats.clear();
  } catch {
    // An unnamed zone: the browser's own is the best guess left.
  }
}

export function zoneName(): string {
  return zone;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(key: string, options: Intl.DateTimeFormatOptions, locale: string | undefined = undefined): Intl.DateTimeFormat {
  let f = formats.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat(locale, { timeZone: zone, ...options });
    formats.set(key, f);
  }
  return f;
}

/** Offset of the zone from UTC in ms at that instant. */
export function zoneOffset(ms: number): number {
  const parts = format(
    "offset",
    { hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" },
    "en-US",
  ).formatToParts(ms);
  const get = (type: string) => Number(parts.find((p) => p.type === type)?.value ?? 0);
  const local = Date.UTC(get("year"), get("month") - 1, get("day"), get("hour"), get("minute"), get("second"));
  return local - Math.floor(ms / 1000) * 1000;
}

/** The instant at which a wall clock in the zone shows this local time (given as if it were UTC). */
function fromLocal(local: number): number {
  const guess = local - zoneOffset(local);
  return local - zoneOffset(guess);
}

/** First instant of the local day that holds `ms`. */
export function dayStart(ms: number): number {
  const local = ms + zoneOffset(ms);
  return fromLocal(Math.floor(local / DAY) * DAY);
}

/** Start of the local day `days` later (or earlier); a day may have 23 or 25 hours. */
export function addDays(ms: number, days: number): number {
  const local = ms + zoneOffset(ms);
  return fromLocal((Math.floor(local / DAY) + days) * DAY);
}

/** "2026-11-22" in the zone, the value of a date input. */
export function isoDay(ms: number): string {
  return new Date(ms + zoneOffset(ms)).toISOString().slice(0, 10);
}

export function parseDay(day: string): number | undefined {
  const local = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(local) ? undefined : fromLocal(local);
}

const pad = (n: number) => String(n).padStart(2, "0");

/** "20:41:07" or "20:41": 24 hours everywhere, so that columns line up and a time is never ambiguous. */
export function clock(ms: number, seconds = true): string {
  const d = new Date(ms + zoneOffset(ms));
  const text = `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}`;
  return seconds ? `${text}:${pad(d.getUTCSeconds())}` : text;
}

/** "2026-11-22 20:41:07.250": what people can read, type and quote; milliseconds only where there are any. */
export function stamp(ms: number): string {
  const rest = ((Math.round(ms) % 1000) + 1000) % 1000;
  return `${isoDay(ms)} ${clock(ms)}${rest ? `.${String(rest).padStart(3, "0")}` : ""}`;
}

/** Reads "2026-11-22 20:41:07", "20:41:07.5" or "20:41"; without a date it is the day of `near`. */
export function parseStamp(text: string, near: number): number | undefined {
  const m = /^\s*(?:(\d{4}-\d{2}-\d{2})[ T]+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,3}))?)?\s*$/.exec(text);
  if (!m) return undefined;
  const [hours, minutes, seconds] = [Number(m[2]), Number(m[3]), Number(m[4] ?? 0)];
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const midnight = Date.parse(`${m[1] ?? isoDay(near)}T00:00:00Z`);
  if (Number.isNaN(midnight)) return undefined;
  return fromLocal(midnight + ((hours * 60 + minutes) * 60 + seconds) * 1000 + Number((m[5] ?? "").padEnd(3, "0")));
}

/** "14:02–14:07", with the days where they differ; seconds where minutes would be equal. */
export function clockRange(from: number, to: number): string {
  const seconds = to - from < 120_000;
  const sameDay = dayStart(from) === dayStart(to);
  return sameDay ? `${clock(from, seconds)}–${clock(to, seconds)}` : `${dayLabel(from)} ${clock(from, seconds)} – ${dayLabel(to)} ${clock(to, seconds)}`;
}

/** "Today 14:02–14:07". */
export function dayRange(from: number, to: number): string {
  return dayStart(from) === dayStart(to) ? `${dayLabel(from)} ${clockRange(from, to)}` : clockRange(from, to);
}

/** "Sun 22", and "1 Dec" where a month begins. */
export function shortDay(ms: number): string {
  if (isoDay(ms).endsWith("-01")) return format("firstDay", { day: "numeric", month: "short" }, "en-GB").format(ms);
  return format("shortDay", { weekday: "short", day: "numeric" }, "en-GB").format(ms);
}

/** "November 2026". */
export function monthName(ms: number): string {
  return format("month", { month: "long", year: "numeric" }, "en-GB").format(ms);
}

/** "Sunday 22 November 2026": for reading out. */
export function longDay(ms: number): string {
  return format("longDay", { weekday: "long", day: "numeric", month: "long", year: "numeric" }, "en-GB").format(ms);
}

/** First local midnight of the month `months` after the one that holds `ms`. */
export function monthStart(ms: number, months = 0): number {
  const d = new Date(ms + zoneOffset(ms));
  return fromLocal(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + months, 1));
}

/** 0 for Monday to 6 for Sunday, in the zone. */
export function weekday(ms: number): number {
  return (new Date(ms + zoneOffset(ms)).getUTCDay() + 6) % 7;
}

/** "Sun 22 Nov", with the year where it is not this one. */
export function dayName(ms: number): string {
  const thisYear = isoDay(ms).slice(0, 4) === isoDay(now()).slice(0, 4);
  return format(thisYear ? "day" : "dayYear", { weekday: "short", day: "numeric", month: "short", ...(thisYear ? {} : { year: "numeric" }) }, "en-GB").format(ms);
}

/** "Today", "Yesterday" or the day's name. */
export function dayLabel(ms: number): string {
  const today = dayStart(now());
  const day = dayStart(ms);
  if (day === today) return "Today";
  if (day === addDays(today, -1)) return "Yesterday";
  return dayName(ms);
}

/** Clock time, preceded by the day unless it is today. */
export function dateTime(ms: number): string {
  const label = dayLabel(ms);
  return label === "Today" ? clock(ms) : `${label} ${clock(ms)}`;
}

/** The same inside a sentence: "since yesterday 21:35:20". */
export function sinceTime(ms: number): string {
  return dateTime(ms).replace(/^Yesterday/, "yesterday");
}
