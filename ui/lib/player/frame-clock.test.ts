import { describe, expect, it } from "vitest";
import { FrameClock, stepTarget } from "./frame-clock";

/** A video that tells of each picture it shows, as browsers do. */
function fakeVideo() {
  let callback: ((now: number, frame: { mediaTime: number }) => void) | undefined;
  const video = {
    currentTime: 0,
    requestVideoFrameCallback: (f: typeof callback) => ((callback = f), 1),
    cancelVideoFrameCallback: () => (callback = undefined),
  };
  return { video: video as unknown as HTMLVideoElement, show: (mediaTime: number) => callback?.(0, { mediaTime }), waits: () => callback !== undefined };
}

describe("FrameClock", () => {
  it("knows when the picture in sight began", () => {
    const { video, show } = fakeVideo();
    const clock = new FrameClock(video);
    video.currentTime = 10.05;
    expect(clock.mediaTime).toBe(10.05);
    show(10);
    expect(clock.mediaTime).toBe(10);
  });

  it("does not trust what was shown before a seek", () => {
    const { video, show } = fakeVideo();
    const clock = new FrameClock(video);
    show(10);
    video.currentTime = 60;
    expect(clock.mediaTime).toBe(60);
  });

  it("asks for the next picture again, and stops when it is no longer needed", () => {
    const { video, show, waits } = fakeVideo();
    const clock = new FrameClock(video);
    show(1);
    expect(waits()).toBe(true);
    clock.destroy();
    expect(waits()).toBe(false);
  });

  it("does without where the browser does not tell", () => {
    const clock = new FrameClock({ currentTime: 3 } as HTMLVideoElement);
    expect(clock.mediaTime).toBe(3);
    clock.destroy();
  });
});

describe("stepTarget", () => {
  it("is the middle of the neighbouring picture, so that rounding does not miss it", () => {
    expect(stepTarget(10, 1, 10)).toBeCloseTo(10.15);
    expect(stepTarget(10, -1, 10)).toBeCloseTo(9.95);
    expect(stepTarget(0, -1, 10)).toBe(0);
  });
});
