import { beforeEach, describe, expect, it, vi } from "vitest";
import { Trailing } from "./trailing";

beforeEach(() => void vi.useFakeTimers());

describe("Trailing", () => {
  it("works once per span of a steady stream, and a last time after its end", () => {
    const work = vi.fn();
    const trailing = new Trailing(work);
    for (let i = 0; i < 20; i++) {
      trailing.within(5_000);
      vi.advanceTimersByTime(1_000);
    }
    expect(work).toHaveBeenCalledTimes(4);
    trailing.within(5_000);
    vi.advanceTimersByTime(60_000);
    expect(work).toHaveBeenCalledTimes(5);
  });

  it("hastens for what is urgent, and is not put off by what is not", () => {
    const work = vi.fn();
    const trailing = new Trailing(work);
    trailing.within(20_000);
    trailing.within(5_000);
    trailing.within(20_000);
    vi.advanceTimersByTime(5_000);
    expect(work).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(60_000);
    expect(work).toHaveBeenCalledTimes(1);
  });

  it("can be stopped and asked again", () => {
    const work = vi.fn();
    const trailing = new Trailing(work);
    trailing.within(1_000);
    trailing.stop();
    vi.advanceTimersByTime(2_000);
    expect(work).not.toHaveBeenCalled();
    trailing.within(1_000);
    vi.advanceTimersByTime(1_000);
    expect(work).toHaveBeenCalledTimes(1);
  });
});
