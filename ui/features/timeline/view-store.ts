import { addDays, dayStart } from "@/lib/time/zone";
import { clampView, type View } from "./engine";

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

  /** Local days in sight, as text: a snapshot that is equal while the days are. */
  days = (): string => daysOf(this.#view.t0, this.#view.t0 + this.#view.span).join(",");
}

export function daysOf(from: number, to: number): number[] {
  const out: number[] = [];
  for (let day = dayStart(from); day < to && out.length < 4; day = addDays(day, 1)) out.push(day);
  return out;
}
