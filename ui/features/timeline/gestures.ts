// Pointer and wheel gestures of the canvas, free of React: what a finger means is decided here and tested as such.
import { panBy, timeAt, zoomAt, type View } from "./engine";

/** A press that moves less than this is a tap. */
const SLOP_PX = 5;

export interface GestureTarget {
  view(): View;
  setView(view: View): void;
  /** whether a press at this place takes the playhead rather than the ground */
  scrubs(x: number, y: number): boolean;
  scrub(t: number, done: boolean): void;
  tap(x: number, y: number): void;
  /** Shift and drag marks a stretch of time; absent where nothing can be done with one. */
  mark?(from: number, to: number): void;
}

interface Pointer {
  x: number;
  y: number;
}

export class Gestures {
  #pointers = new Map<number, Pointer>();
  #mode: "none" | "press" | "pan" | "scrub" | "pinch" | "mark" = "none";
  #origin: Pointer = { x: 0, y: 0 };

  constructor(private readonly target: GestureTarget) {}

  get active(): boolean {
    return this.#mode !== "none";
  }

  down(id: number, x: number, y: number, shift = false): void {
    this.#pointers.set(id, { x, y });
    this.#origin = { x, y };
    if (this.#pointers.size === 2) this.#mode = "pinch";
    else if (shift && this.target.mark) this.#mode = "mark";
    else if (this.target.scrubs(x, y)) {
      this.#mode = "scrub";
      this.target.scrub(timeAt(this.target.view(), x), false);
    } else this.#mode = "press";
  }

  move(id: number, x: number, y: number): void {
    const last = this.#pointers.get(id);
    if (!last) return;
    if (this.#mode === "pinch") this.#pinch(id, x, y);
    this.#pointers.set(id, { x, y });
    if (this.#mode === "press" && Math.hypot(x - this.#origin.x, y - this.#origin.y) > SLOP_PX) this.#mode = "pan";
    if (this.#mode === "pan") this.target.setView(panBy(this.target.view(), x - last.x));
    if (this.#mode === "scrub") this.target.scrub(timeAt(this.target.view(), x), false);
    if (this.#mode === "mark") this.#mark(x);
  }

  up(id: number, x: number, y: number): void {
    if (!this.#pointers.delete(id)) return;
    if (this.#mode === "press") this.target.tap(x, y);
    if (this.#mode === "scrub") this.target.scrub(timeAt(this.target.view(), x), true);
    this.#mode = this.#mode === "pinch" && this.#pointers.size === 1 ? "pan" : "none";
    if (this.#pointers.size === 0) this.#mode = "none";
  }

  cancel(id: number): void {
    this.#pointers.delete(id);
    this.#mode = "none";
  }

  /** Wheel zooms at the pointer; sideways or with Shift it pans. */
  wheel(x: number, dx: number, dy: number, shift: boolean): void {
    const view = this.target.view();
    if (shift || Math.abs(dx) > Math.abs(dy)) this.target.setView(panBy(view, -(Math.abs(dx) > Math.abs(dy) ? dx : dy)));
    else this.target.setView(zoomAt(view, x, Math.exp(Math.max(-120, Math.min(120, dy)) * 0.0025)));
  }

  #mark(x: number): void {
    const view = this.target.view();
    const [a, b] = [timeAt(view, this.#origin.x), timeAt(view, x)];
    if (Math.abs(x - this.#origin.x) > SLOP_PX) this.target.mark?.(Math.min(a, b), Math.max(a, b));
  }

  #pinch(id: number, x: number, y: number): void {
    const other = [...this.#pointers].find(([key]) => key !== id)?.[1];
    const mine = this.#pointers.get(id);
    if (!other || !mine) return;
    const before = Math.max(20, Math.hypot(mine.x - other.x, mine.y - other.y));
    const after = Math.max(20, Math.hypot(x - other.x, y - other.y));
    const moved = panBy(this.target.view(), (x - mine.x) / 2);
    this.target.setView(zoomAt(moved, (x + other.x) / 2, before / after));
  }
}
