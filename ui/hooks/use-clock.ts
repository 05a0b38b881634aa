"use client";
import { useSyncExternalStore } from "react";
import { now } from "@/lib/time/clock";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
let second = 0;

function tick() {
  const t = now();
  second = Math.floor(t / 1000) * 1000;
  for (const listener of listeners) listener();
  timer = setTimeout(tick, 1005 - (t % 1000)); // just after the next second of the recorder's clock
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) tick();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) clearTimeout(timer);
  };
}

/** The recorder's clock, a new value each second; 0 in the exported page, which was made before anyone asked. */
export function useClock(): number {
  return useSyncExternalStore(
    subscribe,
    () => second,
    () => 0,
  );
}
