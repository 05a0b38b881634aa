// Areas and lines over a picture, in fractions of its size; what is wrong with one is said as the server says it
// (core/nvr/geometry.go, core/config/zones.go), so that what passes here passes there. The server calculates with 32 bits.
import type { Point } from "./api/types";

export const MAX_CORNERS = 64;
const MIN_CORNERS = 3;
/** of the picture: a hundredth of its width by a hundredth of its height */
const MIN_AREA = 1e-4;
const MIN_LINE = 0.02;

const single = Math.fround;

/** Into the picture, with as many digits as a pixel of a large one is worth. */
export function tidy([x, y]: Point): Point {
  const one = (n: number) => Math.round(Math.min(1, Math.max(0, n)) * 1000) / 1000;
  return [one(x), one(y)];
}

/** The rectangle between two opposite corners. */
export function rectangle(a: Point, b: Point): Point[] {
  const [x0, x1] = [Math.min(a[0], b[0]), Math.max(a[0], b[0])];
  const [y0, y1] = [Math.min(a[1], b[1]), Math.max(a[1], b[1])];
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].map(([x, y]) => tidy([x!, y!]));
}

/** Shifts all points, as far as the picture allows, so that the shape stays what it is. */
export function shifted(points: readonly Point[], dx: number, dy: number): Point[] {
  const clamp = (d: number, values: number[]) => Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), d));
  const mx = clamp(dx, points.map((p) => p[0]));
  const my = clamp(dy, points.map((p) => p[1]));
  return points.map(([x, y]) => tidy([x + mx, y + my]));
}

export const middle = (a: Point, b: Point): Point => tidy([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);

/** Left of the way from a to b is negative, as seen in the picture. */
function cross(a: Point, b: Point, p: Point): number {
  const d = (m: number, n: number) => single(single(m) - single(n));
  return d(b[0], a[0]) * d(p[1], a[1]) - d(b[1], a[1]) * d(p[0], a[0]);
}

function intersect(a: Point, b: Point, c: Point, d: Point): boolean {
  const [s1, s2, s3, s4] = [cross(a, b, c), cross(a, b, d), cross(c, d, a), cross(c, d, b)];
  if (s1 === 0 && s2 === 0) {
    const apart = (i: 0 | 1) => Math.min(a[i], b[i]) > Math.max(c[i], d[i]) || Math.min(c[i], d[i]) > Math.max(a[i], b[i]);
    return !apart(0) && !apart(1);
  }
  return (s1 <= 0 || s2 <= 0) && (s1 >= 0 || s2 >= 0) && (s3 <= 0 || s4 <= 0) && (s3 >= 0 || s4 >= 0);
}

/** Fraction of the picture inside. */
export function areaOf(points: readonly Point[]): number {
  let sum = 0;
  points.forEach((a, i) => {
    const b = points[(i + 1) % points.length]!;
    sum += a[0] * b[1] - b[0] * a[1];
  });
  return Math.abs(sum) / 2;
}

export function isConvex(points: readonly Point[]): boolean {
  const n = points.length;
  const turn = (i: number) => cross(points[i % n]!, points[(i + 1) % n]!, points[(i + 2) % n]!);
  return n >= MIN_CORNERS && points.every((_, i) => turn(i) !== 0 && turn(i) > 0 === turn(0) > 0);
}

const inPicture = ([x, y]: Point) => x >= 0 && x <= 1 && y >= 0 && y <= 1;

/** What is wrong with an area; undefined: nothing. */
export function polygonProblem(points: readonly Point[]): string | undefined {
  const n = points.length;
  if (n < MIN_CORNERS || n > MAX_CORNERS) return `has ${n} points, want ${MIN_CORNERS} to ${MAX_CORNERS}`;
  const outside = points.findIndex((p) => !inPicture(p));
  if (outside >= 0) return `point ${outside + 1} is outside the picture`;
  for (let i = 0; i < n; i++) {
    const a = points[i]!;
    const b = points[(i + 1) % n]!;
    if (single(a[0]) === single(b[0]) && single(a[1]) === single(b[1])) return `points ${i + 1} and ${((i + 1) % n) + 1} are the same`;
    for (let j = i + 2; j < n; j++) {
      if (i === 0 && j === n - 1) continue; // neighbours
      if (intersect(a, b, points[j]!, points[(j + 1) % n]!)) return `the sides that begin at points ${i + 1} and ${j + 1} cross each other`;
    }
  }
  return areaOf(points) < MIN_AREA ? "encloses next to nothing" : undefined;
}

export function lineProblem(points: readonly Point[]): string | undefined {
  const [a, b] = points;
  if (points.length !== 2 || !a || !b) return `has ${points.length} points, want the two ends of a line`;
  if (!inPicture(a) || !inPicture(b)) return "an end is outside the picture";
  return Math.hypot(a[0] - b[0], a[1] - b[1]) < MIN_LINE ? "the ends of the line are less than 2 % of the picture apart" : undefined;
}
