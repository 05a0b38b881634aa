import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { AlertRoute, Delivery, DeliveryState, QueueDepth, RouteVerdict, Snooze } from "../api/plugin-types";

const keys = {
  deliveries: ["deliveries"] as const,
  event: (id: string) => ["deliveries", "event", id] as const,
  list: (states: readonly string[], notifier: string) => ["deliveries", "list", states, notifier] as const,
  one: (id: string) => ["deliveries", "one", id] as const,
  explain: (id: string) => ["route-verdicts", id] as const,
  queues: ["delivery-queues"] as const,
  snoozes: ["snoozes"] as const,
  routes: ["routes"] as const,
  preview: (title: string, text: string, phase: string) => ["route-preview", title, text, phase] as const,
};
const at = encodeURIComponent;

/** Still on their way: worth asking for again soon. */
const waiting = (list: readonly Delivery[] | undefined) => list?.some((d) => d.state === "pending") ?? false;

/** Who was told of an event, newest first, with each attempt. */
export function eventDeliveriesQuery(event: string) {
  return {
    queryKey: keys.event(event),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Delivery[]> => (await api.get<{ items: Delivery[] | null }>(`events/${at(event)}/deliveries`, signal)).items ?? [],
    staleTime: 2_000,
    refetchInterval: (query: { state: { data?: Delivery[] } }) => (waiting(query.state.data) ? 3_000 : (false as const)),
  };
}

/** Why each route tells an event, or not. */
export function explainQuery(event: string) {
  return {
    queryKey: keys.explain(event),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<RouteVerdict[]> => (await api.get<{ routes: RouteVerdict[] | null }>(`events/${at(event)}/routes`, signal)).routes ?? [],
    staleTime: 10_000,
  };
}

interface DeliveryPage {
  items: Delivery[];
  next_cursor?: string;
}

export function deliveriesQuery(states: readonly DeliveryState[], notifier: string) {
  return {
    queryKey: keys.list(states, notifier),
    queryFn: ({ signal, pageParam }: { signal: AbortSignal; pageParam: string }): Promise<DeliveryPage> => {
      const query = new URLSearchParams({ limit: "50" });
      if (states.length > 0) query.set("state", states.join(","));
      if (notifier) query.set("notifier", notifier);
      if (pageParam) query.set("cursor", pageParam);
      return api.get<DeliveryPage>(`deliveries?${query.toString()}`, signal);
    },
    initialPageParam: "",
    getNextPageParam: (last: DeliveryPage) => last.next_cursor,
    refetchInterval: 10_000,
    refetchIntervalInBackground: false,
  };
}

/** One delivery with its attempts, which lists leave out. */
export function deliveryQuery(id: string) {
  return { queryKey: keys.one(id), queryFn: ({ signal }: { signal: AbortSignal }) => api.get<Delivery>(`deliveries/${at(id)}`, signal), staleTime: 2_000 };
}

export function queuesQuery() {
  return {
    queryKey: keys.queues,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<QueueDepth[]> => (await api.get<{ queues: QueueDepth[] }>("delivery-queues", signal)).queues,
    refetchInterval: 5_000,
    refetchIntervalInBackground: false,
  };
}

const refetchDeliveries = (client: QueryClient) => client.invalidateQueries({ queryKey: keys.deliveries });

export async function retryDelivery(client: QueryClient, id: string): Promise<void> {
  await api.request<void>("POST", `deliveries/${at(id)}/retry`);
  await refetchDeliveries(client);
}

/** Says that an alert was seen; false where somebody had said so before. */
export async function acknowledge(client: QueryClient, id: string): Promise<boolean> {
  const { first } = await api.request<{ first: boolean }>("POST", `deliveries/${at(id)}/acknowledge`);
  await refetchDeliveries(client);
  return first;
}

export function snoozesQuery() {
  return {
    queryKey: keys.snoozes,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Snooze[]> => (await api.get<{ snoozes: Snooze[] }>("snoozes", signal)).snoozes,
    staleTime: 5_000,
    refetchInterval: 30_000,
  };
}

export interface NewSnooze {
  notifier: string;
  recipient: string;
  camera: string;
  seconds: number;
}

export async function addSnooze(client: QueryClient, body: NewSnooze): Promise<void> {
  await api.request<void>("POST", "snoozes", body);
  await client.invalidateQueries({ queryKey: keys.snoozes });
}

export async function endSnooze(client: QueryClient, { notifier, recipient, camera }: Snooze): Promise<void> {
  const query = new URLSearchParams({ notifier, recipient, camera });
  await api.request<void>("DELETE", `snoozes?${query.toString()}`);
  await client.invalidateQueries({ queryKey: keys.snoozes });
}

export function routesQuery() {
  return {
    queryKey: keys.routes,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<AlertRoute[]> => (await api.get<{ routes: AlertRoute[] }>("routes", signal)).routes,
    staleTime: 5_000,
  };
}

/** What the server takes: `from_file` is its own to say. */
export async function putRoute(client: QueryClient, route: AlertRoute): Promise<void> {
  await api.request<void>("PUT", `routes/${at(route.id)}`, { ...route, from_file: undefined });
  await client.invalidateQueries({ queryKey: keys.routes });
}

export async function deleteRoute(client: QueryClient, id: string): Promise<void> {
  await api.request<void>("DELETE", `routes/${at(id)}`);
  await client.invalidateQueries({ queryKey: keys.routes });
}

/** What title and text templates make of an example. */
export function previewQuery(title: string, text: string, phase: string) {
  return {
    queryKey: keys.preview(title, text, phase),
    queryFn: ({ signal }: { signal: AbortSignal }) => api.request<{ title: string; text: string }>("POST", "routes/preview", { title, text, phase }, signal),
    staleTime: 60_000,
    retry: false,
  };
}
