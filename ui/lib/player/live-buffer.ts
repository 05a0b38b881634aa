// The media half of live video: feeds one SourceBuffer, keeps it short, and keeps the element close behind the newest frame.

export interface RangesLike {
  length: number;
  start(i: number): number;
  end(i: number): number;
}

export interface VideoLike {
  currentTime: number;
  playbackRate: number;
  readonly buffered: RangesLike;
  readonly readyState: number;
  readonly paused: boolean;
  play(): Promise<void>;
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

export interface SourceBufferLike {
  readonly updating: boolean;
  readonly buffered: RangesLike;
  appendBuffer(data: BufferSource): void;
  remove(from: number, to: number): void;
  changeType?(mime: string): void;
  addEventListener(type: string, listener: () => void): void;
}

export interface MediaSourceLike {
  readonly readyState: string;
  addSourceBuffer(mime: string): SourceBufferLike;
  addEventListener(type: string, listener: () => void, options?: { once: boolean }): void;
}

export interface BufferDeps {
  createMediaSource(): MediaSourceLike;
  attach(video: VideoLike, source: MediaSourceLike): () => void;
  now(): number;
}

/** Seconds of past video kept: enough to survive a stall, little enough for nine tiles. */
const KEEP_S = 10;
const TRIM_AT_S = 20;
/** Bytes that may wait for the SourceBuffer; more means that it no longer takes any. */
const MAX_QUEUE = 16 << 20;
const TARGET_MIN = 0.15;
const TARGET_MAX = 0.8;

type Task = { append: ArrayBuffer } | { changeType: string } | { clear: true };

export class LiveBuffer {
  #source: MediaSourceLike;
  #buffer: SourceBufferLike | undefined;
  #queue: Task[] = [];
  #queued = 0;
  #closed = false;
  #jump = true;
  #target = TARGET_MIN;
  #calmSince: number;
  #detach: () => void;

  constructor(
    private readonly video: VideoLike,
    private mime: string,
    private readonly deps: BufferDeps,
    private readonly fail: (reason: string) => void,
  ) {
    this.#calmSince = deps.now();
    this.#source = deps.createMediaSource();
    this.#source.addEventListener("sourceopen", () => this.#open(), { once: true });
    this.#detach = deps.attach(video, this.#source);
    video.addEventListener("waiting", this.#waiting);
    video.addEventListener("error", this.#error);
  }

  /** Whether the element has a current picture to show. */
  get showing(): boolean {
    return this.video.readyState >= 2;
  }

  accepts(mime: string): boolean {
    return mime === this.mime || this.#buffer?.changeType !== undefined;
  }

  /** A new init segment follows; its times may begin anywhere, so what is buffered goes. */
  restart(mime: string): void {
    this.#queue = [];
    this.#queued = 0;
    this.#enqueue({ clear: true });
    if (mime !== this.mime) this.#enqueue({ changeType: mime });
    this.mime = mime;
    this.#jump = true;
  }

  /** The server skipped frames: the next ones stand behind a hole. */
  expectJump(): void {
    this.#jump = true;
  }

  push(data: ArrayBuffer): void {
    if (this.#queued + data.byteLength > MAX_QUEUE) return this.#give("The browser stopped taking video");
    this.#enqueue({ append: data });
  }

  /** Keeps the picture close to live: a little faster when behind, a jump when more than a second behind. */
  follow(): void {
    const { buffered } = this.video;
    if (buffered.length === 0) return;
    const start = buffered.start(buffered.length - 1);
    const end = buffered.end(buffered.length - 1);
    const behind = end - this.video.currentTime;
    if (this.deps.now() - this.#calmSince > 10_000) {
      this.#target = Math.max(TARGET_MIN, this.#target - 0.05);
      this.#calmSince = this.deps.now();
    }
    const outside = this.video.currentTime < start || behind < 0;
    if (outside || behind > this.#target + 1 || (this.#jump && behind > this.#target + 0.1)) {
      this.#jump = false;
      this.video.currentTime = Math.max(start, end - this.#target);
      this.video.playbackRate = 1;
    } else {
      const excess = behind - this.#target;
      this.video.playbackRate = excess > 0.5 ? 1.1 : excess > 0.2 ? 1.05 : excess > 0.05 ? 1.02 : 1;
    }
    if (this.video.paused) void this.video.play().catch(() => undefined); // autoplay refused: the next gesture starts it
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.video.removeEventListener("waiting", this.#waiting);
    this.video.removeEventListener("error", this.#error);
    this.#detach();
  }

  #open(): void {
    if (this.#closed || this.#buffer) return;
    try {
      this.#buffer = this.#source.addSourceBuffer(this.mime);
    } catch {
      return this.#give("The browser refused this video");
    }
    this.#buffer.addEventListener("updateend", () => this.#updated());
    this.#drain();
  }

  #updated(): void {
    if (this.#closed) return;
    const { buffered, currentTime } = this.video;
    if (buffered.length > 0) {
      const outside = currentTime < buffered.start(buffered.length - 1);
      if (outside) this.follow();
      const first = buffered.start(0);
      if (this.video.currentTime - first > TRIM_AT_S && this.#buffer && !this.#buffer.updating) {
        this.#buffer.remove(first, this.video.currentTime - KEEP_S);
        return;
      }
    }
    this.#drain();
  }

  #enqueue(task: Task): void {
    this.#queue.push(task);
    if ("append" in task) this.#queued += task.append.byteLength;
    this.#drain();
  }

  #drain(): void {
    const buffer = this.#buffer;
    while (buffer && !this.#closed && !buffer.updating) {
      const task = this.#queue.shift();
      if (!task) return;
      try {
        if ("append" in task) {
          this.#queued -= task.append.byteLength;
          buffer.appendBuffer(task.append);
        } else if ("clear" in task) {
          if (buffer.buffered.length > 0) buffer.remove(0, Infinity);
        } else {
          buffer.changeType?.(task.changeType);
        }
      } catch (error) {
        const full = error instanceof DOMException && error.name === "QuotaExceededError";
        return this.#give(full ? "The browser's video memory is full" : "The video could not be decoded");
      }
    }
  }

  #waiting = (): void => {
    this.#target = Math.min(TARGET_MAX, this.#target + 0.05);
    this.#calmSince = this.deps.now();
  };

  #error = (): void => this.#give("The video could not be decoded");

  #give(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.fail(reason);
  }
}
