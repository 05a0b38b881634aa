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

/** Inserts or replaces one event in a list that is sorted newest first; an older revision than the one held is ignored. */
export function insertEvent(data: InfiniteData<EventPage, string | undefined>, event: NvrEvent): InfiniteData<EventPage, string | undefined> {
  const held = data.pages.flatMap((p) => p.items).find((e) => e.id === event.id);
  if (held) {
    if (held.revision > event.revision) return data;
    return { ...data, pages: data.pages.map((p) => ({ ...p, items: p.items.map((e) => (e.id === event.id ? event : e)) })) };
  }
  const [first, ...rest] = data.pages;
  if (!first) return data;
  const time = Date.parse(event.start);
  const at = first.items.findIndex((e) => Date.parse(e.start) < time);
  const place = at < 0 ? first.items.length : at;
  return { ...data, pages: [{ ...first, items: first.items.toSpliced(place, 0, event) }, ...rest] };
}

/** Brings an event from the socket into every list it belongs to. */
export function putEvent(client: QueryClient, event: NvrEvent): void {
  for (const [key, data] of client.getQueriesData<InfiniteData<EventPage, string | undefined>>({ queryKey: ["events", "list"] })) {
    const filter = key[2] as EventFilter; // keys.list is the only writer of these keys
    if (data && matches(filter, event)) client.setQueryData(key, insertEvent(data, event));
  }
}

export function refetchEvents(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.all });
}

/** The picture of an event. The revision makes a better snapshot a new address, so the cache never shows the old one. */
export function snapshotURL(event: Pick<NvrEvent, "id" | "revision">): string {
  return apiURL(`events/${encodeURIComponent(event.id)}/snapshot.jpg?r=${event.revision}`);
}
