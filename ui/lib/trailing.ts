/** Runs `work` once some time after it was asked for, however often it is asked for until then. */
export class Trailing {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Infinity;

  constructor(private readonly work: () => void) {}

  /** Asks for the work to be done in at most `ms`. What is due sooner stays so. */
  within(ms: number): void {
    const due = performance.now() + ms;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#due = Infinity;
      this.work();
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }
}
