import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Hold, HoldRequest } from "../api/recording-types";

const keys = { all: ["holds"] as const };

/** Footage that retention must not delete, newest first. */
export function holdsQuery() {
  return {
    queryKey: keys.all,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Hold[]> => {
      const { holds } = await api.get<{ holds: Hold[] | null }>("holds", signal);
      return (holds ?? []).map((hold) => ({ ...hold, cameras: hold.cameras ?? [], note: hold.note ?? "" })).sort((a, b) => b.created_at - a.created_at);
    },
    staleTime: 30_000,
  };
}

export async function addHold(client: QueryClient, body: HoldRequest): Promise<Hold> {
  const hold = await api.request<Hold>("POST", "holds", body);
  await client.invalidateQueries({ queryKey: keys.all });
  return hold;
}

export async function removeHold(client: QueryClient, id: string): Promise<void> {
  await api.request<void>("DELETE", `holds/${encodeURIComponent(id)}`);
  await client.invalidateQueries({ queryKey: keys.all });
}
