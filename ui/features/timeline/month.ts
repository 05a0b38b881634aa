// A month as weeks, and what a day's coverage means. Pure.
import type { CoverageDay } from "@/lib/api/recording-types";
import { gapName } from "@/lib/format";
import { duration } from "@/lib/time/duration";
import { addDays, isoDay, longDay, monthStart, weekday } from "@/lib/time/zone";

/** Local midnights of the weeks that hold the month, Monday first; days of the neighbours are undefined. */
export function weeksOf(month: number): (number | undefined)[][] {
  const end = monthStart(month, 1);
  const cells: (number | undefined)[] = Array.from({ length: weekday(month) }, () => undefined);
  for (let day = month; day < end; day = addDays(day, 1)) cells.push(day);
  while (cells.length % 7) cells.push(undefined);
  return Array.from({ length: cells.length / 7 }, (_, i) => cells.slice(i * 7, i * 7 + 7));
}

/** The focus after a key, kept at or before `last`; undefined for keys that do not move. */
export function moveDay(day: number, key: string, last: number): number | undefined {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  let next: number | undefined;
  if (steps[key]) next = addDays(day, steps[key]);
  else if (key === "Home") next = addDays(day, -weekday(day));
  else if (key === "End") next = addDays(day, 6 - weekday(day));
  else if (key === "PageUp" || key === "PageDown") {
    const target = monthStart(day, key === "PageUp" ? -1 : 1);
    const wanted = addDays(target, Number(isoDay(day).slice(8)) - 1);
    next = monthStart(wanted) === target ? wanted : addDays(monthStart(target, 1), -1); // 31 has no place in a month of 30
  }
  return next === undefined ? undefined : Math.min(next, last);
}

/** "97 % recorded", and never 100 where something is missing. */
export function coverageText(day: CoverageDay | undefined): string {
  if (!day || day.recorded_ms <= 0) return "nothing recorded";
  const percent = Math.round(day.fraction * 100);
  return `${day.fraction < 1 ? Math.max(1, Math.min(99, percent)) : 100} % recorded`;
}

/** "Camera offline 40 min · Recording off 2 h", the longest first. */
export function missingText(day: CoverageDay): string {
  return Object.entries(day.gaps)
    .filter(([, ms]) => ms >= 1_000)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, ms]) => `${gapName(reason)} ${duration(ms)}`)
    .join(" · ");
}

export function spokenDay(t: number, day: CoverageDay | undefined): string {
  const missing = day && missingText(day);
  return `${longDay(t)}, ${coverageText(day)}${missing ? `, ${missing}` : ""}`;
}
