import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoff } from "./backoff";
import { Realtime } from "./realtime";

class Socket {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  close() {
    this.closed = true;
    this.onclose?.();
  }
  say(topic: string, data: unknown, seq = 1) {
    this.onmessage?.({ data: JSON.stringify({ v: 1, seq, topic, data }) });
  }
}

let sockets: Socket[];
let realtime: Realtime;
const socket = () => sockets.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  realtime = new Realtime({
    open: () => {
      sockets.push(new Socket());
      return socket() as unknown as WebSocket; // the parts that are used
    },
    authorise: () => Promise.resolve(true),
    random: () => 1,
  });
});
afterEach(() => realtime.stop());

async function open() {
  realtime.start();
  await vi.advanceTimersByTimeAsync(0);
  socket().say("hello", { seq: 0 }, 0);
}

describe("Realtime", () => {
  it("hands each topic to its listeners until they leave", async () => {
    await open();
    const motion = vi.fn();
    const off = realtime.on("motion", motion);
    socket().say("motion", { camera: "a", active: true }, 1);
    socket().say("camera", { id: "a" }, 2);
    off();
    socket().say("motion", { camera: "a", active: false }, 3);
    expect(motion.mock.calls).toEqual([[{ camera: "a", active: true }]]);
    expect(realtime.status()).toBe("open");
  });

  it("asks for everything again after a reconnect, but not after the first connect", async () => {
    const resync = vi.fn();
    realtime.onResync(resync);
    await open();
    expect(resync).not.toHaveBeenCalled();
    socket().close();
    expect(realtime.status()).toBe("closed");
    await vi.advanceTimersByTimeAsync(500);
    socket().say("hello", { seq: 9 }, 9);
    expect(resync).toHaveBeenCalledTimes(1);
  });

  it("notices a message that is missing", async () => {
    const resync = vi.fn();
    realtime.onResync(resync);
    await open();
    socket().say("motion", {}, 5);
    socket().say("motion", {}, 6);
    expect(resync).not.toHaveBeenCalled();
    socket().say("motion", {}, 8);
    expect(resync).toHaveBeenCalledTimes(1);
  });

  it("gives up a socket that never says hello", async () => {
    realtime.start();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sockets[0]!.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(2);
  });

  it("passes over what it does not understand", async () => {
    await open();
    socket().onmessage?.({ data: "{" });
    socket().onmessage?.({ data: JSON.stringify({ v: 2, topic: "motion" }) });
    expect(realtime.status()).toBe("open");
  });

  it("stays closed when stopped", async () => {
    await open();
    realtime.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
  });
});

describe("backoff", () => {
  it("doubles up to a ceiling, half of it by chance", () => {
    expect([0, 1, 2, 10].map((n) => backoff(n, () => 1))).toEqual([500, 1000, 2000, 15_000]);
    expect([0, 1, 2, 10].map((n) => backoff(n, () => 0))).toEqual([250, 500, 1000, 7_500]);
  });
});
