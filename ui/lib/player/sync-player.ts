// Plays two to four cameras by one clock in this browser: fetches playlists for an hour around the clock, feeds the videos,
// and drives the SyncGroup, which keeps them together.
import type { SyncPayload } from "../api/recording-types";
import { serverURL } from "../base";
import { now } from "../time/clock";
import { isCodecFault, type HlsSource, type OpenHls } from "./hls-source";
import type { Playhead } from "./playhead";
import { windowFor, type Window } from "./recorded-player";
import { SyncGroup, SyncMember, type MemberPhase } from "./sync-group";
import { TimeMap } from "./time-map";

export const MAX_SYNC = 4;

export interface TileState {
  phase: MemberPhase;
  reason?: string;
  stream: "main" | "sub";
}

export interface SyncState {
  phase: "loading" | "ready" | "at_live" | "ended" | "error";
  error?: unknown;
  wantPlay: boolean;
  rate: number;
  waiting: boolean;
  tiles: Record<string, TileState>;
  /** ms that no camera had footage for, just passed over */
  skipped?: number;
}

export interface SyncDeps {
  load: (cameras: string[], from: number, to: number) => Promise<SyncPayload>;
  open: OpenHls;
  /** First instant at or after the given one at which one of the cameras has footage, as far as is known. */
  nextFootage: (wall: number) => number | undefined;
}

interface Tile {
  member: SyncMember;
  video: HTMLVideoElement;
  source?: HlsSource;
  stream: "main" | "sub";
}

/** So close to now nothing more can have been recorded. */
const EDGE_MS = 10_000;
const NOTE_MS = 2_500;

export class SyncPlayer {
  #state: SyncState = { phase: "loading", wantPlay: false, rate: 1, waiting: false, tiles: {} };
  #tiles = new Map<string, Tile>();
  #group: SyncGroup;
  #window: Window | undefined;
  #generation = 0;
  #noteTimer: ReturnType<typeof setTimeout> | undefined;
  #listeners = new Set<() => void>();

  constructor(
    private readonly playhead: Playhead,
    private readonly deps: SyncDeps,
  ) {
    this.#group = new SyncGroup(playhead.wall, { ended: (wall) => this.#ended(wall), skipped: (ms) => this.#note(ms) });
  }

  state = (): SyncState => this.#state;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Largest distance between a video and the clock, ms. */
  get skew(): number {
    return this.#group.skew;
  }

  /** Uses the element for the camera until the returned function is called. What it plays is fetched at the next open. */
  attach(camera: string, video: HTMLVideoElement): () => void {
    const tile: Tile = { member: new SyncMember(camera, video), video, stream: "main" };
    this.#tiles.set(camera, tile);
    this.#group.members = [...this.#tiles.values()].map((t) => t.member);
    this.#window = undefined;
    return () => {
      tile.source?.destroy();
      if (this.#tiles.get(camera) === tile) this.#tiles.delete(camera);
      this.#group.members = [...this.#tiles.values()].map((t) => t.member);
    };
  }

  /** Shows all cameras at `wall`. */
  open(wall: number, play: boolean): void {
    this.#group.playing = play;
    this.#set({ wantPlay: play });
    this.#goTo(wall);
    const { phase } = this.#state;
    const known = this.#window && wall >= this.#window.from && wall < this.#window.to;
    if (known && (phase === "ready" || phase === "ended")) this.#set({ phase: "ready" });
    else void this.#load(wall);
  }

  /** While dragging: the still of that instant, as fast as videos can seek; nothing is fetched. */
  scrub(wall: number): void {
    this.#group.playing = false;
    this.#goTo(wall);
  }

  play(): void {
    if (this.#state.phase === "ready") {
      this.#group.playing = true;
      this.#set({ wantPlay: true });
    } else this.open(this.playhead.wall, true);
  }

  pause(): void {
    this.#group.playing = false;
    this.#set({ wantPlay: false });
  }

  setRate(rate: number): void {
    this.#group.rate = rate;
    this.#set({ rate });
  }

  /** One step of the control loop; `t` in ms on a clock that never jumps. */
  tick(t: number): void {
    if (this.#state.phase !== "ready") return;
    this.#group.tick(t);
    this.playhead.set(this.#group.wall);
    this.#report();
  }

  destroy(): void {
    this.#generation++;
    clearTimeout(this.#noteTimer);
    for (const tile of this.#tiles.values()) tile.source?.destroy();
  }

  #goTo(wall: number): void {
    this.#group.seek(wall);
    this.playhead.set(wall);
  }

  async #load(wall: number): Promise<void> {
    const generation = ++this.#generation;
    if (wall > now() - EDGE_MS) return this.#stop("at_live");
    this.#window = windowFor(wall, now());
    this.#set({ phase: "loading", error: undefined });
    for (const tile of this.#tiles.values()) {
      tile.source?.destroy();
      tile.source = undefined;
      tile.member.unload();
    }
    try {
      const payload = await this.deps.load([...this.#tiles.keys()], this.#window.from, this.#window.to);
      if (generation !== this.#generation) return;
      this.#set({ phase: "ready" });
      for (const [id, tile] of this.#tiles) {
        const camera = payload.cameras.find((c) => c.id === id);
        if (camera?.runs?.start?.length) void this.#start(tile, serverURL(camera.playlist), generation);
        else tile.member.setMap(new TimeMap([]));
      }
    } catch (error) {
      if (generation === this.#generation) this.#set({ phase: "error", error });
    }
  }

  async #start(tile: Tile, url: string, generation: number): Promise<void> {
    const { member } = tile;
    const wanted = () => generation === this.#generation;
    try {
      const source = await this.deps.open(tile.video, url, {
        wanted,
        mapped: (map) => {
          if (wanted()) member.setMap(map);
        },
        begin: (map) => (wanted() ? (map.toMedia(this.#group.wall) ?? 0) : undefined),
        failed: (details, status) => {
          if (wanted()) this.#failed(tile, url, details, status, generation);
        },
      });
      if (wanted()) tile.source = source;
      else source.destroy();
    } catch (error) {
      if (wanted()) member.fail(error instanceof Error ? error.message : "The player could not be loaded");
    }
  }

  #failed(tile: Tile, url: string, details: string, status: number | undefined, generation: number): void {
    if (isCodecFault(details) && tile.stream === "main") {
      tile.stream = "sub";
      tile.source?.destroy();
      tile.member.unload();
      void this.#start(tile, withStream(url, "sub"), generation);
    } else if (isCodecFault(details) || (status === 404 && tile.stream === "sub")) {
      tile.member.fail("This browser cannot play the recording's codec");
    } else if (status === 404) {
      tile.member.setMap(new TimeMap([]));
    } else {
      tile.member.fail(`The recording could not be loaded (${details}${status ? `, ${status}` : ""})`);
    }
  }

  /** The loaded hour is over: the next footage of any camera follows, or now was reached, or there is none. */
  #ended(wall: number): void {
    const edge = Math.max(wall, Math.min(this.#window?.to ?? wall, now()));
    if (now() - edge < EDGE_MS) return this.#stop("at_live");
    const next = this.deps.nextFootage(edge);
    if (next === undefined) return this.#stop("ended");
    if (next > edge + 1_000) this.#note(next - wall);
    this.#group.playing = true;
    this.#goTo(next);
    void this.#load(next);
  }

  #stop(phase: "at_live" | "ended"): void {
    this.#group.playing = false;
    for (const { video } of this.#tiles.values()) video.pause();
    this.#set({ phase, wantPlay: false });
  }

  #note(skipped: number): void {
    clearTimeout(this.#noteTimer);
    this.#set({ skipped });
    this.#noteTimer = setTimeout(() => this.#set({ skipped: undefined }), NOTE_MS);
  }

  /** What people see of the members changes now and then, not each frame. */
  #report(): void {
    const tiles: Record<string, TileState> = {};
    let changed = this.#group.waiting !== this.#state.waiting;
    for (const [id, { member, stream }] of this.#tiles) {
      const old = this.#state.tiles[id];
      const same = old?.phase === member.phase && old.reason === member.reason && old.stream === stream;
      tiles[id] = same ? old : { phase: member.phase, reason: member.reason, stream };
      changed ||= !same;
    }
    if (changed) this.#set({ tiles, waiting: this.#group.waiting });
  }

  #set(change: Partial<SyncState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

/** The same playlist of the camera's other stream. */
export function withStream(url: string, stream: "main" | "sub"): string {
  const [path, query] = url.split("?");
  const params = new URLSearchParams(query);
  params.set("stream", stream);
  return `${path}?${params.toString()}`;
}
