// Several cameras at one time. There is one clock, of wall time, and each video follows it: by a slightly other speed
// while it is close, by a seek when it is far. No camera is the master, so one that has a gap holds nobody up.
import type { Hole, TimeMap } from "./time-map";

/** What is needed of a video element. */
export interface SyncVideo {
  currentTime: number;
  playbackRate: number;
  readonly paused: boolean;
  readonly seeking: boolean;
  /** 3 and more: can go on playing */
  readonly readyState: number;
  play(): Promise<void>;
  pause(): void;
}

export type MemberPhase = "loading" | "following" | "buffering" | "gap" | "failed";

/** Further off than this is put right by a seek. */
export const SEEK_MS = 500;
/** While standing there is no speed to correct with, and a still must be the right one. */
const STILL_MS = 15;
/** Closer than this is left alone: each change of speed costs the decoder something. */
const DEAD_MS = 15;
/** Most that the speed is bent, in proportion to the distance: it halves in 0.7 s, and 60 ms off are 6 %, which nobody notices. */
const MAX_BEND = 0.25;
/** A seek while playing lands this much ahead, for the time it takes. */
const SEEK_LEAD_MS = 120;
const SEEK_AGAIN_MS = 1_000;
/** Holes shorter than this are rounding between segments. */
const HOLE_MS = 250;
/** So long does everyone wait for one who has no data yet. */
export const PATIENCE_MS = 4_000;
/** A tick this late means that the machine slept. */
const ASLEEP_MS = 5_000;

/** The speed at which a video that is `drift` ms ahead (negative: behind) meets the clock. */
export function bentRate(rate: number, drift: number): number {
  if (Math.abs(drift) <= DEAD_MS) return rate;
  return rate * (1 - Math.max(-MAX_BEND, Math.min(MAX_BEND, drift / 1000)));
}

/** One camera's video in the group. */
export class SyncMember {
  phase: MemberPhase = "loading";
  /** ms ahead of the clock; 0 while it does not follow */
  drift = 0;
  /** where it has no footage now */
  hole: Hole | undefined;
  reason: string | undefined;
  #map: TimeMap | undefined;
  #soughtAt = -Infinity;

  constructor(
    readonly id: string,
    private readonly video: SyncVideo,
  ) {}

  /** Takes over where the camera has footage; an empty map means: nowhere. */
  setMap(map: TimeMap): void {
    this.#map = map;
    if (this.phase === "failed") this.phase = "loading";
  }

  /** Until the next map it has nothing to follow with. */
  unload(): void {
    this.#map = undefined;
    this.phase = "loading";
    this.reason = undefined;
    this.video.pause();
  }

  fail(reason: string): void {
    this.phase = "failed";
    this.reason = reason;
    this.drift = 0;
    this.video.pause();
  }

  /** Where it should be has changed by a jump: a seek may follow the last one at once. */
  jumped(): void {
    this.#soughtAt = -Infinity;
  }

  /** Whether the others should wait: it has footage here and cannot show it yet. */
  get late(): boolean {
    return this.phase === "loading" || this.phase === "buffering";
  }

  /** Brings the video to `wall` and, if `run`, keeps it going there. `t` is a clock that never jumps. */
  follow(wall: number, run: boolean, rate: number, t: number): void {
    if (this.phase === "failed" || !this.#map) return;
    const hole = this.#map.holeAt(wall);
    this.hole = hole && hole.to - hole.from >= HOLE_MS ? hole : undefined;
    const media = this.#map.toMedia(wall);
    if (this.hole || media === undefined) return this.#rest(media, t);
    const ahead = (this.video.currentTime - media) * 1000;
    const far = Math.abs(ahead) > (run ? SEEK_MS : STILL_MS);
    if (far) this.#seek(run ? media + (SEEK_LEAD_MS / 1000) * rate : media, t);
    const ready = !this.video.seeking && this.video.readyState >= (run ? 3 : 2);
    this.phase = ready && !(far && run) ? "following" : "buffering";
    this.drift = this.phase === "following" ? ahead : 0;
    if (run) {
      const bent = bentRate(rate, this.drift);
      if (this.video.playbackRate !== bent) this.video.playbackRate = bent;
      if (this.video.paused) void this.video.play().catch(() => undefined); // cut short by a pause or a seek: the next tick tries again
    } else if (!this.video.paused) {
      this.video.pause();
    }
  }

  /** In a gap it stands ready at the first picture after it. */
  #rest(media: number | undefined, t: number): void {
    this.phase = "gap";
    this.drift = 0;
    if (!this.video.paused) this.video.pause();
    if (media !== undefined && Math.abs(this.video.currentTime - media) > 0.05) this.#seek(media, t);
  }

  #seek(media: number, t: number): void {
    if (this.video.seeking || t - this.#soughtAt < SEEK_AGAIN_MS) return;
    this.#soughtAt = t;
    this.video.currentTime = media;
  }
}

export interface GroupEvents {
  /** Footage of all cameras ended at this time, and none follows in what is loaded. */
  ended: (wall: number) => void;
  /** All cameras had a gap of so many ms, which was passed over. */
  skipped: (ms: number) => void;
}

export class SyncGroup {
  members: SyncMember[] = [];
  wall: number;
  playing = false;
  rate = 1;
  /** the clock stands because someone has no data yet */
  waiting = false;
  #last: number | undefined;
  #waitingSince: number | undefined;

  constructor(
    wall: number,
    private readonly events: GroupEvents,
  ) {
    this.wall = wall;
  }

  seek(wall: number): void {
    this.wall = wall;
    this.#waitingSince = undefined;
    for (const member of this.members) member.jumped();
  }

  /** One step of the control loop; `t` in ms on a clock that never jumps. Called each frame. */
  tick(t: number): void {
    const dt = this.#last === undefined || t - this.#last > ASLEEP_MS ? 0 : t - this.#last;
    this.#last = t;
    this.waiting = this.playing && this.#mustWait(t);
    const run = this.playing && !this.waiting;
    if (run) this.wall += dt * this.rate;
    for (const member of this.members) member.follow(this.wall, run, this.rate, t);
    if (this.playing) this.#passGap();
  }

  /** Largest distance of a following video from the clock, ms. */
  get skew(): number {
    return Math.max(0, ...this.members.filter((m) => m.phase === "following").map((m) => Math.abs(m.drift)));
  }

  #mustWait(t: number): boolean {
    if (!this.members.some((m) => m.late)) {
      this.#waitingSince = undefined;
      return false;
    }
    this.#waitingSince ??= t;
    return t - this.#waitingSince < PATIENCE_MS;
  }

  /** Where no camera has footage there is nothing to look at. */
  #passGap(): void {
    const able = this.members.filter((m) => m.phase !== "failed");
    if (able.length === 0 || able.some((m) => m.phase !== "gap")) return;
    const next = Math.min(...able.map((m) => m.hole?.to ?? Infinity));
    if (Number.isFinite(next)) {
      this.events.skipped(next - this.wall);
      this.seek(next);
    } else {
      this.playing = false;
      this.events.ended(this.wall);
    }
  }
}
