"use client";
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { realtime, useRealtimeStatus, useTopic } from "@/hooks/use-realtime";
import { useMotion } from "@/hooks/use-motion";
import type { Topics } from "@/lib/api/types";
import { putCamera, refetchCameras } from "@/lib/queries/cameras";
import { putEvent, refetchEvents } from "@/lib/queries/events";
import { refetchMode } from "@/lib/queries/alerts";
import { refetchFaces } from "@/lib/queries/faces";
import { refetchSystem } from "@/lib/queries/system";
import { putIntoTimeline, refetchTimeline, refetchToday } from "@/lib/queries/timeline";
import { Trailing } from "@/lib/trailing";

/** Events are put into the timeline as they come; this often it is asked for the recordings beside them. */
const RECORDINGS_MS = 20_000;
/** A camera that goes or comes back begins or ends a gap, which only the server knows. */
const GAPS_MS = 5_000;
const FACES_MS = 5_000;

/** Without the socket it is asked this often, after it was away for as long as a reconnect may take. */
export const POLL_MS = 15_000;
const AWAY_MS = 5_000;

/** Brings what the socket says into the caches, for as long as someone is signed in. */
export function useLiveData(): void {
  const client = useQueryClient();
  const [today] = useState(() => new Trailing(() => void refetchToday(client)));
  const [faces] = useState(() => new Trailing(() => void refetchFaces(client)));
  const setMotion = useMotion((s) => s.set);

  useEffect(() => {
    realtime.start();
    const off = realtime.onResync(() => void refetchAll(client));
    return () => {
      off();
      today.stop();
      faces.stop();
      realtime.stop();
    };
  }, [client, today, faces]);
  usePolling(client);

  useTopic("camera", useCallback((camera: Topics["camera"]) => putCamera(client, camera), [client]));
  useTopic("motion", useCallback((motion: Topics["motion"]) => setMotion(motion.camera, { motion: motion.active }), [setMotion]));
  useTopic("counts", useCallback((counts: Topics["counts"]) => setMotion(counts.camera, { counts: counts.total ?? {} }), [setMotion]));
  useTopic(
    "event",
    useCallback(
      ({ phase, event }: Topics["event"]) => {
        putEvent(client, event);
        putIntoTimeline(client, event);
        today.within(event.kind === "camera" ? GAPS_MS : RECORDINGS_MS);
        // An update of an event that is over: the library has changed.
        if (event.identity && (phase !== "update" || event.end)) faces.within(FACES_MS);
      },
      [client, today, faces],
    ),
  );
  useTopic("plugin", useCallback(() => void refetchSystem(client), [client]));
}

async function refetchAll(client: QueryClient): Promise<void> {
  await Promise.all([refetchCameras(client), refetchEvents(client), refetchTimeline(client), refetchSystem(client), refetchMode(client), refetchFaces(client)]);
}

/** While the socket is away pages ask now and then, and nothing is said to move in front of a camera. */
function usePolling(client: QueryClient): void {
  const live = useRealtimeStatus() === "open";
  const still = useMotion((s) => s.clear);
  useEffect(() => {
    if (live) return;
    let timer: ReturnType<typeof setTimeout>;
    const ask = () => {
      still();
      if (document.visibilityState !== "hidden") void Promise.all([refetchCameras(client), refetchEvents(client), refetchToday(client)]);
      timer = setTimeout(ask, POLL_MS);
    };
    timer = setTimeout(ask, AWAY_MS);
    return () => clearTimeout(timer);
  }, [client, live, still]);
}
