import { openHls } from "@/lib/player/hls-source";
import { Playhead } from "@/lib/player/playhead";
import { SyncPlayer } from "@/lib/player/sync-player";
import { syncPayload } from "@/lib/queries/playback";
import { now } from "@/lib/time/clock";
import { centreOn, DAY, reveal, type View } from "./engine";
import { ViewStore } from "./view-store";

const START_SPAN = 30 * 60_000;
/** Without a time, what was just recorded by all. */
const NEWEST_MS = 30_000;

/** What the person looks at with several cameras: joins playhead, view and the group's player, and outlives re-renders. */
export class SyncSession {
  readonly playhead: Playhead;
  readonly view: ViewStore;
  readonly player: SyncPlayer;
  #nextFootage: (wall: number) => number | undefined = (wall) => wall;
  #resumeAfter: boolean | undefined;

  constructor(t: number | undefined, before?: View) {
    const wall = Math.min(t ?? Infinity, now() - NEWEST_MS);
    this.playhead = new Playhead(wall);
    this.view = new ViewStore({ t0: wall - START_SPAN / 2, span: START_SPAN, width: 1 }, now);
    if (before) this.view.set(reveal(before, wall));
    this.player = new SyncPlayer(this.playhead, { load: (cameras, from, to) => syncPayload(cameras, from, to), open: openHls, nextFootage: (at) => this.#nextFootage(at) });
  }

  /** Takes over what the timeline knows: the group goes on where the first of its cameras has footage again. */
  setFootage(cameras: string[], find: (camera: string, wall: number) => number | undefined): void {
    this.#nextFootage = (wall) => {
      const next = cameras.map((id) => find(id, wall)).filter((t) => t !== undefined);
      return next.length ? Math.min(...next) : undefined;
    };
  }

  /** Drives the group each frame, and the view with the playhead, until the returned function is called. */
  run(): () => void {
    let frame = 0;
    let last = this.playhead.wall;
    const tick = (t: number) => {
      frame = requestAnimationFrame(tick);
      this.player.tick(t);
      const { wall } = this.playhead;
      if (wall > last) this.#keepInSight(last);
      last = wall;
    };
    frame = requestAnimationFrame(tick);
    return () => {
      cancelAnimationFrame(frame);
      this.player.destroy();
    };
  }

  seek(t: number, play: boolean = this.player.state().wantPlay): void {
    this.#resumeAfter = undefined;
    const wall = Math.min(t, now());
    this.view.set(reveal(this.view.get(), wall));
    this.player.open(wall, play);
  }

  scrub(t: number): void {
    this.#resumeAfter ??= this.player.state().wantPlay;
    this.player.scrub(t);
  }

  drop(t: number): void {
    this.seek(t, this.#resumeAfter);
  }

  togglePlay(): void {
    if (this.player.state().wantPlay) this.player.pause();
    else this.player.play();
  }

  goDay(start: number): void {
    const first = this.#nextFootage(start);
    this.seek(first !== undefined && first < start + DAY ? first : start, false);
    this.view.set(centreOn({ ...this.view.get(), span: DAY }, start + DAY / 2));
  }

  /** Only what was in sight is followed: someone who panned away to look is left alone. */
  #keepInSight(before: number): void {
    const view = this.view.get();
    if (before >= view.t0 && before <= view.t0 + view.span) this.view.set(reveal(view, this.playhead.wall));
  }
}
