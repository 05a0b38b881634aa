// What lies at a place of the timeline, in words: for the card under the pointer, for the player, and for screen readers.
import type { EventKind } from "@/lib/api/types";
import { cameraProblem, gapName, labelName, soundTitle } from "@/lib/format";
import { now } from "@/lib/time/clock";
import { duration } from "@/lib/time/duration";
import { clock, clockRange, dateTime, dayLabel } from "@/lib/time/zone";
import type { TimelineRow } from "@/lib/timeline/decode";
import { hit, type Hit } from "./engine";

/** "Camera offline 14:02–14:07", or "Camera offline since 14:02" while it goes on. */
export function gapSentence(reason: string, start: number, end: number): string {
  if (Number.isFinite(end) && end < now()) return `${gapName(reason)} ${clockRange(start, end)}`;
  const today = dayLabel(start) === "Today";
  return `${gapName(reason)} since ${today ? "" : `${dayLabel(start).replace("Yesterday", "yesterday")} `}${clock(start, now() - start < 120_000)}`;
}

export function gapLength(start: number, end: number): string {
  return duration(Math.min(end, now()) - start);
}

export function describe(found: Hit, row: TimelineRow): string | undefined {
  if (found.what === "recorded") return found.damage && gapSentence(found.damage.reason, found.damage.start, found.damage.end);
  if (found.what === "nothing") return "Nothing recorded";
  if (found.what === "gap") return gapSentence(found.reason, found.start, found.end);
  if (found.what === "density") return describeBucket(row, found.index);
  const { start, end, label, score, kind } = row.events;
  const i = found.index;
  const length = Number.isFinite(end[i]!) ? duration(end[i]! - start[i]!) : `${duration(now() - start[i]!)}, ongoing`;
  const name = eventName(kind[i]!, label[i]!);
  return `${name}${score[i] ? ` ${score[i]} %` : ""} · ${clock(start[i]!)} · ${length}`;
}

function eventName(kind: EventKind, label: string): string {
  if (kind === "camera") return cameraProblem(label).title;
  return kind === "sound" ? soundTitle(label) : labelName(label || kind);
}

function describeBucket({ density }: TimelineRow, i: number): string | undefined {
  if (!density) return undefined;
  const count = density.count[i]!;
  const label = density.label[i];
  const what = count === 1 ? "1 event" : `${count} events`;
  return `${what}${label ? `, among them ${labelName(label).toLowerCase()}` : ""} · ${clockRange(density.start[i]!, density.start[i]! + density.bucket)}`;
}

/** The same row without events: where only footage counts, whatever event lies over it. */
export function footageAt(row: TimelineRow | undefined, t: number): Hit | undefined {
  if (!row) return undefined;
  const none = new Float64Array(0);
  return hit({ ...row, density: undefined, events: { ...row.events, id: [], start: none, end: none, maxEnd: none } }, t, 0, now());
}

/** "Sun 22 Nov 20:41:07, person, recorded": what the slider reads out. */
export function spokenPlace(row: TimelineRow | undefined, t: number): string {
  const found = row ? hit(row, t, 500, now()) : undefined;
  return `${dateTime(t)}, ${spoken(found, row)}`;
}

function spoken(found: Hit | undefined, row: TimelineRow | undefined): string {
  if (!row || !found || found.what === "nothing") return "no recording";
  if (found.what === "event") return `${eventName(row.events.kind[found.index]!, row.events.label[found.index] ?? "event")}, recorded`;
  if (found.what === "gap") return `no recording, ${gapSentence(found.reason, found.start, found.end)}`;
  return found.what === "density" ? (describeBucket(row, found.index) ?? "recorded") : "recorded";
}
