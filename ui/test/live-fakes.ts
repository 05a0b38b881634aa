// Stand-ins for socket, MediaSource and video element, for tests: jsdom has no media. They do what the controller relies on.
import type { MediaSourceLike, RangesLike, SourceBufferLike, VideoLike } from "@/lib/player/live-buffer";
import type { SocketLike } from "@/lib/player/live-controller";

class Ranges implements RangesLike {
  constructor(private readonly list: [number, number][]) {}
  get length() {
    return this.list.length;
  }
  start(i: number) {
    return this.list[i]![0];
  }
  end(i: number) {
    return this.list[i]![1];
  }
}

export class FakeVideo implements VideoLike {
  currentTime = 0;
  playbackRate = 1;
  readyState = 0;
  paused = true;
  ranges: [number, number][] = [];
  #listeners = new Map<string, Set<() => void>>();
  get buffered() {
    return new Ranges(this.ranges);
  }
  play() {
    this.paused = false;
    return Promise.resolve();
  }
  addEventListener(type: string, listener: () => void) {
    this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener));
  }
  removeEventListener(type: string, listener: () => void) {
    this.#listeners.get(type)?.delete(listener);
  }
  emit(type: string) {
    for (const listener of this.#listeners.get(type) ?? []) listener();
  }
}

/** Each append of more than one byte is a tenth of a second of video. */
export class FakeSourceBuffer implements SourceBufferLike {
  updating = false;
  appended: number[] = [];
  removed: [number, number][] = [];
  types: string[] = [];
  failWith: Error | undefined;
  #updateend: (() => void) | undefined;
  constructor(
    private readonly video: FakeVideo,
    readonly mime: string,
  ) {}
  get buffered() {
    return this.video.buffered;
  }
  appendBuffer(data: BufferSource) {
    if (this.failWith) throw this.failWith;
    this.appended.push(data.byteLength);
    this.updating = true;
    if (data.byteLength > 1) {
      const last = this.video.ranges.at(-1);
      if (last) last[1] += 0.1;
      else this.video.ranges.push([0, 0.1]);
      this.video.readyState = 4;
    }
  }
  remove(from: number, to: number) {
    this.removed.push([from, to]);
    this.video.ranges = this.video.ranges.map(([a, b]): [number, number] => [Math.max(a, to), b]).filter(([a, b]) => b > a);
    this.updating = true;
  }
  changeType(mime: string) {
    this.types.push(mime);
  }
  addEventListener(_: string, listener: () => void) {
    this.#updateend = listener;
  }
  /** Ends the operation that is under way. */
  finish() {
    this.updating = false;
    this.#updateend?.();
  }
  /** Ends this and all operations that follow from it. */
  settle() {
    while (this.updating) this.finish();
  }
}

export class FakeMediaSource implements MediaSourceLike {
  readyState = "closed";
  buffers: FakeSourceBuffer[] = [];
  #open: (() => void) | undefined;
  constructor(private readonly video: FakeVideo) {}
  addEventListener(_: string, listener: () => void) {
    this.#open = listener;
  }
  open() {
    this.readyState = "open";
    this.#open?.();
  }
  addSourceBuffer(mime: string) {
    const buffer = new FakeSourceBuffer(this.video, mime);
    this.buffers.push(buffer);
    return buffer;
  }
}

export class FakeSocket implements SocketLike {
  binaryType = "";
  closed = false;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  close() {
    this.closed = true;
  }
  text(value: unknown) {
    this.onmessage?.(new MessageEvent("message", { data: typeof value === "string" ? value : JSON.stringify(value) }));
  }
  bytes(n: number) {
    this.onmessage?.(new MessageEvent("message", { data: new ArrayBuffer(n) }));
  }
  drop() {
    this.closed = true;
    this.onclose?.(new CloseEvent("close"));
  }
}
