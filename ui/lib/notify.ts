// What plugins, notifiers, routes and deliveries say, in words.
import { severityName } from "./alerts";
import { whole } from "./api/errors";
import { labelName } from "./format";
import { duration } from "./time/duration";
import type { AlertRoute, Delivery, DeliveryState, Notifier, QuietHours, Trust } from "./api/plugin-types";

export { whole };

export type Look = "neutral" | "live" | "warn" | "alert" | "info";

const trusts: Record<Trust, { name: string; text: string; look: Look }> = {
  core: { name: "Comes with Nightjar", text: "It is a part of Nightjar and was tested with it.", look: "live" },
  key: { name: "Signed", text: "It is signed with a key that an administrator trusts.", look: "live" },
  local: { name: "Local", text: "It is a program of this machine that the configuration file names.", look: "info" },
  unsigned: { name: "Not signed", text: "Nobody vouches for it: approve it only if you know where it comes from.", look: "warn" },
};

export const trustOf = (trust: Trust) => trusts[trust] ?? trusts.unsigned;

const states: Record<string, { name: string; look: Look }> = {
  disabled: { name: "Off", look: "neutral" },
  starting: { name: "Starting", look: "warn" },
  running: { name: "Running", look: "live" },
  backoff: { name: "Waiting to start again", look: "warn" },
  quarantined: { name: "Given up", look: "alert" },
  bad_config: { name: "Settings wrong", look: "alert" },
  incompatible: { name: "Does not fit", look: "alert" },
};

export const notifierState = (state: string) => states[state] ?? { name: labelName(state), look: "neutral" as Look };

/** Why it is as it is, where the server says nothing. */
export function notifierReason(n: Pick<Notifier, "state" | "reason">): string {
  if (n.reason) return n.reason;
  return n.state === "disabled" ? "It is switched off." : "";
}

const deliveries: Record<DeliveryState, { name: string; look: Look }> = {
  pending: { name: "On its way", look: "info" },
  delivered: { name: "Told", look: "live" },
  failed: { name: "Refused", look: "alert" },
  expired: { name: "Too late", look: "alert" },
  suppressed: { name: "Not told on purpose", look: "neutral" },
};

const holds: Record<string, string> = {
  quiet: "Waits until quiet hours end",
  digest: "Waits to be told with others",
  rate: "Waits because enough was told for now",
  escalation: "Waits whether somebody acknowledges first",
};

export function deliveryState(d: Pick<Delivery, "state" | "hold">): { name: string; look: Look } {
  if (d.state === "pending" && d.hold) return { name: "Waits", look: "warn" };
  return deliveries[d.state] ?? { name: labelName(d.state), look: "neutral" };
}

export const isDead = (d: Pick<Delivery, "state">): boolean => d.state === "failed" || d.state === "expired";
export const canRetry = (d: Pick<Delivery, "state">): boolean => isDead(d) || d.state === "suppressed";

/** What there is to say of a delivery beyond its state. */
export function deliverySentence(d: Pick<Delivery, "state" | "hold" | "reason" | "digest" | "members">): string {
  if (d.digest) return "Told together with others.";
  if (d.state === "pending" && d.hold) return `${holds[d.hold] ?? "Waits"}.`;
  if (d.reason) return whole(d.reason);
  return d.members > 0 ? `Tells ${d.members} more.` : "";
}

const phases: Record<Delivery["phase"], string> = { new: "as it began", update: "when it changed", end: "when it ended" };

/** "Person on Front door, as it began · high alert · route Night": what a delivery tells, and why. `about` is what and where. */
export function deliveryText(d: Pick<Delivery, "phase" | "severity" | "route" | "notifier" | "level">, about = ""): string {
  const phase = phases[d.phase] ?? labelName(d.phase);
  const parts = [
    about ? `${about}, ${phase}` : phase.charAt(0).toUpperCase() + phase.slice(1),
    d.severity ? severityName(d.severity).toLowerCase() : "",
    d.route && d.route !== d.notifier ? `route ${d.route}` : "",
    d.level > 0 ? `escalated${d.level > 1 ? ` ${d.level} times` : ""}` : "",
  ];
  return `${parts.filter(Boolean).join(" · ")}.`;
}

const outcomes: Record<string, { name: string; look: Look }> = {
  delivered: { name: "Told", look: "live" },
  retry: { name: "To be tried again", look: "warn" },
  failed: { name: "Refused", look: "alert" },
  error: { name: "Notifier failed", look: "alert" },
  unavailable: { name: "Notifier not running", look: "warn" },
};
export const outcomeOf = (outcome: string) => outcomes[outcome] ?? { name: labelName(outcome), look: "neutral" as Look };

/** "22:00" from minutes since midnight. */
export function minuteText(minutes: number): string {
  const m = Math.max(0, Math.min(1440, Math.round(minutes)));
  return `${String(Math.floor(m / 60) % 24).padStart(2, "0")}:${String(m % 60).padStart(2, "0")}`;
}

export function parseMinutes(text: string): number | undefined {
  const m = /^(\d{1,2}):(\d{2})$/.exec(text);
  if (!m || Number(m[1]) > 24 || Number(m[2]) > 59) return undefined;
  return Number(m[1]) * 60 + Number(m[2]);
}

export const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const quietNames = { silent: "without a sound", hold: "held until it ends", drop: "not told" } as const;

/** "22:00–07:00, Mon, Tue: without a sound". */
export function quietText(q: QuietHours): string {
  const days = q.days.length === 0 ? "" : `, ${q.days.map((d) => dayNames[d]).join(", ")}`;
  const except = q.except ? `, except ${q.except === "high" ? "high" : `${q.except} and above`}` : "";
  return `${q.from === q.to ? "all day" : `${minuteText(q.from)}–${minuteText(q.to)}`}${days}: ${quietNames[q.action]}${except}`;
}

const any = (list: readonly string[], name: (id: string) => string) => list.map(name).join(" or ");

/** "Every alert", or "Person or car on Front door, in porch, high only": which alerts a route picks. */
export function whichText(route: AlertRoute, camera: (id: string) => string): string {
  const parts = [
    any(route.labels, (l) => l.replaceAll("_", " ")),
    route.cameras.length > 0 ? `on ${any(route.cameras, camera)}` : "",
    route.zones.length > 0 ? `in ${any(route.zones, labelName).toLowerCase()}` : "",
    route.rules.length > 0 ? `by ${any(route.rules, (r) => `“${labelName(r)}”`)}` : "",
    route.identities.length > 0 ? `of ${any(route.identities, (i) => i)}` : "",
    route.min_severity === "high" ? "of high severity" : route.min_severity === "normal" ? "of normal severity and above" : "",
    route.modes.length > 0 ? `while armed ${any(route.modes, (m) => m)}` : "",
  ].filter(Boolean);
  if (parts.length === 0) return "Every alert";
  const text = route.labels.length > 0 ? parts.join(", ") : `Alerts ${parts.join(", ")}`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What else a route says of when and how: short phrases. */
export function howTexts(route: AlertRoute): string[] {
  const span = (seconds: number) => duration(seconds * 1000);
  return [
    route.updates ? "changes and the end too" : "",
    ...route.quiet.map((q) => `quiet ${quietText(q)}`),
    route.rate.burst > 0 ? `at most ${route.rate.burst} per ${span(route.rate.per_seconds)}` : "",
    route.digest_seconds > 0 ? `collected for ${span(route.digest_seconds)}` : "",
    route.escalate.after_seconds > 0 ? `after ${span(route.escalate.after_seconds)} without an answer: ${route.escalate.to.join(", ")}` : "",
    route.silent ? "never a sound" : "",
    route.title || route.text ? "own words" : "",
    route.expire_seconds > 0 ? `old news after ${span(route.expire_seconds)}` : "",
  ].filter(Boolean);
}

/** A route that tells everything at once: where the editor begins. */
export function newRoute(notifier: string): AlertRoute {
  return {
    id: "",
    notifier,
    enabled: true,
    recipients: [],
    cameras: [],
    labels: [],
    zones: [],
    rules: [],
    min_severity: "",
    modes: [],
    identities: [],
    updates: false,
    quiet: [],
    rate: { burst: 0, per_seconds: 0 },
    digest_seconds: 0,
    escalate: { after_seconds: 0, to: [] },
    silent: false,
    title: "",
    text: "",
    expire_seconds: 0,
  };
}

/** An id made of a name: "Mila's phone" → "milas_phone". */
export function idOf(name: string): string {
  return name
    .toLowerCase()
    .normalize("NFKD")
    .replace(/['’]|\p{M}/gu, "")
    .replace(/[^a-z0-9-]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 48);
}
