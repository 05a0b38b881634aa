import { describe, expect, it } from "vitest";
import type { PreviewFile } from "../api/recording-types";
import { PreviewController, RELOAD_MS, type PreviewVideo } from "./preview-controller";

const HOUR = 3_600_000;
const hour = 500_000 * HOUR;
const file = (over: Partial<PreviewFile> = {}): PreviewFile => ({ start: hour, end: hour + HOUR, url: "previews/front/h.mp4", open: false, ...over });

/** Loads and seeks at the next turn of the event loop, as far as `duration` says. */
class FakeVideo implements PreviewVideo {
  readyState = 0;
  duration = NaN;
  loads: string[] = [];
  seeks: number[] = [];
  next = 3600;
  broken = false;
  #listeners = new Map<string, Set<() => void>>();
  addEventListener(type: string, listener: () => void) {
    this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener));
  }
  removeEventListener(type: string, listener: () => void) {
    this.#listeners.get(type)?.delete(listener);
  }
  #later(type: string) {
    setTimeout(() => {
      for (const listener of [...(this.#listeners.get(type) ?? [])]) listener();
    });
  }
  get src() {
    return this.loads.at(-1) ?? "";
  }
  set src(url: string) {
    if (!url) return;
    this.loads.push(url);
    this.duration = this.next;
    this.#later(this.broken ? "error" : "loadeddata");
  }
  get currentTime() {
    return this.seeks.at(-1) ?? 0;
  }
  set currentTime(t: number) {
    this.seeks.push(t);
    this.#later("seeked");
  }
}

function setup(files: PreviewFile[] = [file()], thumbnails = true) {
  const video = new FakeVideo();
  const painted: [string, number][] = [];
  const state = { now: hour + HOUR, nothing: 0 };
  const controller = new PreviewController<string>({
    video,
    find: (_, wall) => Promise.resolve(files.find((f) => wall >= f.start && wall < f.end)),
    address: (f, version) => `${f.url}?v=${version}`,
    thumbnail: () => Promise.resolve(thumbnails ? "thumb" : undefined),
    paint: (picture, wall) => painted.push([picture, wall]),
    nothing: () => state.nothing++,
    now: () => state.now,
  });
  const settle = async () => {
    for (let i = 0; i < 12; i++) await new Promise((resolve) => setTimeout(resolve));
  };
  return { video, painted, state, controller, settle, files };
}

describe("PreviewController", () => {
  it("seeks by the time since the hour, also when the first picture is later", async () => {
    const { video, painted, controller, settle } = setup([file({ start: hour + 600_000 })]);
    controller.show("front", hour + 754_300);
    await settle();
    expect(video.seeks).toEqual([754.01]);
    expect(painted).toEqual([["video", hour + 754_000]]);
  });

  it("loads an hour once, and shows the newest place of those asked for meanwhile", async () => {
    const { video, painted, controller, settle } = setup();
    for (let s = 1; s <= 50; s++) controller.show("front", hour + s * 1000);
    await settle();
    controller.show("front", hour + 50_900);
    await settle();
    expect(video.loads).toHaveLength(1);
    expect(painted.map(([, wall]) => wall)).toEqual([hour + 1_000, hour + 50_000]);
  });

  it("loads the open hour again for what is newer, but not more often than every few seconds", async () => {
    const { video, painted, state, controller, settle } = setup([file({ open: true })]);
    video.next = 100;
    controller.show("front", hour + 50_000);
    await settle();
    video.next = 200;
    state.now += RELOAD_MS - 1;
    controller.show("front", hour + 150_000);
    await settle();
    expect(video.loads).toHaveLength(1);
    expect(painted.at(-1)).toEqual(["thumb", hour + 150_000]);
    state.now += 1;
    controller.show("front", hour + 151_000);
    await settle();
    expect(video.loads).toEqual(["previews/front/h.mp4?v=1", "previews/front/h.mp4?v=2"]);
    expect(painted.at(-1)).toEqual(["video", hour + 151_000]);
  });

  it("falls back to the thumbnail without a file, or with one that does not load", async () => {
    const none = setup([]);
    none.controller.show("front", hour);
    await none.settle();
    expect(none.painted).toEqual([["thumb", hour]]);
    const broken = setup();
    broken.video.broken = true;
    broken.controller.show("front", hour);
    await broken.settle();
    broken.controller.show("front", hour + 5_000);
    await broken.settle();
    expect(broken.video.loads).toHaveLength(1);
    expect(broken.painted.map(([what]) => what)).toEqual(["thumb", "thumb"]);
  });

  it("says so when there is no picture at all, and is silent once stopped", async () => {
    const { state, painted, controller, settle } = setup([], false);
    controller.show("front", hour);
    await settle();
    expect(state.nothing).toBe(1);
    controller.show("front", hour + 9_000);
    controller.stop();
    await settle();
    expect(state.nothing).toBe(1);
    expect(painted).toEqual([]);
  });
});
