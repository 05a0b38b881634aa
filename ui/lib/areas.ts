// Zones, lines and masks as someone draws them: what is wrong with them, and how config.yaml says them.
import type { Area, Point } from "./api/types";
import { isConvex, lineProblem, polygonProblem } from "./geometry";

export interface Draft {
  key: string;
  kind: Area["kind"];
  name: string;
  points: Point[];
  labels: string[];
  /** frames */
  inertia: number;
  /** seconds */
  loitering: number;
  /** metres of the four sides, the first between the first two points; none: speed is not measured */
  lengths: number[];
}

export const DEFAULT_INERTIA = 3;
const MAX_AREAS = 64;
const MAX_INERTIA = 100;
const MAX_LOITERING_S = 3600;

export const kindName: Record<Area["kind"], string> = { zone: "Zone", line: "Line", motion_mask: "Motion mask", object_mask: "Object mask" };
export const isMask = (kind: Area["kind"]): boolean => kind === "motion_mask" || kind === "object_mask";

/** What is configured, to be changed. */
export function draftsOf(areas: readonly Area[]): Draft[] {
  return areas.map((area, i) => ({
    key: `known-${i}`,
    kind: area.kind,
    name: area.name,
    points: area.points.map((p) => [p[0], p[1]] as const),
    labels: area.labels ?? [],
    inertia: area.inertia || DEFAULT_INERTIA,
    loitering: area.loitering_s ?? 0,
    lengths: area.lengths ?? [],
  }));
}

/** "zone_2": the first name of its kind that is free. */
export function freeName(kind: Area["kind"], drafts: readonly Draft[]): string {
  if (isMask(kind)) return "";
  for (let i = 1; ; i++) {
    const name = `${kind}_${i}`;
    if (!drafts.some((d) => d.name === name)) return name;
  }
}

/** Where in the YAML a mistake is, and what it is; the words are those of `nightjar check`. */
export function problemsOf(draft: Draft, drafts: readonly Draft[], cameras: readonly string[]): string[] {
  const out: string[] = [];
  const add = (text: string | undefined) => text && out.push(text);
  if (!isMask(draft.kind)) add(nameProblem(draft, drafts, cameras));
  add(draft.kind === "line" ? lineProblem(draft.points) : polygonProblem(draft.points));
  if (draft.kind === "zone") zoneProblems(draft).forEach(add);
  if (drafts.filter((d) => d.kind === draft.kind).length > MAX_AREAS) add(`there are more than ${MAX_AREAS} of its kind`);
  return out;
}

function nameProblem({ key, kind, name }: Draft, drafts: readonly Draft[], cameras: readonly string[]): string | undefined {
  if (!/^[a-z0-9_]{1,48}$/.test(name)) return "the name must be 1 to 48 characters of a-z, 0-9 and _";
  if (cameras.includes(name)) return "the name is the id of a camera too; give it another name, topics and filters go by it";
  return drafts.some((d) => d.key !== key && d.kind === kind && d.name === name) ? `another ${kind} has this name` : undefined;
}

function zoneProblems({ points, inertia, loitering, lengths }: Draft): string[] {
  const out: string[] = [];
  if (!Number.isInteger(inertia) || inertia < 0 || inertia > MAX_INERTIA) out.push(`inertia: want a whole number from 0 to ${MAX_INERTIA}`);
  if (!(loitering >= 0 && loitering <= MAX_LOITERING_S)) out.push("loitering: want 0 to 3600 seconds");
  if (lengths.length === 0) return out;
  if (points.length !== 4 || lengths.length !== 4) return [...out, "lengths: speed needs an area of 4 points and the lengths of its 4 sides in metres"];
  if (lengths.some((l) => !(l >= 0.1 && l <= 1000))) return [...out, "lengths: want 0.1 to 1000 metres for each side"];
  const longest = Math.max(...lengths);
  if (longest >= 0.99 * (lengths.reduce((a, b) => a + b) - longest)) out.push("lengths: one side is as long as the other three together");
  if (!isConvex(points)) out.push("a corner points inwards; an area that measures speed must be convex");
  return out;
}

/** The part of config.yaml that says this, below the camera's other keys. */
export function yamlOf(camera: string, drafts: readonly Draft[]): string {
  const of = (kind: Area["kind"]) => drafts.filter((d) => d.kind === kind);
  const lines = ["cameras:", `  ${scalar(camera)}:`];
  const [motion, objects] = [of("motion_mask"), of("object_mask")];
  if (motion.length + objects.length > 0) lines.push("    detect:", "      masks:");
  if (motion.length > 0) lines.push("        motion:", ...motion.map((d) => `          - ${pointList(d.points)}`));
  if (objects.length > 0) lines.push("        objects:", ...objects.map((d) => `          - {${d.labels.length ? `labels: ${list(d.labels)}, ` : ""}points: ${pointList(d.points)}}`));
  if (of("zone").length > 0) lines.push("    zones:", ...of("zone").flatMap(zoneLines));
  if (of("line").length > 0) lines.push("    lines:", ...of("line").map((d) => `      ${scalar(d.name)}: {points: ${pointList(d.points)}${d.labels.length ? `, labels: ${list(d.labels)}` : ""}}`));
  return `${lines.join("\n")}\n`;
}

function zoneLines(d: Draft): string[] {
  const out = [`      ${scalar(d.name)}:`, `        points: ${pointList(d.points)}`];
  if (d.labels.length > 0) out.push(`        labels: ${list(d.labels)}`);
  if (d.inertia !== DEFAULT_INERTIA) out.push(`        inertia: ${d.inertia}`);
  if (d.loitering > 0) out.push(`        loitering: ${d.loitering}s`);
  if (d.lengths.length > 0) out.push(`        lengths: [${d.lengths.join(", ")}]`);
  return out;
}

const pointList = (points: readonly Point[]) => `[${points.map(([x, y]) => `[${+x.toFixed(3)}, ${+y.toFixed(3)}]`).join(", ")}]`;
const list = (items: readonly string[]) => `[${items.map(scalar).join(", ")}]`;

/** YAML reads some plain words as numbers, truth or nothing; those are quoted. */
function scalar(text: string): string {
  const plain = /^[A-Za-z_][\w -]*$/.test(text) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(text) && text.trim() === text;
  return plain ? text : JSON.stringify(text);
}
