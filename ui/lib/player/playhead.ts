/** What the clock, the canvas and the video share. It changes up to 60 times a second, so it is read, never rendered. */
export class Playhead {
  #wall: number;
  #coarse = new Set<() => void>();
  #second = 0;

  constructor(wall: number) {
    this.#wall = wall;
    this.#second = Math.floor(wall / 1000);
  }

  get wall(): number {
    return this.#wall;
  }

  set(wall: number): void {
    this.#wall = wall;
    const second = Math.floor(wall / 1000);
    if (second === this.#second) return;
    this.#second = second;
    for (const listener of this.#coarse) listener();
  }

  /** The whole second it stands on, in ms: for what React may draw. */
  second = (): number => this.#second * 1000;

  onSecond = (listener: () => void): (() => void) => {
    this.#coarse.add(listener);
    return () => this.#coarse.delete(listener);
  };
}
