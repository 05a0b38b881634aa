// Moments with motion, from the server's spans; what range is searched; where most happened.
import type { Heatmap, MotionSearch } from "@/lib/api/types";

export interface Moment {
  start: number;
  end: number;
  /** share of the region that moved, at most */
  share: number;
}

/** Motion that pauses for less is one moment: somebody who stands still for a breath has not left. */
const PAUSE_MS = 30_000;

export function momentsOf({ spans }: Pick<MotionSearch, "spans">): Moment[] {
  const out: Moment[] = [];
  spans.start.forEach((start, i) => {
    const [end, share] = [spans.end[i] ?? start, spans.cells[i] ?? 0];
    const last = out.at(-1);
    if (last && start - last.end <= PAUSE_MS) Object.assign(last, { end: Math.max(last.end, end), share: Math.max(last.share, share) });
    else out.push({ start, end, share });
  });
  return out;
}

/** Where to look for its picture: soon after it began, else, where recording began later, in its middle. */
export function pictureTimes({ start, end }: Moment): number[] {
  const middle = (start + end) / 2;
  return middle - start > 10_000 ? [start + 5_000, middle] : [middle];
}

export type Order = "newest" | "most";

export function sorted(moments: readonly Moment[], order: Order): Moment[] {
  return [...moments].sort((a, b) => (order === "most" ? b.share - a.share || b.start - a.start : b.start - a.start));
}

/** How long of the range nothing is known about. */
export function unknownLength({ unknown }: Pick<MotionSearch, "unknown">, now: number): number {
  return unknown.start.reduce((sum, start, i) => sum + Math.max(0, Math.min(unknown.end[i] ?? start, now) - start), 0);
}

export const SPANS = [
  { value: "1h", label: "1 h", ms: 3_600_000 },
  { value: "6h", label: "6 h", ms: 6 * 3_600_000 },
  { value: "24h", label: "24 h", ms: 86_400_000 },
  { value: "7d", label: "7 d", ms: 7 * 86_400_000 },
  { value: "30d", label: "30 d", ms: 30 * 86_400_000 },
] as const;

/** The server searches this much at once. */
export const MAX_RANGE = 32 * 86_400_000;

export function rangeProblem(from: number | undefined, to: number | undefined, now: number): string | undefined {
  if (from === undefined || to === undefined) return "Write times as 2026-11-22 20:41, or 20:41 for today.";
  if (from >= to) return "The start must be before the end.";
  if (to - from > MAX_RANGE) return "At most 32 days can be searched at once.";
  return from > now ? "This lies ahead." : undefined;
}

/** 0 to 1 per cell; by the logarithm, so that a tree that always moves does not hide the rest. */
export function heatOf({ counts }: Pick<Heatmap, "counts">): Float64Array {
  const top = Math.max(1, ...counts);
  return Float64Array.from(counts, (n) => (n > 0 ? Math.log1p(n) / Math.log1p(top) : 0));
}

/** "lower left": where most happened, for those who do not see the colours. */
export function hottest({ counts, columns, rows }: Heatmap): string | undefined {
  const max = Math.max(0, ...counts);
  if (max === 0) return undefined;
  const at = counts.indexOf(max);
  const third = (i: number, n: number) => Math.min(2, Math.floor((i / n) * 3));
  const [row, column] = [third(Math.floor(at / columns), rows), third(at % columns, columns)];
  const name = [["upper", "middle", "lower"][row], ["left", "", "right"][column]].filter(Boolean).join(" ");
  return name === "middle" ? "middle" : name;
}
