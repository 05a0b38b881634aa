import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Session } from "./session";
import { chunkAt, chunkKey, chunksOf, parseChunks, BLOCK } from "./view-store";
import { DAY } from "./engine";
import { setZone } from "@/lib/time/zone";

const NOW = Date.parse("2026-01-31T15:00:00Z");
const T = NOW - 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(NOW);
  setZone("UTC");
});
afterEach(() => vi.useRealTimers());

describe("dragging the playhead", () => {
  it("peeks at whole seconds and lets the recording follow on release", () => {
    const session = new Session("front", T, false);
    session.scrub(T + 10_400);
    expect(session.playhead.wall).toBe(T + 10_400);
    expect(session.peek.get()).toBe(T + 10_000);
    session.drop(T + 20_000);
    expect(session.state()).toMatchObject({ mode: "recorded", wantPlay: false });
    expect(session.peek.get()).toBe(T + 10_000); // until there is a picture
    session.peek.settled();
    expect(session.peek.get()).toBeUndefined();
  });

  it("plays on where it played before, also from live", () => {
    const session = new Session("front", undefined, false);
    session.scrub(T);
    expect(session.state().mode).toBe("recorded");
    session.drop(T);
    expect(session.state().wantPlay).toBe(true);
    session.scrub(NOW - 1_000);
    session.drop(NOW - 1_000);
    expect(session.state().mode).toBe("live");
    expect(session.peek.get()).toBeUndefined();
  });

  it("does not leave the small picture there for ever", () => {
    const session = new Session("front", T, true);
    session.peek.show(T);
    session.peek.release();
    vi.advanceTimersByTime(10_000);
    expect(session.peek.get()).toBeUndefined();
  });

  it("keeps the view of the mode one comes from", () => {
    const view = { t0: T - 600_000, span: 1_200_000, width: 500 };
    expect(new Session("front", T, false, view).view.get()).toEqual(view);
  });
});

describe("what is asked for", () => {
  it("is single days for up to two, and blocks with counts beyond", () => {
    expect(chunksOf(T, 7_200_000)).toEqual({ bucket: 0, from: [NOW - 15 * 3_600_000] });
    expect(chunksOf(T, 3 * DAY).bucket).toBe(600_000);
    const month = chunksOf(T - 31 * DAY, 31 * DAY);
    expect(month.bucket).toBe(3_600_000);
    expect(month.from.length).toBeLessThanOrEqual(5);
    expect(month.from.every((t) => t % BLOCK === 0)).toBe(true);
    expect(parseChunks(chunkKey(month))).toEqual(month);
    expect(chunkAt(3_600_000, T)).toBe(Math.floor(T / BLOCK) * BLOCK);
    expect(chunkAt(0, T)).toBe(NOW - 15 * 3_600_000);
  });
});
