import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeMediaSource, FakeSocket, FakeVideo } from "@/test/live-fakes";
import { LiveController } from "./live-controller";

const H264 = 'video/mp4; codecs="avc1.4d401e"';
const H265 = 'video/mp4; codecs="hvc1.1.6.L93.90"';

let video: FakeVideo;
let sockets: FakeSocket[];
let sources: FakeMediaSource[];
let allowed: boolean | Error;
let detached: number;
let live: LiveController;

const socket = () => sockets.at(-1)!;
const buffer = () => sources.at(-1)!.buffers.at(-1)!;
const phase = () => live.state().phase;
const tick = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  video = new FakeVideo();
  sockets = [];
  sources = [];
  allowed = true;
  detached = 0;
  live = new LiveController(video, {
    openSocket: () => {
      sockets.push(new FakeSocket());
      return socket();
    },
    authorise: () => (allowed instanceof Error ? Promise.reject(allowed) : Promise.resolve(allowed)),
    createMediaSource: () => {
      sources.push(new FakeMediaSource(video));
      return sources.at(-1)!;
    },
    isTypeSupported: (mime) => mime.includes("avc1"),
    attach: () => () => void detached++,
    now: () => Date.now(),
    random: () => 1,
  });
});
afterEach(() => live.stop());

/** Connects and shows the first picture. */
async function start() {
  live.start();
  await tick(0);
  socket().text({ type: "init", mime: H264, width: 640, height: 360 });
  sources.at(-1)!.open();
  socket().bytes(1);
  buffer().settle();
  socket().bytes(50);
  buffer().settle();
  await tick(250);
}

describe("LiveController", () => {
  it("goes from connecting over starting to live", async () => {
    live.start();
    expect(phase()).toBe("connecting");
    await tick(0);
    expect(socket().binaryType).toBe("arraybuffer");
    socket().text({ type: "init", mime: H264, width: 640, height: 360 });
    expect(live.state()).toMatchObject({ phase: "starting", mime: H264, width: 640, height: 360 });
    sources.at(-1)!.open();
    socket().bytes(1);
    buffer().settle();
    await tick(250);
    expect(phase()).toBe("starting"); // an init segment is no picture
    socket().bytes(50);
    buffer().settle();
    await tick(250);
    expect(phase()).toBe("live");
    expect(video.paused).toBe(false);
  });

  it("keeps what arrives before the source is open", async () => {
    live.start();
    await tick(0);
    socket().text({ type: "init", mime: H264 });
    socket().bytes(1);
    socket().bytes(50);
    sources.at(-1)!.open();
    buffer().settle();
    expect(buffer().appended).toEqual([1, 50]);
  });

  it("says which codec the browser cannot play, and lets go of the socket", async () => {
    live.start();
    await tick(0);
    socket().text({ type: "init", mime: H265 });
    expect(live.state()).toMatchObject({ phase: "unsupported", mime: H265 });
    expect(socket().closed).toBe(true);
    await tick(60_000);
    expect(sockets).toHaveLength(1);
  });

  it("tells the camera's state with reason and next try, and waits for it on the same socket", async () => {
    await start();
    socket().text({ type: "state", state: "offline", reason: "connection refused", retry_at: "2026-01-31T12:00:00Z" });
    await tick(60_000);
    expect(live.state()).toEqual({ phase: "offline", reason: "connection refused", retryAt: Date.parse("2026-01-31T12:00:00Z") });
    expect(sockets).toHaveLength(1);
    socket().text({ type: "init", mime: H264 });
    socket().bytes(1);
    socket().bytes(50);
    buffer().settle();
    await tick(250);
    expect(phase()).toBe("live");
  });

  it("reconnects with growing pauses and starts from a fresh source", async () => {
    await start();
    socket().drop();
    expect(live.state()).toMatchObject({ phase: "reconnecting", retryAt: Date.now() + 500 });
    expect(detached).toBe(1);
    await tick(500);
    expect(sockets).toHaveLength(2);
    socket().drop();
    await tick(999);
    expect(sockets).toHaveLength(2);
    await tick(1);
    expect(sockets).toHaveLength(3);
    socket().text({ type: "init", mime: H264 });
    expect(sources).toHaveLength(2);
  });

  it("calls the picture stale after 5 s without a frame, and renews after 10 s", async () => {
    await start();
    await tick(5_300);
    expect(phase()).toBe("stalled");
    await tick(5_000);
    expect(phase()).toBe("reconnecting");
    expect(socket().closed).toBe(true);
  });

  it("ends for good when the person must sign in, and tries again when the server is away", async () => {
    allowed = new Error("Nightjar cannot be reached.");
    live.start();
    await tick(0);
    expect(live.state()).toMatchObject({ phase: "reconnecting", reason: "Nightjar cannot be reached." });
    allowed = false;
    await tick(500);
    expect(phase()).toBe("idle");
    expect(sockets).toHaveLength(0);
  });

  it("closes the socket 5 s after going out of sight and comes back", async () => {
    await start();
    live.setVisible(false);
    await tick(4_900);
    live.setVisible(true);
    await tick(10_000);
    expect(sockets).toHaveLength(2); // the silence of 10 s renewed it, hiding did not
    live.setVisible(false);
    await tick(5_000);
    expect(phase()).toBe("paused");
    expect(socket().closed).toBe(true);
    live.setVisible(true);
    await tick(0);
    expect(sockets).toHaveLength(3);
  });

  it("ignores what is no message", async () => {
    await start();
    socket().text("{");
    socket().text({ type: "init" });
    socket().text({ type: 7 });
    await tick(250);
    expect(phase()).toBe("live");
  });
});

describe("keeping up", () => {
  it("jumps when more than a second behind and plays faster when a little behind", async () => {
    await start();
    video.ranges = [[0, 20]];
    video.currentTime = 10;
    await tick(250);
    expect(video.currentTime).toBeCloseTo(19.85, 2);
    video.currentTime = 19.2;
    socket().bytes(50);
    await tick(250);
    expect(video.playbackRate).toBe(1.1);
    video.currentTime = 19.95;
    await tick(250);
    expect(video.playbackRate).toBe(1);
  });

  it("stays further behind on a stream that stutters, and comes closer again", async () => {
    await start();
    for (let i = 0; i < 6; i++) video.emit("waiting");
    video.ranges = [[0, 20]];
    video.currentTime = 20 - 0.45;
    await tick(250);
    expect(video.playbackRate).toBe(1);
    for (let i = 0; i < 12; i++) {
      socket().bytes(50);
      buffer().settle();
      await tick(4_000);
    }
    video.currentTime = video.ranges[0]![1] - 0.6;
    await tick(250);
    expect(video.playbackRate).toBeGreaterThan(1);
  });

  it("drops the past when it grows long", async () => {
    await start();
    video.ranges = [[0, 30]];
    video.currentTime = 29.9;
    socket().bytes(50);
    buffer().finish();
    expect(buffer().removed[0]![1]).toBeCloseTo(19.9, 1);
  });

  it("clears and changes type when the camera changes its codec parameters", async () => {
    await start();
    socket().text({ type: "init", mime: 'video/mp4; codecs="avc1.640028"' });
    buffer().settle();
    expect(buffer().removed).toEqual([[0, Infinity]]);
    expect(buffer().types).toEqual(['video/mp4; codecs="avc1.640028"']);
    expect(sources).toHaveLength(1);
  });

  it("gives up a source that takes no more, and says so", async () => {
    await start();
    buffer().failWith = new DOMException("full", "QuotaExceededError");
    socket().bytes(50);
    expect(live.state()).toMatchObject({ phase: "reconnecting", reason: "The browser's video memory is full" });
    await tick(500);
    socket().text({ type: "init", mime: H264 });
    for (let i = 0; i < 20; i++) socket().bytes(1 << 20); // the source never opens
    expect(live.state()).toMatchObject({ phase: "reconnecting", reason: "The browser stopped taking video" });
  });
});
