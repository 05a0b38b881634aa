// What alert rules say, in words.
import type { AlertSeverity, Condition, Mode, NvrEvent, Verdict } from "./api/types";
import { labelName } from "./format";
import { duration } from "./time/duration";

/** The rule a server makes up where none is configured: then everything is an alert, which says nothing about anything. */
const MADE_UP = "everything";

/** The severity of the alert that rules made of an event; undefined where they made none, or there are no rules. */
export function alertOf(event: Pick<NvrEvent, "severity" | "rules">): AlertSeverity | undefined {
  if (!event.severity) return undefined;
  return event.rules?.length === 1 && event.rules[0] === MADE_UP ? undefined : event.severity;
}

/** Rules exist and made no alert of it. */
export function isQuiet(event: Pick<NvrEvent, "severity">): boolean {
  return event.severity === "";
}

export const isMadeUp = (verdict: Pick<Verdict, "rule" | "conditions">): boolean => verdict.rule === MADE_UP && verdict.conditions.length === 0;

const severityNames: Record<AlertSeverity, string> = { high: "High alert", normal: "Alert", low: "Low alert" };

export function severityName(severity: AlertSeverity): string {
  return severityNames[severity] ?? "Alert";
}

const modeNames: Record<Mode, string> = { home: "Home", away: "Away", night: "Night" };

export function modeName(mode: Mode): string {
  return modeNames[mode] ?? labelName(mode);
}

/** "somebody_outside" → "Somebody outside". */
export const ruleName = labelName;

const asked: Record<string, string> = {
  camera: "Camera",
  label: "What it is",
  zone: "Where it was",
  identity: "Who it was",
  mode: "Arming mode",
  schedule: "Time of the week",
  score: "Certainty",
  duration: "How long",
  cooldown: "Pause between alerts",
};

export function conditionName(condition: Pick<Condition, "name">): string {
  return asked[condition.name] ?? labelName(condition.name);
}

/** "away, night" → "away or night". */
const either = (list: string) => list.replace(/, ([^,]*)$/, " or $1");
const both = (list: string) => list.replace(/, ([^,]*)$/, " and $1");
const share = (score: string) => `${Math.round(Number(score) * 100)} %`;

/** The server's sentences, told of what is over; one that is not known here is shown as it came. */
const phrases: [RegExp, (...found: string[]) => string][] = [
  [/^(?:camera )?(.+?) is one of .+\.$/, (it) => `${it} is asked for.`],
  [/^(?:camera )?(.+?) is not one of (.+)\.$/, (it, list) => `${it} is not asked for, only ${either(list)}.`],
  [/^it has entered (.+), and (.+) is asked for\.$/, (zones, list) => `it entered ${both(zones)}; ${either(list)} is asked for.`],
  [/^the mode is (\w+), and (.+) is asked for\.$/, (mode, list) => `the mode was ${mode}; ${either(list)} is asked for.`],
  [/^its best score is ([\d.]+), and ([\d.]+) is asked for\.$/, (best, least) => `the detector was ${share(best)} sure; at least ${share(least)} is asked for.`],
  [/^it has lasted (\S+), and (\S+) is asked for\.$/, (lasted, least) => `it lasted ${lasted}; at least ${least} is asked for.`],
  [/^it is the rule's first alert here, .*$/, () => "it was the rule's first alert here."],
  [/^the rule alerted on this event already, .*$/, () => "the rule's last alert here was this very event."],
  [/^the rule's last alert here was -\S+ ago, .*$/, () => "the rule has alerted on something later since."],
  [/^the rule's last alert here was (\S+) ago, and the cool-down is (\S+)\.$/, (ago, pause) => `the rule's last alert here was ${ago} before; the pause is ${pause}.`],
];

/** The server's way to write a length of time: 1h0m0s, 2m30s, 9s. */
const GO_DURATION = /\b(?:(\d+)h)?(?:(\d+)m)?(\d+(?:\.\d+)?)s\b/g;
const inWords = (_: string, h = "0", m = "0", s = "0") => duration((Number(h) * 3600 + Number(m) * 60 + Number(s)) * 1000);

/** The server's part of a sentence as a whole one, in plain words. */
export function conditionText(condition: Pick<Condition, "detail">): string {
  const detail = condition.detail.trim();
  const phrase = phrases.find(([pattern]) => pattern.test(detail));
  const text = (phrase ? phrase[1](...(phrase[0].exec(detail)?.slice(1) ?? [])) : detail).replace(GO_DURATION, inWords);
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** The verdict in one sentence; `fired` says whether the rule made the event an alert when it happened. */
export function verdictText(verdict: Verdict, fired: boolean): string {
  if (verdict.alert && fired) return "All its conditions hold, so this became an alert.";
  if (verdict.alert) return "By today's rules this would be an alert; it was none when it happened.";
  const missing = verdict.conditions.filter((c) => !c.holds).map((c) => conditionName(c).toLowerCase());
  const which = missing.length === 0 ? "A condition" : missing.length === 1 ? `One condition (${missing[0]})` : `${missing.length} conditions (${missing.join(", ")})`;
  const holds = missing.length > 1 ? "do" : "does";
  return fired ? `It made this an alert when it happened. Now ${lower(which)} ${holds} not hold any more.` : `${which} ${holds} not hold.`;
}

const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

/** The mode when it began: as the event tells it, else from a rule that asked for one. */
export function modeThen(event: Pick<NvrEvent, "mode">, verdicts: readonly Verdict[] = []): Mode | undefined {
  if (event.mode) return event.mode;
  const condition = verdicts.flatMap((v) => v.conditions).find((c) => c.name === "mode");
  const found = /mode is (home|away|night)\b/.exec(condition?.detail ?? "")?.[1];
  return found as Mode | undefined; // one of the three, by the pattern
}
