import { api } from "../api/client";
import type { PushKey } from "../api/plugin-types";

/** Notifiers to which a browser can be subscribed. */
export function pushKeysQuery() {
  return {
    queryKey: ["push-keys"] as const,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<PushKey[]> => (await api.get<{ keys: PushKey[] }>("push-keys", signal)).keys,
    staleTime: 30_000,
  };
}

/** Hands a subscription to the server, which makes a route for it. Returns the id of both. */
export async function storeSubscription(notifier: string, subscription: PushSubscriptionJSON): Promise<string> {
  const { endpoint, keys } = subscription;
  return (await api.request<{ id: string }>("POST", "push-subscriptions", { notifier, endpoint, keys: { p256dh: keys?.p256dh, auth: keys?.auth } })).id;
}

export function removeSubscription(id: string): Promise<void> {
  return api.request<void>("DELETE", `push-subscriptions/${encodeURIComponent(id)}`);
}
