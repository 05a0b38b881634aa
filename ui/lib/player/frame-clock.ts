/**
 * Knows which picture a video element shows: `currentTime` is what was asked for, the picture on the screen may have begun
 * up to one frame before it. Where the browser does not tell, `currentTime` has to do.
 */
export class FrameClock {
  #handle = 0;
  #shown: number | undefined;

  constructor(private readonly video: HTMLVideoElement) {
    // Safari before 15.4 and Firefox before 132 lack it.
    if (typeof video.requestVideoFrameCallback === "function") this.#wait();
  }

  /** Media time at which the picture in sight begins, seconds. */
  get mediaTime(): number {
    const { currentTime } = this.video;
    // A note from before the last seek is no use: that picture is gone or about to go.
    return this.#shown !== undefined && Math.abs(this.#shown - currentTime) < 0.5 ? this.#shown : currentTime;
  }

  destroy(): void {
    if (this.#handle) this.video.cancelVideoFrameCallback(this.#handle);
  }

  #wait(): void {
    this.#handle = this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      this.#shown = mediaTime;
      this.#wait();
    });
  }
}

/** Where to seek to see the picture `frames` after (or before) the one that begins at `mediaTime`: the middle of its time. */
export function stepTarget(mediaTime: number, frames: number, fps: number): number {
  return Math.max(0, mediaTime + (frames + 0.5) / Math.max(1, fps));
}
