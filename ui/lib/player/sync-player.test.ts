import { beforeEach, describe, expect, it, vi } from "vitest";
import type { SyncPayload } from "../api/recording-types";
import type { HlsEvents } from "./hls-source";
import { Playhead } from "./playhead";
import { SyncPlayer, withStream } from "./sync-player";
import { TimeMap } from "./time-map";

const T = Date.parse("2026-01-31T10:17:00Z");
const NOW = Date.parse("2026-01-31T20:00:00Z");

/** As much of an element as the group uses; it obeys at once. */
function fakeVideo(): HTMLVideoElement {
  const video = { currentTime: 0, playbackRate: 1, paused: true, seeking: false, readyState: 4, play: () => Promise.resolve((video.paused = false)), pause: () => (video.paused = true) };
  return video as unknown as HTMLVideoElement; // the rest is never touched
}

const opened: { url: string; events: HlsEvents; destroyed: boolean }[] = [];
const load = vi.fn<(cameras: string[], from: number, to: number) => Promise<SyncPayload>>();
let next: number | undefined;

function setup(play = true) {
  const playhead = new Playhead(T);
  const player = new SyncPlayer(playhead, {
    load,
    open: (_, url, events) => {
      const entry = { url, events, destroyed: false };
      opened.push(entry);
      return Promise.resolve({ destroy: () => void (entry.destroyed = true) });
    },
    nextFootage: () => next,
  });
  const videos = { front: fakeVideo(), drive: fakeVideo() };
  player.attach("front", videos.front);
  player.attach("drive", videos.drive);
  player.open(T, play);
  return { playhead, player, videos };
}

const settle = () => new Promise((resolve) => setTimeout(resolve));
const footage = (from: number, seconds: number) => new TimeMap([{ wallStart: from, duration: seconds, mediaStart: 0 }]);

beforeEach(() => {
  opened.length = 0;
  next = undefined;
  vi.spyOn(Date, "now").mockReturnValue(NOW);
  load.mockReset();
  load.mockImplementation((cameras, from, to) =>
    Promise.resolve({ from, to, cameras: cameras.map((id) => ({ id, playlist: `/api/v1/vod/${id}/${from}/${to}/index.m3u8?stream=main`, runs: { start: id === "front" ? [0] : [], duration: id === "front" ? [1000] : [] } })) }),
  );
});

describe("SyncPlayer", () => {
  it("asks once for all cameras and opens playlists of those that have footage", async () => {
    const { player } = setup();
    await settle();
    expect(load).toHaveBeenCalledExactlyOnceWith(["front", "drive"], Date.parse("2026-01-31T10:10:00Z"), Date.parse("2026-01-31T11:10:00Z"));
    expect(opened.map((o) => o.url)).toEqual([`/api/v1/vod/front/${T - 420_000}/${T + 3_180_000}/index.m3u8?stream=main`]);
    opened[0]!.events.mapped(footage(T - 60_000, 600));
    expect(opened[0]!.events.begin(footage(T - 60_000, 600))).toBe(60);
    player.tick(0);
    expect(player.state().tiles).toMatchObject({ front: { phase: "following" }, drive: { phase: "gap" } });
  });

  it("moves the playhead with the clock, by the speed", async () => {
    const { player, playhead } = setup();
    await settle();
    opened[0]!.events.mapped(footage(T - 60_000, 600));
    player.setRate(2);
    for (let t = 0; t <= 160; t += 16) player.tick(t);
    expect(playhead.wall).toBeGreaterThan(T + 200);
    player.pause();
    const at = playhead.wall;
    for (let t = 176; t < 300; t += 16) player.tick(t);
    expect(playhead.wall).toBe(at);
  });

  it("seeks within the loaded hour without asking again, and beyond it asks", async () => {
    const { player } = setup(false);
    await settle();
    player.open(T + 600_000, false);
    expect(load).toHaveBeenCalledTimes(1);
    player.open(T + 7_200_000, false);
    await settle();
    expect(load).toHaveBeenCalledTimes(2);
    expect(opened[0]!.destroyed).toBe(true);
  });

  it("takes the small stream where the browser lacks the codec, and gives up after that", async () => {
    const { player } = setup();
    await settle();
    opened[0]!.events.failed("bufferAddCodecError", undefined);
    await settle();
    expect(opened[1]!.url).toContain("stream=sub");
    opened[1]!.events.failed("manifestLoadError", 404);
    player.tick(0);
    expect(player.state().tiles.front).toMatchObject({ phase: "failed", stream: "sub", reason: "This browser cannot play the recording's codec" });
  });

  it("goes on at the next footage when the hour is over, and stops where there is none", async () => {
    const { player, playhead } = setup();
    await settle();
    opened[0]!.events.mapped(footage(T - 60_000, 30));
    next = T + 9_000_000;
    player.tick(0);
    expect(playhead.wall).toBe(next);
    await settle();
    expect(load).toHaveBeenCalledTimes(2);
    opened.at(-1)!.events.mapped(footage(T, 30));
    next = undefined;
    player.tick(16);
    expect(player.state()).toMatchObject({ phase: "ended", wantPlay: false });
  });

  it("says that now was reached", () => {
    const { player } = setup(false);
    player.open(NOW - 3_000, true);
    expect(player.state().phase).toBe("at_live");
  });

  it("keeps the server's error, and asks again on play", async () => {
    load.mockRejectedValueOnce(new Error("the database is starting"));
    const { player } = setup();
    await settle();
    expect(player.state().phase).toBe("error");
    player.play();
    await settle();
    expect(player.state().phase).toBe("ready");
  });
});

describe("withStream", () => {
  it("replaces or adds the stream", () => {
    expect(withStream("/a/index.m3u8?stream=main&x=1", "sub")).toBe("/a/index.m3u8?stream=sub&x=1");
    expect(withStream("/a/index.m3u8", "sub")).toBe("/a/index.m3u8?stream=sub");
  });
});
