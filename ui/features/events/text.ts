import type { NvrEvent } from "@/lib/api/types";
import { labelName, percent } from "@/lib/format";
import { duration } from "@/lib/time/duration";
import { Severity, severityOf } from "@/lib/timeline/decode";

const kindNames: Record<NvrEvent["kind"], string> = { object: "Object", motion: "Motion", camera: "Camera", manual: "Manual" };

export function eventTitle(event: Pick<NvrEvent, "kind" | "label">): string {
  return labelName(event.label || kindNames[event.kind] || event.kind);
}

/** "9 s", or "12 s, ongoing" while it lasts. */
export function eventLength(event: NvrEvent, now: number): string {
  const start = Date.parse(event.start);
  return event.end ? duration(Date.parse(event.end) - start) : `${duration(now - start)}, ongoing`;
}

export function eventScore(event: NvrEvent): string | undefined {
  return event.kind === "object" ? percent(event.top_score || event.score) : undefined;
}

/** Edge of a list row: the colour of what it was. */
export function severityEdge(event: NvrEvent): string {
  const severity = severityOf(event.kind, event.label);
  return severity === Severity.alert ? "bg-alert" : severity === Severity.detection ? "bg-detection" : "bg-motion";
}
