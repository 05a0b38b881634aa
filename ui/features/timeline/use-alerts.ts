"use client";
import { useMemo } from "react";
import type { AlertSeverity } from "@/lib/api/types";
import { type Events, Severity, type TimelineRow } from "@/lib/timeline/decode";
import type { AlertMark, Mark } from "./paint";

/** The rows as alert rules see them, and a mark for each alert. Views that only count events have none. */
export function useAlerts(rows: Map<string, TimelineRow>, holds: Map<string, Mark[]>) {
  return useMemo(() => (ruled(rows) ? { rows: judgedRows(rows), marks: withMarks(rows, holds) } : { rows, marks: holds }), [rows, holds]);
}

/** Where every event is an alert of one severity, as it is without rules, marking them says nothing about any. */
export function ruled(rows: Map<string, TimelineRow>): boolean {
  const found = new Set([...rows.values()].flatMap((row) => row.events.alert));
  return found.size > 1;
}

const drawn: Record<AlertSeverity, Severity> = { high: Severity.alert, normal: Severity.detection, low: Severity.detection };

/** What is an alert worth telling is drawn as one; what is none is not, whoever was seen. */
function judged({ severity, alert }: Events): Uint8Array {
  // A camera that was away has no picture to draw a block for: its gap shows, and a flag where it is an alert.
  return severity.map((own, i) => (own === Severity.none ? own : alert[i] ? drawn[alert[i]] : Math.min(own, Severity.detection)));
}

export function judgedRows(rows: Map<string, TimelineRow>): Map<string, TimelineRow> {
  return new Map([...rows].map(([camera, row]) => [camera, { ...row, events: { ...row.events, severity: judged(row.events) } }]));
}

export function withMarks(rows: Map<string, TimelineRow>, holds: Map<string, Mark[]>): Map<string, Mark[]> {
  const out = new Map(holds);
  for (const [camera, { events }] of rows) {
    const marks = events.id.flatMap((event, i): AlertMark[] => (events.alert[i] ? [{ kind: "alert", severity: events.alert[i], event, from: events.start[i]!, to: events.end[i]! }] : []));
    if (marks.length > 0) out.set(camera, [...(out.get(camera) ?? []), ...marks]);
  }
  return out;
}
