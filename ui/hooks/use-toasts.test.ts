import { beforeEach, describe, expect, it, vi } from "vitest";
import { useToasts } from "./use-toasts";

const texts = () => useToasts.getState().toasts.map((t) => t.text);

describe("toasts", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    useToasts.setState({ toasts: [] });
  });

  it("go away by themselves, but not while something goes on", () => {
    const { show, update } = useToasts.getState();
    show("done");
    const id = show("working", "neutral", { progress: 0 });
    vi.advanceTimersByTime(60_000);
    expect(texts()).toEqual(["working"]);
    update(id, { text: "ready", progress: undefined });
    expect(texts()).toEqual(["ready"]);
    vi.advanceTimersByTime(60_000);
    expect(texts()).toEqual([]);
  });

  it("that were dismissed do not come back with news", () => {
    const { show, update, dismiss } = useToasts.getState();
    const id = show("working", "neutral", { progress: 0 });
    dismiss(id);
    update(id, { text: "half", progress: 0.5 });
    expect(texts()).toEqual([]);
  });
});
