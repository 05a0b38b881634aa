/** The instant whose small picture is to be seen over the player, while someone drags to it. Changes as fast as a pointer. */
export class Peek {
  #at: number | undefined;
  #released = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #listeners = new Set<() => void>();

  get = (): number | undefined => this.#at;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  show(t: number): void {
    clearTimeout(this.#timer);
    this.#released = false;
    this.#set(Math.floor(t / 1000) * 1000); // there is one small picture a second
  }

  /** The drag is over: the small picture stays until the player has its own, but not for ever. */
  release(): void {
    if (this.#at === undefined) return;
    this.#released = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.hide(), 4_000);
  }

  /** The player has something to show. */
  settled(): void {
    if (this.#released) this.hide();
  }

  hide(): void {
    clearTimeout(this.#timer);
    this.#released = false;
    this.#set(undefined);
  }

  #set(at: number | undefined): void {
    if (at === this.#at) return;
    this.#at = at;
    for (const listener of this.#listeners) listener();
  }
}
