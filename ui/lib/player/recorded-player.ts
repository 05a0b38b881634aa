import { apiURL } from "../base";
import { now } from "../time/clock";
import { FrameClock, stepTarget } from "./frame-clock";
import { HlsUnsupported, isCodecFault, openHls, type HlsSource } from "./hls-source";
import type { Playhead } from "./playhead";
import { TimeMap } from "./time-map";

export type RecordedPhase = "idle" | "loading" | "playing" | "paused" | "seeking" | "nothing" | "at_live" | "unsupported" | "error";

export interface RecordedState {
  phase: RecordedPhase;
  reason?: string;
  /** What the person asked for; the phase says what is. */
  wantPlay: boolean;
  rate: number;
  stream: "main" | "sub";
}

const MINUTE = 60_000;
/** Windows begin on a grid, so that seeking around in them asks for the same playlist. */
const GRID = 10 * MINUTE;
const WINDOW = 60 * MINUTE;
/** The newest footage a playlist can hold is this old. */
const EDGE_MS = 2_000;

export interface Window {
  from: number;
  to: number;
}

/** The hour to ask for around `wall`; it never reaches beyond what can be recorded by now. */
export function windowFor(wall: number, current: number): Window {
  const from = Math.floor(wall / GRID) * GRID;
  return { from, to: Math.max(from + 1_000, Math.min(from + WINDOW, Math.ceil(current))) };
}

/** Holds the last picture while the element is empty between two windows, so that there is no flash of black. */
export interface Still {
  keep(video: HTMLVideoElement): void;
  release(): void;
}

/** Plays recorded footage of one camera by wall clock: seeks, windows, gaps. */
export class RecordedPlayer {
  #state: RecordedState = { phase: "idle", wantPlay: false, rate: 1, stream: "main" };
  #hls: HlsSource | undefined;
  #frames: FrameClock;
  #map = new TimeMap([]);
  #camera = "";
  #window: Window | undefined;
  #target: number | undefined;
  #generation = 0;
  #frame = 0;
  #frozen = false;
  #listeners = new Set<() => void>();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly playhead: Playhead,
    /** First instant at or after the given one at which the camera has footage, as far as the timeline knows. */
    private readonly nextFootage: (camera: string, wall: number) => number | undefined,
    private readonly still: Still,
  ) {
    this.#frames = new FrameClock(video);
    for (const [type, listener] of this.#events) video.addEventListener(type, listener);
    this.#frame = requestAnimationFrame(this.#tick);
  }

  state = (): RecordedState => this.#state;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  destroy(): void {
    cancelAnimationFrame(this.#frame);
    this.#generation++;
    this.#frames.destroy();
    this.#close();
    for (const [type, listener] of this.#events) this.video.removeEventListener(type, listener);
  }

  /** Shows `camera` at `wall`. The same camera inside the loaded window is a plain seek. */
  open(camera: string, wall: number, play: boolean): void {
    const sameCamera = camera === this.#camera;
    if (!sameCamera) {
      this.#set({ stream: "main" });
      this.still.release();
    }
    this.#camera = camera;
    this.#frozen = false;
    this.#set({ wantPlay: play });
    const start = this.nextFootage(camera, wall);
    if (start === undefined || (start > wall + 1_000 && !play)) return this.#nothing(wall);
    const inWindow = sameCamera && this.#window && start >= this.#window.from && start < this.#window.to;
    if (inWindow && this.#hls && this.#state.phase !== "nothing" && this.#seekInMap(start)) return;
    void this.#load(start, sameCamera);
  }

  seek(wall: number): void {
    this.open(this.#camera, wall, this.#state.wantPlay);
  }

  play(): void {
    this.#set({ wantPlay: true });
    if (this.#state.phase === "nothing" || this.#state.phase === "error" || this.#state.phase === "at_live") {
      this.open(this.#camera, this.playhead.wall, true);
    } else {
      this.#resume();
    }
  }

  pause(): void {
    this.#set({ wantPlay: false });
    this.video.pause();
  }

  /** Stands still and leaves the playhead to whoever drags it, until the next open. */
  freeze(): void {
    this.pause();
    this.#frozen = true;
  }

  setRate(rate: number): void {
    this.video.playbackRate = rate;
    this.#set({ rate });
  }

  /** One picture on or back, at the stream's rate. */
  step(frames: number, fps: number): void {
    this.pause();
    this.video.currentTime = stepTarget(this.#frames.mediaTime, frames, fps);
  }

  /** Wall clock inside the picture that is on the screen; undefined while there is none. */
  shownWall(fps: number): number | undefined {
    const { phase } = this.#state;
    if (!this.#hls || this.#map.empty || (phase !== "playing" && phase !== "paused")) return undefined;
    // The middle of the picture's time: its very beginning is, after rounding to ms, easily the picture before it.
    return this.#map.toWall(this.#frames.mediaTime + 0.5 / Math.max(1, fps));
  }

  async #load(wall: number, keepPicture = true): Promise<void> {
    const generation = ++this.#generation;
    if (keepPicture && this.video.readyState >= 2) this.still.keep(this.video);
    this.#close();
    this.#map = new TimeMap([]);
    this.#target = wall;
    this.playhead.set(wall);
    if (wall > now() - EDGE_MS) return this.#set({ phase: "at_live", reason: undefined });
    this.#window = windowFor(wall, now());
    this.#set({ phase: "loading", reason: undefined });
    const { from, to } = this.#window;
    const url = apiURL(`vod/${encodeURIComponent(this.#camera)}/${from}/${to}/index.m3u8?stream=${this.#state.stream}`);
    try {
      const source = await openHls(this.video, url, {
        wanted: () => generation === this.#generation,
        mapped: (map) => {
          if (generation === this.#generation) this.#map = map;
        },
        begin: (map) => {
          if (generation !== this.#generation) return undefined;
          const media = this.#target === undefined ? 0 : map.toMedia(this.#target);
          if (media === undefined) this.#windowEnded();
          return media;
        },
        failed: (details, status) => {
          if (generation === this.#generation) this.#failed(details, status);
        },
      });
      if (generation !== this.#generation) return source.destroy();
      this.#hls = source;
      this.video.playbackRate = this.#state.rate;
    } catch (error) {
      if (generation !== this.#generation) return;
      if (error instanceof HlsUnsupported) this.#set({ phase: "unsupported", reason: error.message });
      else this.#set({ phase: "error", reason: "The player could not be loaded" });
    }
  }

  #close(): void {
    this.#hls?.destroy();
    this.#hls = undefined;
  }

  #failed(details: string, status: number | undefined): void {
    const codec = isCodecFault(details);
    const wall = this.#target ?? this.playhead.wall;
    if (codec && this.#state.stream === "main") {
      this.#set({ stream: "sub" });
      void this.#load(wall);
    } else if (status === 404 && this.#state.stream === "sub") {
      this.#close();
      this.still.release();
      this.#set({ phase: "unsupported", reason: "This browser cannot play the recording's codec (H.265), and no smaller stream was recorded" });
    } else if (codec) {
      this.#set({ phase: "unsupported", reason: "This browser cannot play the recording's codec" });
    } else if (status === 404) {
      this.#skipOrStop(wall);
    } else {
      this.#set({ phase: "error", reason: `The recording could not be loaded (${details}${status ? `, ${status}` : ""})` });
    }
  }

  /** Nothing here: go on at the next footage the timeline knows of, or say so. */
  #skipOrStop(wall: number): void {
    const next = this.nextFootage(this.#camera, wall);
    if (this.#state.wantPlay && next !== undefined && next > wall + 500) void this.#load(next);
    else this.#nothing(wall);
  }

  #nothing(wall: number): void {
    this.#generation++;
    this.#close();
    this.#target = undefined;
    this.still.release();
    this.playhead.set(wall);
    this.#set({ phase: wall > now() - 15_000 ? "at_live" : "nothing", reason: undefined });
  }

  #seekInMap(wall: number): boolean {
    const media = this.#map.toMedia(wall);
    if (media === undefined) return false;
    this.#target = wall;
    this.playhead.set(this.#map.covers(wall) ? wall : this.#map.toWall(media));
    this.video.currentTime = media;
    if (this.#state.wantPlay) this.#resume();
    return true;
  }

  /** The loaded hour is over: the next footage follows, or now has been reached. */
  #windowEnded(): void {
    const end = Number.isNaN(this.#map.wallEnd) ? (this.#target ?? this.playhead.wall) : this.#map.wallEnd;
    if (now() - end < 10_000) return this.#set({ phase: "at_live" });
    const next = this.nextFootage(this.#camera, end + 50);
    if (next === undefined) return this.#nothing(end);
    // The timeline may say "recorded" where the playlist just ended; one grid step on is then the honest next place.
    void this.#load(Math.max(next, this.#window && end < this.#window.to - 1_000 ? end + 250 : end));
  }

  #events: [string, () => void][] = [
    ["playing", () => this.#set({ phase: "playing", reason: undefined })],
    ["pause", () => this.#showing() && this.#set({ phase: "paused" })],
    ["waiting", () => this.#showing() && this.#set({ phase: "seeking" })],
    ["seeking", () => this.#showing() && this.#set({ phase: "seeking" })],
    ["seeked", () => this.#settled()],
    ["loadeddata", () => this.#settled()],
    ["ended", () => this.#windowEnded()],
  ];

  #showing(): boolean {
    return this.#hls !== undefined && !["nothing", "unsupported", "error", "loading", "at_live"].includes(this.#state.phase);
  }

  #settled(): void {
    this.#target = undefined;
    this.still.release();
    if (this.#state.wantPlay && this.video.paused) this.#resume();
    else this.#set({ phase: this.video.paused ? "paused" : "playing", reason: undefined });
  }

  /** A browser may refuse to play without a gesture: that is a pause. A start cut short by the next seek is not. */
  #resume(): void {
    this.video.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#set({ phase: "paused", wantPlay: false });
    });
  }

  #tick = (): void => {
    this.#frame = requestAnimationFrame(this.#tick);
    const { phase } = this.#state;
    if (this.#hls && !this.#frozen && this.#target === undefined && (phase === "playing" || phase === "paused") && !this.#map.empty) {
      const wall = this.#map.toWall(this.video.currentTime);
      if (!Number.isNaN(wall)) this.playhead.set(wall);
    }
  };

  #set(change: Partial<RecordedState>): void {
    const next = { ...this.#state, ...change };
    if (next.phase === this.#state.phase && next.reason === this.#state.reason && next.wantPlay === this.#state.wantPlay && next.rate === this.#state.rate && next.stream === this.#state.stream) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }
}
