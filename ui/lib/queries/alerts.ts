import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Mode, NvrEvent, Verdicts } from "../api/types";

const keys = { mode: ["mode"] as const, rules: ["alert-rules"] as const, verdicts: (id: string, revision: number) => ["verdicts", id, revision] as const };

export const MODES: readonly Mode[] = ["home", "away", "night"];

/** The arming mode. Home Assistant may change it too, and no message says so: it is asked for now and then. */
export function modeQuery() {
  return {
    queryKey: keys.mode,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Mode> => (await api.get<{ mode: Mode }>("mode", signal)).mode,
    staleTime: 10_000,
    refetchInterval: 20_000,
  };
}

export async function setMode(mode: Mode): Promise<Mode> {
  return (await api.request<{ mode: Mode }>("PUT", "mode", { mode })).mode;
}

/** Puts a mode into the cache and returns the one before. */
export function putMode(client: QueryClient, mode: Mode | undefined): Mode | undefined {
  const before = client.getQueryData<Mode>(keys.mode);
  client.setQueryData(keys.mode, mode);
  return before;
}

/** An answer on its way must not undo what someone has just chosen. */
export function cancelMode(client: QueryClient): Promise<void> {
  return client.cancelQueries({ queryKey: keys.mode });
}

export function refetchMode(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.mode });
}

/** Why an event is an alert, or none, by the rules of today. */
export function verdictsQuery(event: Pick<NvrEvent, "id" | "revision">) {
  return {
    queryKey: keys.verdicts(event.id, event.revision),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Verdicts> => {
      const answer = await api.get<Verdicts>(`events/${encodeURIComponent(event.id)}/verdicts`, signal);
      return { ...answer, rules: answer.rules ?? [], verdicts: (answer.verdicts ?? []).map((v) => ({ ...v, conditions: v.conditions ?? [] })) };
    },
    staleTime: 15_000,
  };
}

/** Ids of the configured alert rules; the one that stands in where none is configured is not among them. */
export function ruleIdsQuery() {
  return {
    queryKey: keys.rules,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<string[]> => ((await api.get<{ items: { id: string; source: string }[] | null }>("rules", signal)).items ?? []).filter((rule) => rule.source !== "default").map((rule) => rule.id),
    staleTime: 60_000,
  };
}
