import { addDays, dayStart } from "@/lib/time/zone";
import { clampView, DAY, WIDE_SPAN, type View } from "./engine";

/** The visible stretch of time. It changes with each pointer move, so the canvas listens and React does not. */
export class ViewStore {
  #view: View;
  #listeners = new Set<() => void>();

  constructor(
    view: View,
    private readonly now: () => number,
  ) {
    this.#view = view;
  }

  get = (): View => this.#view;

  set(view: View): void {
    const next = clampView(view, this.now());
    const { t0, span, width } = this.#view;
    if (next.t0 === t0 && next.span === span && next.width === width) return;
    this.#view = next;
    for (const listener of this.#listeners) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** What has to be known to draw this view, as text: a snapshot that is equal while the chunks are. */
  chunks = (): string => {
    const { t0, span } = this.#view;
    return chunkKey(chunksOf(t0, span));
  };
}

/** What one request answers: a local day with its events (bucket 0), or a block of days with counts per bucket. */
export interface Chunks {
  bucket: number;
  from: number[];
}

/** Blocks lie on a fixed grid, so that panning asks for what is in the cache already. */
export const BLOCK = 8 * DAY;

export function chunksOf(t0: number, span: number): Chunks {
  if (span <= WIDE_SPAN) return { bucket: 0, from: daysOf(t0, t0 + span) };
  const from: number[] = [];
  for (let t = Math.floor(t0 / BLOCK) * BLOCK; t < t0 + span; t += BLOCK) from.push(t);
  return { bucket: span <= BLOCK ? 600_000 : 3_600_000, from };
}

export const chunkKey = ({ bucket, from }: Chunks): string => `${bucket}|${from.join(",")}`;

export function parseChunks(key: string): Chunks {
  const [bucket, from] = key.split("|");
  return { bucket: Number(bucket), from: (from ?? "").split(",").map(Number) };
}

/** The chunk of the same kind that holds `t`. */
export function chunkAt(bucket: number, t: number): number {
  return bucket ? Math.floor(t / BLOCK) * BLOCK : dayStart(t);
}

export function daysOf(from: number, to: number): number[] {
  const out: number[] = [];
  for (let day = dayStart(from); day < to && out.length < 4; day = addDays(day, 1)) out.push(day);
  return out;
}
