import { Playhead } from "@/lib/player/playhead";
import { RecordedPlayer, type RecordedState, type Still } from "@/lib/player/recorded-player";
import { now } from "@/lib/time/clock";
import { centreOn, DAY, reveal, type View } from "./engine";
import { Peek } from "./peek";
import { ViewStore } from "./view-store";

export interface SessionState {
  camera: string;
  mode: "live" | "recorded";
  wantPlay: boolean;
  muted: boolean;
  rate: number;
  recorded: RecordedState;
  /** ms of missing footage just passed over, for a short note */
  skipped?: number;
}

const START_SPAN = 2 * 3_600_000;
/** A place this close to now is now. */
const LIVE_MS = 3_000;
export const RATES = [0.25, 0.5, 1, 2, 4, 8];
const NOTE_MS = 2_500;
/** The timeline may be slow or fail; the video is then asked for all the same. */
const FIRST_ANSWER_MS = 1_500;

/**
 * What the person is looking at: which camera, live or when, playing or not. It joins playhead, view and player, outlives
 * re-renders, and is the one place that decides what a seek, a camera change or the end of footage means.
 */
export class Session {
  readonly playhead: Playhead;
  readonly view: ViewStore;
  readonly peek = new Peek();
  #state: SessionState;
  #player: RecordedPlayer | undefined;
  /** opens the first place once it is known what was recorded there: asking blindly ends in a 404 where nothing was */
  #openFirst: (() => void) | undefined;
  #ready = false;
  #nextFootage: (camera: string, wall: number) => number | undefined = (_, wall) => wall;
  #listeners = new Set<() => void>();
  #moved = new Set<() => void>();
  #scrubbing = false;
  #resumeAfter = false;
  #noteTimer: ReturnType<typeof setTimeout> | undefined;
  #stage: HTMLElement | undefined;

  /** `before` is the view of the mode one comes from. */
  constructor(camera: string, t: number | undefined, play: boolean, before?: View) {
    const live = t === undefined || t > now() - LIVE_MS;
    const wall = live ? now() : t;
    this.playhead = new Playhead(wall);
    const view = { t0: wall - START_SPAN * (live ? 0.97 : 0.5), span: START_SPAN, width: 1 };
    this.view = new ViewStore(view, now);
    this.view.set(reveal(before ?? { ...view, t0: view.t0 - 1 }, wall)); // clamped to now
    const recorded: RecordedState = { phase: "idle", wantPlay: play, rate: 1, stream: "main" };
    this.#state = { camera, mode: live ? "live" : "recorded", wantPlay: play || live, muted: true, rate: 1, recorded };
  }

  state = (): SessionState => this.#state;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Called after each change of place that the address should tell. */
  onMoved(listener: () => void): () => void {
    this.#moved.add(listener);
    return () => this.#moved.delete(listener);
  }

  /** Takes over what the timeline knows of recordings; `ready` once the days in question were answered for. */
  setFootage(find: (camera: string, wall: number) => number | undefined, ready: boolean): void {
    this.#nextFootage = find;
    this.#ready ||= ready;
    if (this.#ready) this.#openFirst?.();
  }

  /** Takes the video element into use until the returned function is called. */
  attach(video: HTMLVideoElement, stage: HTMLElement, still: Still): () => void {
    this.#stage = stage;
    const player = new RecordedPlayer(video, this.playhead, (camera, wall) => this.#nextFootage(camera, wall), still);
    this.#player = player;
    const off = player.subscribe(() => this.#onPlayer(player.state()));
    const timer = setTimeout(() => this.#openFirst?.(), FIRST_ANSWER_MS);
    this.#openFirst = () => {
      this.#openFirst = undefined;
      if (this.#state.mode === "recorded") player.open(this.#state.camera, this.playhead.wall, this.#state.wantPlay);
    };
    if (this.#ready) this.#openFirst();
    return () => {
      off();
      clearTimeout(timer);
      this.#openFirst = undefined;
      player.destroy();
      if (this.#player === player) this.#player = undefined;
    };
  }

  /** Keeps playhead and view going: in live mode with the clock, while playing with the video. */
  follow(): () => void {
    let last = this.playhead.wall;
    const timer = setInterval(() => {
      const { mode, recorded } = this.#state;
      if (mode === "live") this.playhead.set(now());
      const moved = this.playhead.wall - last;
      last = this.playhead.wall;
      if (mode === "recorded" && recorded.phase === "playing" && moved > 3_000 && !this.#scrubbing) this.#note(moved);
      const moving = mode === "live" || recorded.phase === "playing";
      // Only what was in sight is followed: someone who panned away to look is left alone.
      if (moving && moved > 0) this.#keepInSight(moved);
    }, 250);
    return () => clearInterval(timer);
  }

  /** Goes to a wall-clock time, of another camera if one is named; near now that is live. */
  seek(t: number, camera: string = this.#state.camera, play = true): void {
    this.#scrubbing = false;
    if (t > now() - LIVE_MS) return this.goLive(camera);
    this.#openFirst = undefined;
    this.#set({ camera, mode: "recorded", wantPlay: play, skipped: undefined });
    this.playhead.set(t);
    this.view.set(reveal(this.view.get(), t));
    this.peek.release();
    this.#player?.open(camera, t, play);
    if (this.#player?.state().phase === "nothing") this.peek.settled();
    this.#tellMoved();
  }

  /** While dragging: small pictures as fast as they come; the recording is opened on release. */
  scrub(t: number): void {
    if (!this.#scrubbing) {
      this.#scrubbing = true;
      this.#resumeAfter = this.#state.mode === "live" || this.#state.wantPlay;
      this.#player?.freeze();
      if (this.#state.mode === "live") this.#set({ mode: "recorded" });
    }
    this.playhead.set(t);
    this.peek.show(t);
  }

  /** The drag ended at `t`: the recording from there, playing if it played before. */
  drop(t: number): void {
    this.seek(t, undefined, this.#resumeAfter);
  }

  /** Another camera at the same time. */
  select(camera: string): void {
    if (camera === this.#state.camera) return;
    if (this.#state.mode === "live") {
      this.#set({ camera });
      this.#tellMoved();
    } else {
      this.seek(this.playhead.wall, camera, this.#state.wantPlay);
    }
  }

  goLive(camera: string = this.#state.camera): void {
    this.peek.hide();
    this.#player?.pause();
    this.playhead.set(now());
    this.#set({ camera, mode: "live", wantPlay: true });
    this.view.set(reveal(this.view.get(), now()));
    this.#tellMoved();
  }

  goDay(start: number): void {
    const noon = start + 12 * 3_600_000;
    this.view.set(centreOn({ ...this.view.get(), span: DAY }, noon));
    const first = this.#nextFootage(this.#state.camera, start);
    this.seek(first ?? start, undefined, false);
    this.view.set(centreOn({ ...this.view.get(), span: DAY }, noon));
  }

  play(): void {
    this.#set({ wantPlay: true });
    if (this.#state.mode === "recorded") this.#player?.play();
  }

  pause(): void {
    if (this.#state.mode === "live") {
      // Pausing live means: this moment, from the recording, which is playable two seconds later.
      this.#set({ mode: "recorded" });
      this.#player?.open(this.#state.camera, now() - LIVE_MS, false);
    }
    this.#set({ wantPlay: false });
    this.#player?.pause();
    this.#tellMoved();
  }

  togglePlay(): void {
    if (this.#state.wantPlay) this.pause();
    else this.play();
  }

  setRate(rate: number): void {
    this.#set({ rate });
    this.#player?.setRate(rate);
  }

  faster(): void {
    if (!this.#state.wantPlay) return this.play();
    this.setRate(RATES[Math.min(RATES.length - 1, RATES.indexOf(this.#state.rate) + 1)] ?? 1);
  }

  slower(): void {
    if (this.#state.rate > 0.25) this.setRate(RATES[Math.max(0, RATES.indexOf(this.#state.rate) - 1)] ?? 1);
    else this.seek(this.playhead.wall - 5_000);
  }

  step(frames: number, fps: number): void {
    if (this.#state.mode === "live") return this.pause();
    this.#set({ wantPlay: false });
    this.#player?.step(frames, fps);
  }

  /** Time inside the picture on the screen: the recording's own, not where the playhead was asked to be. */
  shown(fps: number): number {
    return this.#player?.shownWall(fps) ?? this.playhead.wall;
  }

  /** The live picture's element, to take the very picture from that is on the screen. */
  liveVideo(): HTMLVideoElement | undefined {
    return this.#stage?.querySelector<HTMLVideoElement>("[data-live-phase] video") ?? undefined;
  }

  setMuted(muted: boolean): void {
    this.#set({ muted });
  }

  toggleFullscreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.#stage?.requestFullscreen?.().catch(() => undefined); // refused inside some frames: nothing to do
  }

  #keepInSight(moved: number): void {
    const view = this.view.get();
    const before = this.playhead.wall - moved;
    const wasInSight = before >= view.t0 && before <= view.t0 + view.span;
    if (wasInSight) this.view.set(reveal(view, this.playhead.wall));
  }

  #onPlayer(recorded: RecordedState): void {
    this.#set({ recorded, wantPlay: this.#state.mode === "live" ? this.#state.wantPlay : recorded.wantPlay, rate: recorded.rate });
    if (recorded.phase === "at_live" && recorded.wantPlay && this.#state.mode === "recorded") this.goLive();
    if (this.#scrubbing) return;
    if (recorded.phase !== "loading" && recorded.phase !== "seeking") this.peek.settled();
    if (recorded.phase === "paused" || recorded.phase === "nothing") this.#tellMoved();
  }

  #note(skipped: number): void {
    clearTimeout(this.#noteTimer);
    this.#set({ skipped });
    this.#noteTimer = setTimeout(() => this.#set({ skipped: undefined }), NOTE_MS);
  }

  #tellMoved(): void {
    for (const listener of this.#moved) listener();
  }

  #set(change: Partial<SessionState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

