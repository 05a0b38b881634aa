import { alertOf, isQuiet } from "@/lib/alerts";
import type { NvrEvent } from "@/lib/api/types";
import { cameraProblem, labelName, percent, soundTitle } from "@/lib/format";
import { duration } from "@/lib/time/duration";
import { Severity, severityOf } from "@/lib/timeline/decode";

const kindNames: Record<NvrEvent["kind"], string> = { object: "Object", motion: "Motion", camera: "Camera", manual: "Manual", sound: "Sound" };

/** "Person", "Anna · Person", "Unknown person", "Picture frozen", "Sound: glass breaking". */
export function eventTitle(event: Pick<NvrEvent, "kind" | "label" | "identity">): string {
  if (event.kind === "camera") return cameraProblem(event.label).title;
  if (event.kind === "sound") return soundTitle(event.label);
  const what = labelName(event.label || kindNames[event.kind] || event.kind);
  const name = event.identity?.name?.trim();
  if (name) return `${name} · ${what}`;
  return event.identity?.state === "unknown" ? `Unknown ${what.toLowerCase()}` : what;
}

/** "9 s", or "12 s, ongoing" while it lasts. */
export function eventLength(event: NvrEvent, now: number): string {
  const start = Date.parse(event.start);
  return event.end ? duration(Date.parse(event.end) - start) : `${duration(now - start)}, ongoing`;
}

export function eventScore(event: NvrEvent): string | undefined {
  const score = event.top_score || event.score;
  if (event.kind !== "object" && event.kind !== "sound") return undefined;
  return event.kind === "sound" && !score ? undefined : percent(score);
}

/** Edge of a list row: the colour of the alert it is, or of what it was where there are no rules. */
export function severityEdge(event: NvrEvent): string {
  const alert = alertOf(event);
  if (alert) return { high: "bg-alert", normal: "bg-detection", low: "bg-info" }[alert] ?? "bg-detection";
  if (isQuiet(event)) return "bg-motion";
  const severity = severityOf(event.kind, event.label);
  return severity === Severity.alert ? "bg-alert" : severity === Severity.detection ? "bg-detection" : "bg-motion";
}

/** "Porch, Driveway". */
export function zoneNames(event: Pick<NvrEvent, "entered_zones">): string {
  return (event.entered_zones ?? []).map(labelName).join(", ");
}
