"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { realtime, useTopic } from "@/hooks/use-realtime";
import { useMotion } from "@/hooks/use-motion";
import type { Topics } from "@/lib/api/types";
import { putCamera, refetchCameras } from "@/lib/queries/cameras";
import { putEvent, refetchEvents } from "@/lib/queries/events";
import { refetchMode } from "@/lib/queries/alerts";
import { refetchFaces } from "@/lib/queries/faces";
import { refetchSystem } from "@/lib/queries/system";
import { refetchTimeline, refetchToday } from "@/lib/queries/timeline";

const TIMELINE_DEBOUNCE_MS = 1_000;

/** Brings what the socket says into the caches, for as long as someone is signed in. */
export function useLiveData(): void {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const setMotion = useMotion((s) => s.set);

  useEffect(() => {
    realtime.start();
    const off = realtime.onResync(() => {
      void Promise.all([refetchCameras(client), refetchEvents(client), refetchTimeline(client), refetchSystem(client), refetchMode(client), refetchFaces(client)]);
    });
    return () => {
      off();
      clearTimeout(timer.current);
      realtime.stop();
    };
  }, [client]);

  useTopic("camera", useCallback((camera: Topics["camera"]) => putCamera(client, camera), [client]));
  useTopic("motion", useCallback((motion: Topics["motion"]) => setMotion(motion.camera, { motion: motion.active }), [setMotion]));
  useTopic("counts", useCallback((counts: Topics["counts"]) => setMotion(counts.camera, { counts: counts.total ?? {} }), [setMotion]));
  useTopic(
    "event",
    useCallback(
      ({ phase, event }: Topics["event"]) => {
        putEvent(client, event);
        if (phase === "update" || timer.current !== undefined) return;
        timer.current = setTimeout(() => {
          timer.current = undefined;
          void Promise.all([refetchToday(client), event.identity && refetchFaces(client)]);
        }, TIMELINE_DEBOUNCE_MS);
      },
      [client],
    ),
  );
  useTopic("plugin", useCallback(() => void refetchSystem(client), [client]));
}
