import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { EventPage, NvrEvent } from "../api/types";
import { apiURL, withQuery } from "../base";

export interface EventFilter {
  camera?: string;
  label?: string;
  kind?: string;
  /** "true": only alerts */
  alerts?: string;
  zones?: string;
  /** ids, "known" for anybody, "unknown" for strangers */
  person?: string;
  from?: string;
  to?: string;
}

const PAGE = 40;
const keys = {
  all: ["events"] as const,
  list: (filter: EventFilter) => ["events", "list", filter] as const,
  one: (id: string, revision: number) => ["events", "one", id, revision] as const,
};

/** Newest first, page by page. */
export function eventsQuery(filter: EventFilter) {
  return {
    queryKey: keys.list(filter),
    queryFn: async ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }): Promise<EventPage> => {
      const page = await api.get<EventPage>(withQuery("events", { ...filter, cursor: pageParam, limit: PAGE }), signal);
      return { ...page, items: page.items ?? [] };
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: EventPage) => page.next_cursor || undefined,
    staleTime: 30_000,
  };
}

/** One event with its path, which lists leave out. A new revision is asked for anew. */
export function eventQuery(event: Pick<NvrEvent, "id" | "revision">) {
  return {
    queryKey: keys.one(event.id, event.revision),
    queryFn: ({ signal }: { signal: AbortSignal }) => api.get<NvrEvent>(`events/${encodeURIComponent(event.id)}`, signal),
    staleTime: 60_000,
  };
}

export function matches(filter: EventFilter, event: NvrEvent): boolean {
  return (
    (!filter.camera || filter.camera.split(",").includes(event.camera)) &&
    (!filter.label || filter.label.split(",").includes(event.label)) &&
    (!filter.kind || filter.kind.split(",").includes(event.kind)) &&
    (!filter.alerts || Boolean(event.severity)) &&
    (!filter.zones || filter.zones.split(",").some((zone) => event.entered_zones?.includes(zone))) &&
    (!filter.person || isOf(filter.person.split(","), event)) &&
    (!filter.from || Date.parse(event.start) >= Date.parse(filter.from)) &&
    (!filter.to || Date.parse(event.start) < Date.parse(filter.to))
  );
}

function isOf(persons: string[], { identity }: NvrEvent): boolean {
  return identity?.state !== undefined && (persons.includes(identity.state) || (identity.person_id !== undefined && persons.includes(identity.person_id)));
}

type EventList = InfiniteData<EventPage, string | undefined>;

const revised = (data: EventList, id: string, change: (held: NvrEvent) => NvrEvent[]): EventList => ({ ...data, pages: data.pages.map((p) => ({ ...p, items: p.items.flatMap((e) => (e.id === id ? change(e) : [e])) })) });

/** Inserts or replaces one event in a list that is sorted newest first; an older revision than the one held is ignored. */
export function insertEvent(data: EventList, event: NvrEvent): EventList {
  const held = data.pages.flatMap((p) => p.items).find((e) => e.id === event.id);
  if (held) return held.revision > event.revision ? data : revised(data, event.id, () => [event]);
  const time = Date.parse(event.start);
  const [page, at] = placeOf(data.pages, time);
  if (page < 0) return data;
  return { ...data, pages: data.pages.map((p, i) => (i === page ? { ...p, items: p.items.toSpliced(at, 0, event) } : p)) };
}

/** Page and index of an event that began at `time`; page −1 where it belongs to what is not loaded yet. */
function placeOf(pages: readonly EventPage[], time: number): [page: number, at: number] {
  for (const [page, { items }] of pages.entries()) {
    const at = items.findIndex((e) => Date.parse(e.start) < time);
    if (at >= 0) return [page, at];
  }
  const last = pages.at(-1);
  return !last || last.next_cursor ? [-1, 0] : [pages.length - 1, last.items.length];
}

/** Brings an event from the socket into every list it belongs to, and out of those it does not belong to any more. */
export function putEvent(client: QueryClient, event: NvrEvent): void {
  for (const [key, data] of client.getQueriesData<EventList>({ queryKey: ["events", "list"] })) {
    const filter = key[2] as EventFilter; // keys.list is the only writer of these keys
    if (!data) continue;
    if (matches(filter, event)) client.setQueryData(key, insertEvent(data, event));
    else if (data.pages.some((p) => p.items.some((e) => e.id === event.id && e.revision <= event.revision))) client.setQueryData(key, revised(data, event.id, () => []));
  }
  // Messages leave the path out, as lists do.
  client.setQueriesData<NvrEvent>({ queryKey: ["events", "one", event.id] }, (held) => (held && held.revision < event.revision ? { ...held, ...event, path: held.path } : held));
}

export function refetchEvents(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.all });
}

/** The picture of an event. The revision makes a better snapshot a new address, so the cache never shows the old one. */
export function snapshotURL(event: Pick<NvrEvent, "id" | "revision">): string {
  return apiURL(`events/${encodeURIComponent(event.id)}/snapshot.jpg?r=${event.revision}`);
}
