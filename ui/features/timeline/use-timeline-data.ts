"use client";
import { useQueries } from "@tanstack/react-query";
import { useMemo, useState, useSyncExternalStore } from "react";
import { timelineBlockQuery, timelineDayQuery } from "@/lib/queries/timeline";
import { now } from "@/lib/time/clock";
import { joinDays, type TimelineDay, type TimelineRow } from "@/lib/timeline/decode";
import { nextRecorded } from "./engine";
import { BLOCK, chunkAt, chunkKey, parseChunks, type ViewStore } from "./view-store";

/** Footage younger than this may be on disk and not yet in the answer we hold. */
const FRESH_MS = 30_000;

export interface TimelineData {
  rows: Map<string, TimelineRow>;
  loading: boolean;
  error: unknown;
  retry: () => void;
  /** First instant at or after `wall` with footage; `wall` itself where that is not known. Undefined: none follows. */
  nextFootage: (camera: string, wall: number) => number | undefined;
}

/** Rows of the days in sight and of the day the playhead is in; of wide views, blocks of days with counts of events. */
export function useTimelineData(cameras: string[], store: ViewStore, playhead?: number): TimelineData {
  const visible = useSyncExternalStore(store.subscribe, store.chunks, store.chunks);
  const key = useMemo(() => {
    const { bucket, from } = parseChunks(visible);
    const all = playhead === undefined ? from : [...from, chunkAt(bucket, playhead)];
    return chunkKey({ bucket, from: [...new Set(all)].sort((a, b) => a - b) });
  }, [visible, playhead]);
  const { bucket, from: chunks } = useMemo(() => parseChunks(key), [key]);
  const { loaded, loading, error, refetch } = useQueries({
    queries: chunks.map((from) => (bucket ? timelineBlockQuery(cameras, from, from + BLOCK, bucket) : timelineDayQuery(cameras, from))),
    combine: (results) => ({
      loaded: results.map((r) => r.data),
      loading: results.some((r) => r.isLoading),
      error: results.find((r) => r.isError && !r.data)?.error,
      refetch: () => results.forEach((r) => void r.refetch()),
    }),
  });
  // `combine` makes a new array each time; the answers inside keep their identity.
  const known = useStable(loaded.filter((d): d is TimelineDay => d !== undefined));
  const list = cameras.join(",");
  const rows = useMemo(() => new Map(list.split(",").filter(Boolean).map((id) => [id, joinDays(known, id)])), [known, list]);
  const nextFootage = useMemo(() => footageFinder(rows, known), [rows, known]);
  return { rows, loading, error, retry: refetch, nextFootage };
}

/** The same array for as long as its elements are the same objects. */
function useStable<T>(list: T[]): T[] {
  const [held, setHeld] = useState(list);
  const same = held.length === list.length && held.every((item, i) => item === list[i]);
  if (!same) setHeld(list);
  return same ? held : list;
}

export function footageFinder(rows: Map<string, TimelineRow>, days: TimelineDay[]) {
  return (camera: string, wall: number): number | undefined => {
    const row = rows.get(camera);
    const day = days.find((d) => wall >= d.from && wall < d.to);
    if (!row || !day) return wall;
    const next = nextRecorded(row.recordings, wall);
    if (next !== undefined) return next;
    return wall > day.asOf - FRESH_MS && wall <= now() ? wall : undefined;
  };
}
