import type { AlertSeverity, EventKind, TimelinePayload } from "../api/types";

/** What an event means to the eye, in rising order: the higher wins where two fall on one pixel. */
export const Severity = { none: 0, motion: 1, detection: 2, alert: 3 } as const;
export type Severity = (typeof Severity)[keyof typeof Severity];

/** Labels that concern people are alerts; other objects are detections; the rest is background. */
export function severityOf(kind: EventKind, label: string): Severity {
  if (kind === "motion") return Severity.motion;
  if (kind === "manual" || kind === "sound") return Severity.detection;
  // That a camera was away is a gap of its recording already; a picture that shows nothing is not.
  if (kind === "camera") return label === "offline" ? Severity.none : Severity.detection;
  return label === "person" || label === "face" ? Severity.alert : Severity.detection;
}

/** Sorted, non-overlapping runs; absolute ms. */
export interface Ranges {
  start: Float64Array;
  end: Float64Array;
}

export interface Events {
  id: string[];
  start: Float64Array;
  /** Infinity while the event goes on */
  end: Float64Array;
  label: string[];
  kind: EventKind[];
  /** 0–100 */
  score: Uint8Array;
  severity: Uint8Array;
  /** what alert rules made of it; empty: no alert */
  alert: (AlertSeverity | "")[];
  /** running maximum of `end` up to each index: bounds a search for what overlaps an instant */
  maxEnd: Float64Array;
}

/** Events counted per bucket, where so long a time is asked for that single ones could not be drawn. */
export interface Density {
  start: Float64Array;
  /** length of every bucket, ms */
  bucket: number;
  count: Uint32Array;
  /** of the event that matters most in the bucket */
  label: string[];
  severity: Uint8Array;
  /** the largest count, to scale by */
  peak: number;
}

/** Why nothing was recorded; `end` is Infinity while it goes on. */
export type Gaps = Ranges & { reason: string[]; detail: string[] };

export interface TimelineRow {
  id: string;
  recordings: Ranges;
  gaps: Gaps;
  events: Events;
  density?: Density;
}

export interface TimelineDay {
  from: number;
  to: number;
  /** when this was true, by the recorder's clock */
  asOf: number;
  rows: TimelineRow[];
}

/** Undoes the delta coding: the first element is relative to `origin`, each other to the one before. */
export function undelta(deltas: readonly number[], origin: number): Float64Array {
  const out = new Float64Array(deltas.length);
  let at = origin;
  for (let i = 0; i < deltas.length; i++) {
    at += deltas[i] ?? 0;
    out[i] = at;
  }
  return out;
}

function ranges(starts: readonly number[], durations: readonly number[], origin: number): Ranges {
  const start = undelta(starts, origin);
  const end = new Float64Array(start.length);
  for (let i = 0; i < start.length; i++) end[i] = start[i]! + Math.max(0, durations[i] ?? 0);
  return { start, end };
}

export function runningMax(values: Float64Array): Float64Array {
  const out = new Float64Array(values.length);
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) out[i] = max = Math.max(max, values[i]!);
  return out;
}

/** A gap that reached this close to the answer's own time had no end yet. */
const GOING_ON_MS = 5_000;

type PayloadCamera = TimelinePayload["cameras"][number];

function decodeGaps(g: PayloadCamera["gaps"] | undefined, payload: TimelinePayload, asOf: number): Gaps {
  const out = ranges(g?.start ?? [], g?.duration ?? [], payload.from);
  const last = out.end.length - 1;
  const today = payload.from <= asOf && asOf < payload.to;
  if (last >= 0 && today && ((g?.duration[last] ?? 0) < 0 || out.end[last]! >= asOf - GOING_ON_MS)) out.end[last] = Infinity;
  return { ...out, reason: g?.reason ?? [], detail: g?.detail ?? [] };
}

function decodeEvents(e: PayloadCamera["events"], payload: TimelinePayload): Events {
  const start = undelta(e?.start ?? [], payload.from);
  const end = new Float64Array(start.length);
  const severity = new Uint8Array(start.length);
  const label: string[] = [];
  const kind: EventKind[] = [];
  const alert: Events["alert"] = [];
  for (let i = 0; i < start.length; i++) {
    const duration = e?.duration[i] ?? 0;
    end[i] = duration < 0 ? Infinity : start[i]! + duration;
    label.push(payload.labels[e?.label[i] ?? -1] ?? "");
    kind.push(payload.kinds[e?.kind[i] ?? -1] ?? "object");
    severity[i] = severityOf(kind[i]!, label[i]!);
    alert.push(payload.severities?.[e?.severity?.[i] ?? 0] ?? "");
  }
  return { id: e?.id ?? [], start, end, label, kind, score: Uint8Array.from(e?.score ?? []), severity, alert, maxEnd: runningMax(end) };
}

/** One entry per bucket, of what the server counts per bucket and label. */
function decodeDensity(d: PayloadCamera["density"], payload: TimelinePayload, bucket: number): Density | undefined {
  if (!d) return undefined;
  const starts = undelta(d.start, payload.from);
  const start: number[] = [];
  const count: number[] = [];
  const label: string[] = [];
  const severity: number[] = [];
  let best = 0;
  for (let i = 0; i < starts.length; i++) {
    const name = payload.labels[d.label[i] ?? -1] ?? "";
    const level = severityOf(name === "motion" ? "motion" : "object", name);
    const n = d.count[i] ?? 0;
    const last = start.length - 1;
    if (start[last] !== starts[i]) {
      start.push(starts[i]!);
      count.push(n);
      label.push(name);
      severity.push(level);
      best = n;
      continue;
    }
    count[last]! += n;
    // Of equal severity, what there was more of gives the name.
    if (level > severity[last]! || (level === severity[last] && n > best)) {
      label[last] = name;
      severity[last] = level;
      best = n;
    }
  }
  return { start: Float64Array.from(start), bucket, count: Uint32Array.from(count), label, severity: Uint8Array.from(severity), peak: Math.max(1, ...count) };
}

/** `bucket` is the one that was asked for, 0 where single events were. */
export function decodeTimeline(payload: TimelinePayload, asOf: number, bucket = 0): TimelineDay {
  return {
    from: payload.from,
    to: payload.to,
    asOf,
    rows: (payload.cameras ?? []).map((camera) => ({
      id: camera.id,
      recordings: ranges(camera.recordings?.start ?? [], camera.recordings?.duration ?? [], payload.from),
      gaps: decodeGaps(camera.gaps, payload, asOf),
      events: decodeEvents(camera.events, payload),
      density: decodeDensity(camera.density, payload, bucket),
    })),
  };
}

/** One gap that two days list, each its part, is one gap again. */
function joinGaps(rows: TimelineRow[]): Gaps {
  const start: number[] = [];
  const end: number[] = [];
  const reason: string[] = [];
  const detail: string[] = [];
  for (const { gaps } of rows) {
    for (let i = 0; i < gaps.start.length; i++) {
      const why = gaps.reason[i] ?? "";
      if (reason.at(-1) === why && gaps.start[i]! - end.at(-1)! <= 1) end[end.length - 1] = Math.max(end.at(-1)!, gaps.end[i]!);
      else {
        start.push(gaps.start[i]!);
        end.push(gaps.end[i]!);
        reason.push(why);
        detail.push(gaps.detail[i] ?? "");
      }
    }
  }
  return { start: Float64Array.from(start), end: Float64Array.from(end), reason, detail };
}

function joinDensity(rows: TimelineRow[]): Density | undefined {
  const parts = rows.map((r) => r.density).filter((d) => d !== undefined);
  if (parts.length === 0) return undefined;
  return {
    start: Float64Array.from(parts.flatMap((d) => [...d.start])),
    bucket: parts[0]!.bucket,
    count: Uint32Array.from(parts.flatMap((d) => [...d.count])),
    label: parts.flatMap((d) => d.label),
    severity: Uint8Array.from(parts.flatMap((d) => [...d.severity])),
    peak: Math.max(...parts.map((d) => d.peak)),
  };
}

/** Joins days into one row per camera; days are given in order and do not overlap. */
export function joinDays(days: TimelineDay[], id: string): TimelineRow {
  const rows = days.map((d) => d.rows.find((r) => r.id === id)).filter((r) => r !== undefined);
  if (rows.length === 1) return rows[0]!;
  const floats = (pick: (r: TimelineRow) => Float64Array) => Float64Array.from(rows.flatMap((r) => [...pick(r)]));
  // An event or run across midnight is listed by both days: the later copy of an event is dropped; runs may touch.
  const seen = new Set<string>();
  const keep = rows.map((r) => r.events.id.map((eventId) => !seen.has(eventId) && seen.add(eventId) !== undefined));
  const pick = <T>(get: (e: Events) => ArrayLike<T>): T[] => rows.flatMap((r, n) => Array.from(get(r.events)).filter((_, i) => keep[n]![i]));
  const end = Float64Array.from(pick((e) => e.end));
  return {
    id,
    recordings: { start: floats((r) => r.recordings.start), end: floats((r) => r.recordings.end) },
    gaps: joinGaps(rows),
    density: joinDensity(rows),
    events: {
      id: pick((e) => e.id),
      start: Float64Array.from(pick((e) => e.start)),
      end,
      label: pick((e) => e.label),
      kind: pick((e) => e.kind),
      score: Uint8Array.from(pick((e) => e.score)),
      severity: Uint8Array.from(pick((e) => e.severity)),
      alert: pick((e) => e.alert),
      maxEnd: runningMax(end),
    },
  };
}
