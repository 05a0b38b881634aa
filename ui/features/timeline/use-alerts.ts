"use client";
import { useQueries } from "@tanstack/react-query";
import { useMemo, useState, useSyncExternalStore } from "react";
import { alertOf } from "@/lib/alerts";
import type { NvrEvent } from "@/lib/api/types";
import { dayAlertsQuery } from "@/lib/queries/events";
import { Severity, type TimelineRow } from "@/lib/timeline/decode";
import type { Mark } from "./paint";
import { parseChunks, type ViewStore } from "./view-store";

/** The rows as alert rules see them, and a mark for each alert. Views that only count events have none. */
export function useAlerts(cameras: string[], store: ViewStore, rows: Map<string, TimelineRow>, holds: Map<string, Mark[]>) {
  const visible = useSyncExternalStore(store.subscribe, store.chunks, store.chunks);
  const { bucket, from: days } = useMemo(() => parseChunks(visible), [visible]);
  const { loaded, complete } = useQueries({
    queries: bucket ? [] : days.map((day) => dayAlertsQuery(cameras, day)),
    combine: (results) => ({ loaded: results.map((r) => r.data), complete: results.length > 0 && results.every((r) => r.data !== undefined) }),
  });
  const alerts = useFlat(loaded);
  return useMemo(() => {
    if (!complete || !ruled(alerts)) return { rows, marks: holds };
    return { rows: judgedRows(rows, alerts), marks: withMarks(holds, alerts) };
  }, [complete, rows, alerts, holds]);
}

/** Where there are no rules everything is an alert of a rule the server makes up; an empty answer means that rules are strict. */
export function ruled(alerts: readonly NvrEvent[]): boolean {
  return alerts.length === 0 || alerts.some(alertOf);
}

/** What is an alert worth telling is drawn as one; what is none is not, whoever was seen. */
export function judgedRows(rows: Map<string, TimelineRow>, alerts: readonly NvrEvent[]): Map<string, TimelineRow> {
  const drawn = new Map(alerts.map((e) => [e.id, e.severity === "low" ? Severity.detection : Severity.alert]));
  return new Map(
    [...rows].map(([camera, row]) => {
      const severity = row.events.severity.map((own, i) => drawn.get(row.events.id[i]!) ?? Math.min(own, Severity.detection));
      return [camera, { ...row, events: { ...row.events, severity } }];
    }),
  );
}

export function withMarks(holds: Map<string, Mark[]>, alerts: readonly NvrEvent[]): Map<string, Mark[]> {
  const out = new Map(holds);
  for (const event of [...alerts].reverse()) {
    const severity = alertOf(event);
    if (!severity) continue;
    const mark: Mark = { kind: "alert", severity, event: event.id, from: Date.parse(event.start), to: event.end ? Date.parse(event.end) : Infinity };
    out.set(event.camera, [...(out.get(event.camera) ?? []), mark]);
  }
  return out;
}

/** The same list for as long as the answers are the same objects; `combine` makes a new array each time. */
function useFlat(loaded: (NvrEvent[] | undefined)[]): NvrEvent[] {
  const [held, setHeld] = useState(loaded);
  const same = held.length === loaded.length && held.every((item, i) => item === loaded[i]);
  if (!same) setHeld(loaded);
  const current = same ? held : loaded;
  return useMemo(() => current.flatMap((list) => list ?? []), [current]);
}
