"use client";
import { useEffect, useSyncExternalStore } from "react";
import { api } from "@/lib/api/client";
import type { Topic, Topics } from "@/lib/api/types";
import { socketURL } from "@/lib/base";
import { Realtime, type RealtimeStatus } from "@/lib/realtime/realtime";

export const realtime = new Realtime({
  open: () => new WebSocket(socketURL("ws")),
  authorise: () => api.ensureFresh(),
});

export function useRealtimeStatus(): RealtimeStatus {
  return useSyncExternalStore(realtime.onStatus, realtime.status, () => "closed");
}

/** Calls `listener` for each message of the topic; it must be stable or cheap to subscribe again. */
export function useTopic<T extends Topic>(topic: T, listener: (data: Topics[T]) => void): void {
  useEffect(() => realtime.on(topic, listener), [topic, listener]);
}
