import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Notifier, Package, PluginKey, PluginList, PluginReview, PluginStep, Settings, Verdict } from "../api/plugin-types";
import type { Schema } from "../schema-form";

const keys = {
  plugins: ["plugins"] as const,
  review: (id: string, version: string) => ["plugins", "review", id, version] as const,
  audit: ["plugins", "audit"] as const,
  schema: (id: string) => ["plugin-schema", id] as const,
  notifiers: ["notifiers"] as const,
  log: (id: string) => ["notifier-log", id] as const,
};
const at = (...parts: string[]) => parts.map(encodeURIComponent).join("/");

/** Installed packages and those that come with Nightjar. */
export function pluginsQuery() {
  return {
    queryKey: keys.plugins,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.get<PluginList>("plugins", signal),
    staleTime: 5_000,
  };
}

export function reviewQuery(id: string, version: string) {
  return {
    queryKey: keys.review(id, version),
    queryFn: ({ signal }: { signal: AbortSignal }) => api.get<PluginReview>(`plugins/${at(id)}/versions/${at(version)}`, signal),
    staleTime: 0,
  };
}

/** Who installed, approved and removed what, newest first. */
export function auditQuery() {
  return {
    queryKey: keys.audit,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<PluginStep[]> => {
      const { steps } = await api.get<{ steps: PluginStep[] }>("plugin-audit", signal);
      return [...steps].reverse();
    },
    staleTime: 5_000,
  };
}

export function schemaQuery(plugin: string) {
  return {
    queryKey: keys.schema(plugin),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Schema> => (await api.get<{ schema: Schema }>(`plugins/${at(plugin)}/schema`, signal)).schema,
    staleTime: 60_000,
  };
}

const POLL_MS = 3_000;

/** Notifiers and how they fare. Their state changes by itself, so it is asked for again. */
export function notifiersQuery() {
  return {
    queryKey: keys.notifiers,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Notifier[]> => (await api.get<{ notifiers: Notifier[] }>("notifiers", signal)).notifiers,
    staleTime: 2_000,
    refetchInterval: POLL_MS,
    refetchIntervalInBackground: false,
  };
}

/** The last lines on a notifier's standard error. */
export function logQuery(id: string) {
  return {
    queryKey: keys.log(id),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<string[]> => (await api.get<{ lines: string[] }>(`notifiers/${at(id)}/log`, signal)).lines,
    staleTime: 0,
    refetchInterval: 2_000,
    refetchIntervalInBackground: false,
  };
}

async function changed<T>(client: QueryClient, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    // A refusal may have changed something too: an approved version that fails its first start is rolled back.
    await Promise.all([client.invalidateQueries({ queryKey: keys.plugins }), client.invalidateQueries({ queryKey: keys.notifiers }), client.invalidateQueries({ queryKey: ["plugin-schema"] })]);
  }
}

export const refetchPlugins = (client: QueryClient): Promise<void> => changed(client, Promise.resolve());

export const approve = (client: QueryClient, id: string, version: string, sha256: string) => changed(client, api.request<Package>("POST", `plugins/${at(id)}/versions/${at(version)}/approve`, { sha256 }));
export const enablePlugin = (client: QueryClient, id: string, enabled: boolean) => changed(client, api.request<Package>("PUT", `plugins/${at(id)}/enabled`, { enabled }));
export const rollBack = (client: QueryClient, id: string) => changed(client, api.request<Package>("POST", `plugins/${at(id)}/rollback`));
export const removePlugin = (client: QueryClient, id: string) => changed(client, api.request<void>("DELETE", `plugins/${at(id)}`));
export const removeVersion = (client: QueryClient, id: string, version: string) => changed(client, api.request<void>("DELETE", `plugins/${at(id)}/versions/${at(version)}`));
export const addKey = (client: QueryClient, name: string, publicKey: string) => changed(client, api.request<PluginKey>("POST", "plugin-keys", { name, public_key: publicKey }));
export const removeKey = (client: QueryClient, fingerprint: string) => changed(client, api.request<void>("DELETE", `plugin-keys/${at(fingerprint)}`));

export interface NewNotifier {
  id: string;
  name: string;
  plugin: string;
  settings: Settings;
}
export const addNotifier = (client: QueryClient, body: NewNotifier) => changed(client, api.request<Notifier>("POST", "notifiers", body));
/** Settings replace all of them; a secret that is absent keeps its value, one that is null is cleared. */
export const updateNotifier = (client: QueryClient, id: string, body: { name?: string; enabled?: boolean; settings?: Settings }) => changed(client, api.request<Notifier>("PUT", `notifiers/${at(id)}`, body));
export const removeNotifier = (client: QueryClient, id: string) => changed(client, api.request<void>("DELETE", `notifiers/${at(id)}`));
export const restartNotifier = (client: QueryClient, id: string) => changed(client, api.request<void>("POST", `notifiers/${at(id)}/restart`));
export const testNotifier = (id: string, recipient: string) => api.request<Verdict>("POST", `notifiers/${at(id)}/test`, recipient ? { recipient } : {});
