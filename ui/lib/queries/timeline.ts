import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { TimelinePayload } from "../api/types";
import { withQuery } from "../base";
import { decodeTimeline, type TimelineDay } from "../timeline/decode";
import { now } from "../time/clock";
import { addDays } from "../time/zone";

const keys = { all: ["timeline"] as const, day: (cameras: string, day: number) => ["timeline", cameras, day] as const };

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

export function refetchTimeline(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.all });
}

/** Asks again for days that are not over; called when an event begins or ends. */
export function refetchToday(client: QueryClient): Promise<void> {
  const edge = now();
  return client.invalidateQueries({ queryKey: keys.all, predicate: (q) => typeof q.queryKey[2] === "number" && addDays(q.queryKey[2], 1) > edge });
}
