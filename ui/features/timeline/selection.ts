// A stretch of time that someone marks to keep or to hand on. Pure rules, and a store that canvas and inputs share.
export interface Range {
  from: number;
  to: number;
}

export const MIN_RANGE = 1_000;
/** What one mark alone selects, until the other is set. */
const FIRST_LENGTH = 30_000;

export type Edge = "from" | "to";

/** Sets one edge; an edge that passes the other pushes it along, and none lies ahead of `now`. */
export function withEdge(range: Range | undefined, edge: Edge, t: number, now: number): Range {
  const at = Math.min(t, now);
  if (edge === "from") {
    const from = Math.min(at, now - MIN_RANGE);
    const to = range && range.to >= from + MIN_RANGE ? range.to : Math.min(now, from + FIRST_LENGTH);
    return { from, to };
  }
  const from = range && range.from <= at - MIN_RANGE ? range.from : at - FIRST_LENGTH;
  return { from, to: at };
}

/** While an edge is dragged the other stays where it is, and stops it. */
export function dragEdge(range: Range, edge: Edge, t: number, now: number): Range {
  if (edge === "from") return { ...range, from: Math.min(t, range.to - MIN_RANGE) };
  return { ...range, to: Math.max(range.from + MIN_RANGE, Math.min(t, now)) };
}

/** A first selection around a place: a tenth of what is in sight, at least half a minute. */
export function around(t: number, span: number, now: number): Range {
  const half = Math.max(FIRST_LENGTH, span / 10) / 2;
  const to = Math.min(now, t + half);
  return { from: to - 2 * half, to };
}

export class Selection {
  #range: Range | undefined;
  #listeners = new Set<() => void>();

  constructor(range?: Range) {
    this.#range = range;
  }

  get = (): Range | undefined => this.#range;

  set(range: Range | undefined): void {
    const next = range && { from: Math.round(range.from), to: Math.round(range.to) };
    if (next?.from === this.#range?.from && next?.to === this.#range?.to) return;
    this.#range = next;
    for (const listener of this.#listeners) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** The selection in an address: "1764270000000-1764270030000". */
export function parseRange(text: string | null): Range | undefined {
  const m = /^(\d{10,14})-(\d{10,14})$/.exec(text ?? "");
  if (!m) return undefined;
  const [from, to] = [Number(m[1]), Number(m[2])];
  return to - from >= MIN_RANGE ? { from, to } : undefined;
}
