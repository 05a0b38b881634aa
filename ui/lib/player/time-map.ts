/** One HLS fragment: where it lies on the media timeline (seconds) and on the wall clock (ms). */
export interface Piece {
  mediaStart: number;
  duration: number;
  wallStart: number;
}

export interface Hole {
  from: number;
  to: number;
}

/**
 * Wall clock ↔ media time of one playlist. Media time has no gaps, the wall clock has: where a recording is missing, two
 * neighbouring pieces touch in media time and are apart on the wall.
 */
export class TimeMap {
  constructor(private readonly pieces: readonly Piece[]) {}

  get empty(): boolean {
    return this.pieces.length === 0;
  }

  /** Wall clock of the first picture; NaN when empty. */
  get wallStart(): number {
    return this.pieces[0]?.wallStart ?? NaN;
  }

  /** Wall clock at which the last picture ends; NaN when empty. */
  get wallEnd(): number {
    const last = this.pieces.at(-1);
    return last ? last.wallStart + last.duration * 1000 : NaN;
  }

  toWall(media: number): number {
    const piece = this.pieces[Math.max(0, this.#last((p) => p.mediaStart <= media))];
    if (!piece) return NaN;
    return piece.wallStart + clamp(media - piece.mediaStart, 0, piece.duration) * 1000;
  }

  /** Media time of a wall instant; inside a gap it is the first picture after it. Undefined when nothing follows. */
  toMedia(wall: number): number | undefined {
    const i = this.#last((p) => p.wallStart <= wall);
    const piece = this.pieces[i];
    if (piece) {
      const into = (wall - piece.wallStart) / 1000;
      if (into < piece.duration) return piece.mediaStart + into;
    }
    return this.pieces[i + 1]?.mediaStart;
  }

  /** Whether footage exists at that instant, as opposed to only before and after. */
  covers(wall: number): boolean {
    const piece = this.pieces[this.#last((p) => p.wallStart <= wall)];
    return piece !== undefined && wall < piece.wallStart + piece.duration * 1000;
  }

  /** The stretch without footage around an instant, open-ended before the first and after the last piece; undefined inside footage. */
  holeAt(wall: number): Hole | undefined {
    const i = this.#last((p) => p.wallStart <= wall);
    const before = this.pieces[i];
    const from = before ? before.wallStart + before.duration * 1000 : -Infinity;
    return wall < from ? undefined : { from, to: this.pieces[i + 1]?.wallStart ?? Infinity };
  }

  /** Index of the last piece for which `before` holds, −1 if for none; pieces are sorted on both clocks. */
  #last(before: (p: Piece) => boolean): number {
    let low = 0;
    let high = this.pieces.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (before(this.pieces[mid]!)) low = mid + 1;
      else high = mid;
    }
    return low - 1;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Pieces from a playlist's fragments. A fragment without a date continues its predecessor; before the first date none exists. */
export function piecesOf(fragments: readonly { start: number; duration: number; programDateTime?: number | null }[]): Piece[] {
  const out: Piece[] = [];
  for (const fragment of fragments) {
    const last = out.at(-1);
    const expected = last ? last.wallStart + last.duration * 1000 : NaN;
    const dated = fragment.programDateTime ?? expected;
    if (Number.isNaN(dated)) continue;
    out.push({ mediaStart: fragment.start, duration: fragment.duration, wallStart: dated });
  }
  return out;
}
