// Pictures while someone drags or points: from the hour's preview video by seeking, else from a thumbnail. Pointers move
// faster than pictures come, so there is one request under way, and of those that wait only the newest counts.
import type { PreviewFile } from "../api/recording-types";

/** What is needed of a video element that nobody sees. */
export interface PreviewVideo {
  src: string;
  currentTime: number;
  readonly duration: number;
  readonly readyState: number;
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

export interface PreviewDeps<Picture> {
  video: PreviewVideo;
  /** The preview file that covers an instant, if there is one. */
  find: (camera: string, wall: number) => Promise<PreviewFile | undefined>;
  /** The address of the file; `version` differs each time an open file is loaded anew. */
  address: (file: PreviewFile, version: number) => string;
  thumbnail: (camera: string, wall: number) => Promise<Picture | undefined>;
  /** Draws the video's present picture, or a thumbnail; `wall` is the time it was taken at. */
  paint: (picture: Picture | "video", wall: number) => void;
  /** There is no picture of that instant. */
  nothing: () => void;
  now: () => number;
}

const HOUR = 3_600_000;
/** The open hour is loaded anew at most this often. */
export const RELOAD_MS = 5_000;
/** A file that failed is not asked for again for a while. */
const FAILED_MS = 15_000;
/** So long may a file take to load, or a seek in it. */
const LOAD_MS = 4_000;

export class PreviewController<Picture> {
  #want: { camera: string; wall: number } | undefined;
  #busy = false;
  #stopped = false;
  #loaded = { url: "", at: 0, version: 0 };
  #failed = new Map<string, number>();
  #painted = "";

  constructor(private readonly deps: PreviewDeps<Picture>) {}

  /** Asks for the picture of `camera` at `wall`; what was asked for before and has not begun is dropped. */
  show(camera: string, wall: number): void {
    this.#want = { camera, wall };
    if (!this.#busy) void this.#work();
  }

  stop(): void {
    this.#stopped = true;
    this.#want = undefined;
    this.deps.video.src = "";
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#want && !this.#stopped) {
      const { camera, wall } = this.#want;
      this.#want = undefined;
      const second = Math.floor(wall / 1000) * 1000;
      const key = `${camera} ${second}`;
      if (key === this.#painted) continue; // one picture a second: most moves of a pointer ask for the one in sight
      this.#painted = (await this.#picture(camera, second)) ? key : "";
    }
    this.#busy = false;
  }

  async #picture(camera: string, wall: number): Promise<boolean> {
    const file = await this.deps.find(camera, wall).catch(() => undefined);
    if (this.#stopped) return false;
    if (file && (await this.#seek(file, wall))) {
      if (!this.#stopped) this.deps.paint("video", wall);
      return true;
    }
    const picture = await this.deps.thumbnail(camera, wall).catch(() => undefined);
    if (this.#stopped) return false;
    if (picture) this.deps.paint(picture, wall);
    else this.deps.nothing();
    return picture !== undefined;
  }

  /** Brings the video to the picture of `wall`; false where the file does not have it. */
  async #seek(file: PreviewFile, wall: number): Promise<boolean> {
    const { video, now } = this.deps;
    const failed = this.#failed.get(file.url);
    if (failed !== undefined && now() - failed < FAILED_MS) return false;
    // Media time 0 is the hour's start, also where the first picture is later.
    const seconds = (wall - Math.floor(file.start / HOUR) * HOUR) / 1000;
    const fresh = this.#loaded.url === file.url;
    const grown = file.open && fresh && seconds >= video.duration && now() - this.#loaded.at >= RELOAD_MS;
    if ((!fresh || grown) && !(await this.#load(file))) return false;
    if (!(seconds < video.duration)) return false;
    const done = this.#once("seeked");
    video.currentTime = seconds + 0.01; // inside the picture, not on the edge to the one before
    return done;
  }

  async #load(file: PreviewFile): Promise<boolean> {
    const { video, now, address } = this.deps;
    const version = this.#loaded.version + 1;
    this.#loaded = { url: file.url, at: now(), version };
    const done = this.#once("loadeddata");
    video.src = address(file, version);
    const ok = await done;
    if (ok) this.#failed.delete(file.url);
    else {
      this.#failed.set(file.url, now());
      this.#loaded.url = "";
    }
    return ok;
  }

  /** True when the event comes, false on an error or when it takes too long. */
  #once(type: string): Promise<boolean> {
    const { video } = this.deps;
    return new Promise((resolve) => {
      const end = (ok: boolean) => () => {
        clearTimeout(timer);
        video.removeEventListener(type, good);
        video.removeEventListener("error", bad);
        resolve(ok);
      };
      const good = end(true);
      const bad = end(false);
      const timer = setTimeout(bad, LOAD_MS);
      video.addEventListener(type, good);
      video.addEventListener("error", bad);
    });
  }
}
