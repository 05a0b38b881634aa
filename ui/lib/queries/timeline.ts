import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { NvrEvent, TimelinePayload } from "../api/types";
import { withQuery } from "../base";
import { decodeTimeline, type TimelineDay } from "../timeline/decode";
import { putIntoDay } from "../timeline/patch";
import { now } from "../time/clock";
import { addDays } from "../time/zone";

const keys = {
  all: ["timeline"] as const,
  day: (cameras: string, day: number) => ["timeline", cameras, day] as const,
  block: (cameras: string, from: number, bucket: number) => ["timeline", cameras, from, bucket] as const,
};

/** One local day of the given cameras. A day that is over no longer changes, so it is fetched once. */
export function timelineDayQuery(cameras: string[], day: number) {
  const list = cameras.join(",");
  const end = addDays(day, 1);
  return {
    queryKey: keys.day(list, day),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<TimelineDay> =>
      decodeTimeline(await api.get<TimelinePayload>(withQuery("timeline", { cameras: list, from: day, to: end }), signal), now()),
    staleTime: end < now() - 60_000 ? Infinity : 5_000,
    refetchInterval: end < now() ? (false as const) : 20_000, // recordings grow without an event saying so
    enabled: cameras.length > 0,
  };
}

/** A wide stretch of time: recordings and gaps as always, events only as counts per bucket. */
export function timelineBlockQuery(cameras: string[], from: number, to: number, bucket: number) {
  const list = cameras.join(",");
  return {
    queryKey: keys.block(list, from, bucket),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<TimelineDay> =>
      decodeTimeline(await api.get<TimelinePayload>(withQuery("timeline", { cameras: list, from, to, bucket }), signal), now(), bucket),
    staleTime: to < now() - 60_000 ? Infinity : 60_000,
    refetchInterval: to < now() ? (false as const) : 60_000,
    enabled: cameras.length > 0,
  };
}

export function refetchTimeline(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.all });
}

/** Brings an event from the socket into every day that shows it, so that none of them has to be fetched for it. */
export function putIntoTimeline(client: QueryClient, event: NvrEvent): void {
  for (const [key, day] of client.getQueriesData<TimelineDay>({ queryKey: keys.all })) {
    const next = day && putIntoDay(day, event);
    // Only what changed: writing to the cache puts off the query's own refetch.
    if (next !== day) client.setQueryData(key, next);
  }
}

/** Asks again for days that are not over: their recordings and gaps have grown. */
export function refetchToday(client: QueryClient): Promise<void> {
  const edge = now();
  return client.invalidateQueries({ queryKey: keys.all, predicate: ({ queryKey: [, , day, bucket] }) => typeof day === "number" && bucket === undefined && addDays(day, 1) > edge });
}
