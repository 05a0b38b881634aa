import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { System } from "../api/types";

const keys = { system: ["system"] as const, openapi: ["openapi"] as const };

export function systemQuery() {
  return {
    queryKey: keys.system,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.get<System>("system", signal),
    staleTime: 10_000,
    refetchInterval: 15_000, // figures of disk and detector are not pushed
  };
}

export function refetchSystem(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.system });
}

export function openapiQuery<T>() {
  return {
    queryKey: keys.openapi,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.get<T>("openapi.json", signal),
    staleTime: Infinity,
  };
}
