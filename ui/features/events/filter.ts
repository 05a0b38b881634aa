import type { EventFilter } from "@/lib/queries/events";
import { withQuery } from "@/lib/base";

const keys = ["camera", "label", "kind", "alerts", "zones", "person", "from", "to"] as const;

/** The address is the filter: it can be shared and survives a reload. */
export function filterFrom(params: { get(key: string): string | null }): EventFilter {
  const filter: EventFilter = {};
  for (const key of keys) {
    const value = params.get(key);
    if (value) filter[key] = value;
  }
  return filter;
}

export function filterHref(filter: EventFilter): string {
  return withQuery("/events/", { ...filter });
}

/** Adds or removes one value of a comma-separated choice. */
export function toggled(list: string | undefined, value: string): string | undefined {
  const values = list ? list.split(",") : [];
  const next = values.includes(value) ? values.filter((v) => v !== value) : [...values, value];
  return next.length ? next.join(",") : undefined;
}
