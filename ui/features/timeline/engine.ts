// Pure geometry of the timeline: what falls on which pixel column, what lies under the pointer, how a gesture changes the
// view. No DOM and no React, so that each rule is a test. One pass per row over what is visible, one column one answer:
// 32,000 events then cost the same to paint as 32 (research: per-column bins with putImageData hold 58–60 fps).
import { Severity, type Density, type Events, type Ranges, type TimelineRow } from "@/lib/timeline/decode";

export interface View {
  /** wall clock at the left edge, ms */
  t0: number;
  /** ms from left to right */
  span: number;
  /** columns; device pixels when painting, CSS pixels when pointing */
  width: number;
}

export const MIN_SPAN = 60_000;
export const DAY = 86_400_000;
/** A month: the longest range that the server answers for at once. */
export const MAX_SPAN = 31 * DAY;
/** Wider than this, events are counts per bucket. */
export const WIDE_SPAN = 2 * DAY;

export const timeAt = (view: View, x: number): number => view.t0 + (x / view.width) * view.span;
export const xAt = (view: View, t: number): number => ((t - view.t0) / view.span) * view.width;

/** What a column holds: footage, nothing known, or a gap by whose doing it is: the camera's, the recorder's, or ours. */
export const Cover = { nothing: 0, gap: 1, recorded: 2, recorderGap: 3, off: 4 } as const;

const recorderReasons = new Set(["disk", "overload", "restart", "clock"]);

export function coverOf(reason: string): number {
  if (reason === "disabled") return Cover.off;
  return recorderReasons.has(reason) ? Cover.recorderGap : Cover.gap;
}

export interface RowBins {
  cover: Uint8Array;
  severity: Uint8Array;
  /** share of the row's height a column's block takes, in 255ths; 0 where the severity decides */
  level: Uint8Array;
  /** 1 where a block begins right after another one, so that neighbours stay two */
  seam: Uint8Array;
}

/** Index of the first element of the sorted `values` that is greater than `t`. */
export function upperBound(values: Float64Array, t: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (values[mid]! <= t) low = mid + 1;
    else high = mid;
  }
  return low;
}

function columns(view: View, start: number, end: number): [number, number] {
  const scale = view.width / view.span;
  const from = Math.max(0, Math.floor((start - view.t0) * scale));
  const to = Math.min(view.width, Math.max(Math.ceil((end - view.t0) * scale), from + 1));
  return [from, to];
}

function fillRanges(out: Uint8Array, ranges: Ranges, view: View, now: number, value: (i: number) => number): void {
  const t1 = Math.min(view.t0 + view.span, now);
  let i = Math.max(0, upperBound(ranges.start, view.t0) - 1);
  for (; i < ranges.start.length && ranges.start[i]! < t1; i++) {
    if (ranges.end[i]! <= view.t0) continue;
    const [from, to] = columns(view, ranges.start[i]!, Math.min(ranges.end[i]!, now));
    out.fill(value(i), from, to);
  }
}

/** `minWidth` columns at least per event, so that a two-second visit is visible in a day; `now` closes ongoing ones. */
export function bins(row: TimelineRow, view: View, now: number, minWidth = 2): RowBins {
  const cover = new Uint8Array(view.width);
  const severity = new Uint8Array(view.width);
  const seam = new Uint8Array(view.width);
  // A gap is painted first: at one pixel per minute a short gap must not hide the footage around it.
  const gap = (i: number) => coverOf(row.gaps.reason[i] ?? "");
  fillRanges(cover, row.gaps, view, now, gap);
  fillRanges(cover, row.recordings, view, now, () => Cover.recorded);
  if (view.span <= 3_600_000) fillShortGaps(cover, row, view, now, gap);
  const level = new Uint8Array(view.width);
  if (row.density) {
    fillDensity(severity, level, row.density, view);
    return { cover, severity, seam, level };
  }
  const { start, end, severity: of, maxEnd } = row.events;
  const t1 = view.t0 + view.span;
  for (let i = upperBound(maxEnd, view.t0); i < start.length && start[i]! < t1; i++) {
    const stop = Math.min(end[i]!, now);
    if (stop < view.t0) continue;
    const value = of[i]!;
    const [from, wide] = columns(view, start[i]!, stop);
    const to = Math.min(view.width, Math.max(wide, from + minWidth));
    if (from > 0 && severity[from - 1] === value && start[i]! >= view.t0) seam[from] = 1;
    for (let x = from; x < to; x++) if (severity[x]! < value) severity[x] = value;
  }
  return { cover, severity, seam, level };
}

/** Bars whose height is the number of events, by a scale that lets one be seen beside hundreds. */
function fillDensity(severity: Uint8Array, level: Uint8Array, density: Density, view: View): void {
  const { start, bucket, count, peak } = density;
  const t1 = view.t0 + view.span;
  for (let i = upperBound(start, view.t0 - bucket); i < start.length && start[i]! < t1; i++) {
    if (!count[i]) continue;
    const [from, to] = columns(view, start[i]!, start[i]! + bucket);
    const height = Math.round(255 * (0.18 + 0.82 * (Math.log1p(count[i]!) / Math.log1p(peak))));
    for (let x = from; x < to; x++) {
      if (level[x]! >= height) continue;
      level[x] = height;
      severity[x] = density.severity[i]!;
    }
  }
}

/** When there is room, a gap of any length is at least one column. */
function fillShortGaps(cover: Uint8Array, row: TimelineRow, view: View, now: number, value: (i: number) => number): void {
  const { start, end } = row.gaps;
  const t1 = Math.min(view.t0 + view.span, now);
  for (let i = Math.max(0, upperBound(start, view.t0) - 1); i < start.length && start[i]! < t1; i++) {
    if (end[i]! <= view.t0) continue;
    const [from, to] = columns(view, start[i]!, Math.min(end[i]!, now));
    cover.fill(value(i), from, Math.max(to - 1, from + 1));
  }
}

export interface GapHit {
  reason: string;
  /** a sentence of the recorder's, where it has one */
  detail?: string;
  start: number;
  end: number;
}

export type Hit =
  | { what: "event"; index: number }
  | { what: "density"; index: number }
  /** end is Infinity while it goes on */
  | ({ what: "gap" } & GapHit)
  /** `damage` says what is the matter with footage that is there all the same */
  | { what: "recorded"; damage?: GapHit }
  | { what: "nothing" };

/** The event at `t` within `slack` ms: the most severe, and of those the one that began last. */
export function eventAt(events: Events, t: number, slack: number, now: number): number {
  let best = -1;
  const from = upperBound(events.maxEnd, t - slack);
  const to = upperBound(events.start, t + slack);
  for (let i = Math.max(0, from - 1); i < to; i++) {
    if (Math.min(events.end[i]!, now) < t - slack) continue;
    if (events.severity[i] === Severity.none) continue;
    if (best < 0 || events.severity[i]! >= events.severity[best]!) best = i;
  }
  return best;
}

export function rangeAt(ranges: Ranges, t: number): number {
  const i = upperBound(ranges.start, t) - 1;
  return i >= 0 && t < ranges.end[i]! ? i : -1;
}

function bucketAt({ start, bucket, count }: Density, t: number): number {
  const i = upperBound(start, t) - 1;
  return i >= 0 && t < start[i]! + bucket && count[i]! > 0 ? i : -1;
}

function gapAt({ gaps }: TimelineRow, t: number): GapHit | undefined {
  const i = rangeAt(gaps, t);
  if (i < 0) return undefined;
  return { reason: gaps.reason[i] ?? "", ...(gaps.detail[i] && { detail: gaps.detail[i] }), start: gaps.start[i]!, end: gaps.end[i]! };
}

export function hit(row: TimelineRow, t: number, slack: number, now: number): Hit {
  const index = eventAt(row.events, t, slack, now);
  if (index >= 0) return { what: "event", index };
  const bucket = row.density ? bucketAt(row.density, t) : -1;
  if (bucket >= 0) return { what: "density", index: bucket };
  const gap = gapAt(row, t);
  if (rangeAt(row.recordings, t) >= 0) return gap ? { what: "recorded", damage: gap } : { what: "recorded" };
  return gap ? { what: "gap", ...gap } : { what: "nothing" };
}

/** Where playback can go on at or after `t`: `t` itself inside footage, else the start of the next run. */
export function nextRecorded(ranges: Ranges, t: number): number | undefined {
  if (rangeAt(ranges, t) >= 0) return t;
  const start = ranges.start[upperBound(ranges.start, t)];
  return start;
}

/** End of the last run that ends at or before `t`. */
export function previousRecorded(ranges: Ranges, t: number): { start: number; end: number } | undefined {
  const i = upperBound(ranges.start, t) - 1;
  return i >= 0 ? { start: ranges.start[i]!, end: ranges.end[i]! } : undefined;
}

/** Start of the neighbouring event worth a stop: motion alone is not, unless there is nothing else in the row. */
export function neighbourEvent(events: Events, t: number, direction: 1 | -1): number | undefined {
  const anyObject = events.severity.some((s) => s >= Severity.detection);
  const worth = (i: number) => events.severity[i]! >= (anyObject ? Severity.detection : Severity.motion);
  if (direction > 0) {
    for (let i = upperBound(events.start, t + 500); i < events.start.length; i++) if (worth(i)) return i;
    return undefined;
  }
  for (let i = upperBound(events.start, t - 3_000) - 1; i >= 0; i--) if (worth(i)) return i;
  return undefined;
}

/** Keeps the view within the allowed spans and out of the future (a twentieth of it may lie ahead of now). */
export function clampView(view: View, now: number): View {
  const span = Math.min(MAX_SPAN, Math.max(MIN_SPAN, view.span));
  const latest = now + span * 0.05 - span;
  return { ...view, span, t0: Math.min(view.t0, Math.max(latest, now - MAX_SPAN * 3650)) };
}

/** Scales around the column `x`, which keeps its time. factor > 1 shows more. */
export function zoomAt(view: View, x: number, factor: number): View {
  const span = Math.min(MAX_SPAN, Math.max(MIN_SPAN, view.span * factor));
  const anchor = timeAt(view, x);
  return { ...view, span, t0: anchor - (x / view.width) * span };
}

export const panBy = (view: View, dx: number): View => ({ ...view, t0: view.t0 - (dx / view.width) * view.span });

export const centreOn = (view: View, t: number): View => ({ ...view, t0: t - view.span / 2 });

/** Moves the view only if `t` left it, and then so that `t` has room ahead. */
export function reveal(view: View, t: number): View {
  if (t >= view.t0 && t <= view.t0 + view.span * 0.97) return view;
  return { ...view, t0: t - view.span * (t < view.t0 ? 0.5 : 0.25) };
}

const steps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200].map((s) => s * 1000);
const daySteps = [1, 2, 7];

export interface Tick {
  t: number;
  major: boolean;
}

/**
 * Ticks at round local times. `offset` is the zone's, from which the local clock is had; labels need `minPx` between them.
 * Where only days have room, ticks are midnights, which `addDays` knows: a day may have 23 or 25 hours.
 */
export function ticks(view: View, offset: number, addDays: (t: number, days: number) => number, minPx = 72): Tick[] {
  const perPx = view.span / view.width;
  const step = steps.find((s) => s / perPx >= minPx);
  if (!step) return dayTicks(view, addDays, daySteps.find((d) => (d * DAY) / perPx >= minPx) ?? 7);
  const minor = steps.filter((s) => s < step && step % s === 0 && s / perPx >= 12).at(-1) ?? step;
  const out: Tick[] = [];
  for (let t = Math.ceil((view.t0 + offset) / minor) * minor; t <= view.t0 + offset + view.span; t += minor) {
    out.push({ t: t - offset, major: t % step === 0 });
  }
  return out;
}

function dayTicks(view: View, addDays: (t: number, days: number) => number, every: number): Tick[] {
  const out: Tick[] = [];
  for (let t = addDays(view.t0, 0); t <= view.t0 + view.span; t = addDays(t, 1)) {
    // Counted from the epoch, so that panning does not make the labels jump from one day to the next.
    if (t >= view.t0) out.push({ t, major: Math.round(t / DAY) % every === 0 });
  }
  return out;
}
