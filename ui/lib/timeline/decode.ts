import type { EventKind, TimelinePayload } from "../api/types";

/** What an event means to the eye, in rising order: the higher wins where two fall on one pixel. */
export const Severity = { none: 0, motion: 1, detection: 2, alert: 3 } as const;
export type Severity = (typeof Severity)[keyof typeof Severity];

/** Labels that concern people are alerts; other objects are detections; the rest is background. */
export function severityOf(kind: EventKind, label: string): Severity {
  if (kind === "motion") return Severity.motion;
  if (kind === "manual") return Severity.detection;
  if (kind === "camera") return Severity.none;
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
  /** running maximum of `end` up to each index: bounds a search for what overlaps an instant */
  maxEnd: Float64Array;
}

export interface TimelineRow {
  id: string;
  recordings: Ranges;
  gaps: Ranges & { reason: string[] };
  events: Events;
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

function runningMax(values: Float64Array): Float64Array {
  const out = new Float64Array(values.length);
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) out[i] = max = Math.max(max, values[i]!);
  return out;
}

export function decodeTimeline(payload: TimelinePayload, asOf: number): TimelineDay {
  return {
    from: payload.from,
    to: payload.to,
    asOf,
    rows: (payload.cameras ?? []).map((camera) => {
      const { events: e, gaps: g, recordings: r } = camera;
      const start = undelta(e?.start ?? [], payload.from);
      const end = new Float64Array(start.length);
      const severity = new Uint8Array(start.length);
      const label: string[] = [];
      const kind: EventKind[] = [];
      for (let i = 0; i < start.length; i++) {
        const duration = e.duration[i] ?? 0;
        end[i] = duration < 0 ? Infinity : start[i]! + duration;
        label.push(payload.labels[e.label[i] ?? -1] ?? "");
        kind.push(payload.kinds[e.kind[i] ?? -1] ?? "object");
        severity[i] = severityOf(kind[i]!, label[i]!);
      }
      return {
        id: camera.id,
        recordings: ranges(r?.start ?? [], r?.duration ?? [], payload.from),
        gaps: { ...ranges(g?.start ?? [], g?.duration ?? [], payload.from), reason: g?.reason ?? [] },
        events: { id: e?.id ?? [], start, end, label, kind, score: Uint8Array.from(e?.score ?? []), severity, maxEnd: runningMax(end) },
      };
    }),
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
    gaps: { start: floats((r) => r.gaps.start), end: floats((r) => r.gaps.end), reason: rows.flatMap((r) => r.gaps.reason) },
    events: {
      id: pick((e) => e.id),
      start: Float64Array.from(pick((e) => e.start)),
      end,
      label: pick((e) => e.label),
      kind: pick((e) => e.kind),
      score: Uint8Array.from(pick((e) => e.score)),
      severity: Uint8Array.from(pick((e) => e.severity)),
      maxEnd: runningMax(end),
    },
  };
}
