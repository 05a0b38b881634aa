// Brings one event into a decoded day, as the server's next answer would have it.
import type { NvrEvent } from "../api/types";
import { type Events, runningMax, severityOf, type TimelineDay, type TimelineRow } from "./decode";

interface Entry {
  id: string;
  start: number;
  end: number;
  label: string;
  kind: NvrEvent["kind"];
  score: number;
  severity: number;
  alert: Events["alert"][number];
}

/** The day with the event as it is now; the very same day where that changes nothing, or the event is not of it. */
export function putIntoDay(day: TimelineDay, event: NvrEvent): TimelineDay {
  const at = day.rows.findIndex((row) => row.id === event.camera);
  const row = day.rows[at];
  const entry = entryOf(event);
  if (!row || row.density || entry.start >= day.to || entry.end <= day.from) return day;
  const held = row.events.id.indexOf(event.id);
  if (held >= 0 && same(row.events, held, entry)) return day;
  return { ...day, rows: day.rows.with(at, withEvent(row, held, entry)) };
}

function entryOf(event: NvrEvent): Entry {
  return {
    id: event.id,
    start: Date.parse(event.start),
    end: event.end ? Date.parse(event.end) : Infinity,
    label: event.label,
    kind: event.kind,
    score: Math.floor(event.top_score * 100 + 0.5),
    severity: severityOf(event.kind, event.label),
    alert: event.severity ?? "",
  };
}

function same(events: Events, i: number, entry: Entry): boolean {
  return events.start[i] === entry.start && events.end[i] === entry.end && events.label[i] === entry.label && events.kind[i] === entry.kind && events.score[i] === entry.score && events.alert[i] === entry.alert;
}

function withEvent(row: TimelineRow, held: number, entry: Entry): TimelineRow {
  const { events } = row;
  const later = events.start.findIndex((start, i) => i !== held && start > entry.start);
  const place = later < 0 ? events.start.length : later;
  const column = <T>(values: ArrayLike<T>, value: T): T[] => {
    const out = Array.from(values).toSpliced(place, 0, value);
    return held < 0 ? out : out.toSpliced(held < place ? held : held + 1, 1);
  };
  const end = Float64Array.from(column(events.end, entry.end));
  return {
    ...row,
    events: {
      id: column(events.id, entry.id),
      start: Float64Array.from(column(events.start, entry.start)),
      end,
      label: column(events.label, entry.label),
      kind: column(events.kind, entry.kind),
      score: Uint8Array.from(column(events.score, entry.score)),
      severity: Uint8Array.from(column(events.severity, entry.severity)),
      alert: column(events.alert, entry.alert),
      maxEnd: runningMax(end),
    },
  };
}
