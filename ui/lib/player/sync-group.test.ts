import { describe, expect, it } from "vitest";
import { bentRate, PATIENCE_MS, SEEK_MS, SyncGroup, SyncMember, type SyncVideo } from "./sync-group";
import { TimeMap, type Piece } from "./time-map";

const T0 = 1_000_000_000;

/** A video whose clock runs a little wrong, and whose seeks take a while: as real ones do. */
class FakeVideo implements SyncVideo {
  currentTime = 0;
  playbackRate = 1;
  paused = true;
  seeks = 0;
  stalled = false;
  #seekLeft = 0;
  #position = 0;
  constructor(
    private readonly error = 1,
    private readonly seekMs = 80,
  ) {
    Object.defineProperty(this, "currentTime", {
      get: () => this.#position,
      set: (t: number) => {
        this.#position = t;
        this.#seekLeft = this.seekMs;
        this.seeks++;
      },
    });
  }
  get seeking() {
    return this.#seekLeft > 0;
  }
  get readyState() {
    return this.seeking || this.stalled ? 1 : 4;
  }
  play() {
    this.paused = false;
    return Promise.resolve();
  }
  pause() {
    this.paused = true;
  }
  advance(ms: number) {
    if (this.#seekLeft > 0) this.#seekLeft -= ms;
    else if (!this.paused && !this.stalled) this.#position += (ms / 1000) * this.playbackRate * this.error;
  }
}

/** Pieces from [wall start, seconds] pairs, touching in media time. */
function mapOf(...runs: [number, number][]): TimeMap {
  let media = 0;
  return new TimeMap(runs.map(([from, duration]): Piece => ({ wallStart: T0 + from * 1000, duration, mediaStart: (media += duration) - duration })));
}

function setup(videos: FakeVideo[], maps: TimeMap[]) {
  const ended: number[] = [];
  const skipped: number[] = [];
  const group = new SyncGroup(T0, { ended: (wall) => ended.push(wall), skipped: (ms) => skipped.push(ms) });
  group.members = videos.map((video, i) => new SyncMember(`c${i}`, video));
  group.members.forEach((member, i) => maps[i] && member.setMap(maps[i]));
  let t = 0;
  const run = (ms: number, each?: (t: number) => void) => {
    for (const end = t + ms; t < end; t += 16) {
      for (const video of videos) video.advance(16);
      group.tick(t);
      each?.(t);
    }
  };
  return { group, run, ended, skipped };
}

describe("bentRate", () => {
  it("slows what is ahead, hurries what is behind, and leaves alone what is close", () => {
    expect(bentRate(1, 60)).toBeCloseTo(0.94);
    expect(bentRate(1, -60)).toBeCloseTo(1.06);
    expect(bentRate(2, 10)).toBe(2);
    expect(bentRate(2, 400)).toBeCloseTo(2 * 0.75);
  });
});

describe("SyncGroup", () => {
  it("keeps four videos with wrong clocks within 100 ms of one time", () => {
    const videos = [new FakeVideo(1), new FakeVideo(1.01, 30), new FakeVideo(0.985, 200), new FakeVideo(0.995, 120)];
    const { group, run } = setup(videos, videos.map(() => mapOf([0, 600])));
    group.playing = true;
    run(3_000);
    let worst = 0;
    run(60_000, () => (worst = Math.max(worst, group.skew)));
    expect(worst).toBeLessThan(100);
    expect(group.members.every((m) => m.phase === "following")).toBe(true);
    expect(videos.every((v) => v.seeks <= 2)).toBe(true);
    expect(Math.abs(videos[0]!.currentTime - videos[2]!.currentTime)).toBeLessThan(0.1);
  });

  it("seeks one that is far off instead of bending its speed", () => {
    const videos = [new FakeVideo(), new FakeVideo()];
    const { group, run } = setup(videos, [mapOf([0, 600]), mapOf([0, 600])]);
    group.playing = true;
    run(2_000);
    const before = videos[1]!.seeks;
    videos[1]!.currentTime += (SEEK_MS + 200) / 1000;
    run(2_000);
    expect(videos[1]!.seeks).toBe(before + 2); // ours above, and the group's
    expect(group.skew).toBeLessThan(100);
  });

  it("goes on for the others while one camera has a gap, and takes it back in after it", () => {
    const videos = [new FakeVideo(), new FakeVideo()];
    const { group, run, skipped } = setup(videos, [mapOf([0, 60]), mapOf([0, 5], [20, 40])]);
    group.playing = true;
    run(10_000);
    expect(group.members.map((m) => m.phase)).toEqual(["following", "gap"]);
    expect(group.members[1]!.hole).toEqual({ from: T0 + 5_000, to: T0 + 20_000 });
    expect(videos[1]!.paused).toBe(true);
    expect(Math.abs(videos[1]!.currentTime - 5)).toBeLessThan(0.05);
    run(13_000);
    expect(group.members.map((m) => m.phase)).toEqual(["following", "following"]);
    expect(group.skew).toBeLessThan(100);
    expect(skipped).toEqual([]);
  });

  it("does not call the rounding between two segments a gap", () => {
    const videos = [new FakeVideo()];
    const { group, run } = setup(videos, [mapOf([0, 4], [4.02, 4], [8.05, 4])]);
    group.playing = true;
    const phases = new Set<string>();
    run(500);
    run(9_000, () => phases.add(group.members[0]!.phase));
    expect([...phases]).toEqual(["following"]);
  });

  it("passes over time that no camera recorded", () => {
    const videos = [new FakeVideo(), new FakeVideo()];
    const { group, run, skipped, ended } = setup(videos, [mapOf([0, 3], [100, 10]), mapOf([0, 4], [90, 10])]);
    group.playing = true;
    run(6_000);
    expect(skipped).toHaveLength(1);
    expect(skipped[0]).toBeCloseTo(86_000, -2);
    expect(group.wall).toBeGreaterThan(T0 + 90_000);
    run(30_000);
    expect(ended).toHaveLength(1);
    expect(group.playing).toBe(false);
  });

  it("waits for one that has no data, but not for ever", () => {
    const videos = [new FakeVideo(), new FakeVideo()];
    const { group, run } = setup(videos, [mapOf([0, 600]), mapOf([0, 600])]);
    group.playing = true;
    run(2_000);
    videos[1]!.stalled = true;
    const at = group.wall;
    run(1_000);
    expect(group.waiting).toBe(true);
    expect(group.wall - at).toBeLessThan(50);
    expect(videos[0]!.paused).toBe(true);
    run(PATIENCE_MS);
    expect(group.waiting).toBe(false);
    expect(group.wall).toBeGreaterThan(at + 500);
    videos[1]!.stalled = false;
    run(3_000);
    expect(group.members[1]!.phase).toBe("following");
    expect(group.skew).toBeLessThan(100);
  });

  it("stands exactly at the place while paused", () => {
    const videos = [new FakeVideo(), new FakeVideo()];
    const { group, run } = setup(videos, [mapOf([0, 600]), mapOf([-10, 600])]);
    group.seek(T0 + 33_300);
    run(1_500);
    expect(videos[0]!.currentTime).toBeCloseTo(33.3);
    expect(videos[1]!.currentTime).toBeCloseTo(43.3);
    expect(videos.every((v) => v.paused)).toBe(true);
    group.seek(T0 + 60_000);
    run(500);
    expect(videos[0]!.currentTime).toBeCloseTo(60);
  });

  it("goes on without a camera that failed", () => {
    const videos = [new FakeVideo(), new FakeVideo()];
    const { group, run } = setup(videos, [mapOf([0, 600])]);
    group.members[1]!.fail("no codec");
    group.playing = true;
    run(2_000);
    expect(group.wall).toBeGreaterThan(T0 + 1_500);
    expect(group.members[1]!.reason).toBe("no codec");
  });

  it("does not jump after the machine slept", () => {
    const videos = [new FakeVideo()];
    const { group, run } = setup(videos, [mapOf([0, 600])]);
    group.playing = true;
    run(1_000);
    const at = group.wall;
    group.tick(3_600_000);
    expect(group.wall - at).toBeLessThan(20);
  });
});
