import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Estimate, Export, ExportRequest, ShareLink } from "../api/recording-types";

const keys = { all: ["exports"] as const, estimate: (body: ExportRequest) => ["export-estimate", body] as const };

/** Still to be done: worth asking for again each second. */
export function underWay(job: Pick<Export, "state">): boolean {
  return job.state === "queued" || job.state === "running";
}

const POLL_MS = 1_000;

/** All exports, newest first. Asked for each second while one is under way, and never from a hidden tab. */
export function exportsQuery() {
  return {
    queryKey: keys.all,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Export[]> => {
      const { exports } = await api.get<{ exports: Export[] | null }>("exports", signal);
      return (exports ?? []).map((job) => ({ ...job, cameras: job.cameras ?? [], files: job.files ?? [] })).sort((a, b) => b.created_at - a.created_at);
    },
    staleTime: 5_000,
    refetchInterval: (query: { state: { data?: Export[] } }) => (query.state.data?.some(underWay) ? POLL_MS : (false as const)),
    refetchIntervalInBackground: false,
  };
}

/** How large and how long the export would be; the server computes it without starting anything. */
export function estimateQuery(body: ExportRequest) {
  return {
    queryKey: keys.estimate(body),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Estimate> => {
      const estimate = await api.request<Estimate>("POST", "exports/estimate", body, signal);
      return { ...estimate, cameras: estimate.cameras ?? [] };
    },
    staleTime: 60_000,
    retry: false,
  };
}

export async function startExport(client: QueryClient, body: ExportRequest): Promise<Export> {
  const job = await api.request<Export>("POST", "exports", body);
  client.setQueryData<Export[]>(keys.all, (list) => (list ? [{ ...job, files: job.files ?? [] }, ...list.filter((e) => e.id !== job.id)] : list));
  await client.invalidateQueries({ queryKey: keys.all });
  return job;
}

/** Deletes what was made; one that is under way is cancelled. */
export async function deleteExport(client: QueryClient, id: string): Promise<void> {
  await api.request<void>("DELETE", `exports/${encodeURIComponent(id)}`);
  await client.invalidateQueries({ queryKey: keys.all });
}

/** A link to one file that works without signing in until it expires. */
export function shareExport(id: string, file: string, seconds: number): Promise<ShareLink> {
  return api.request<ShareLink>("POST", `exports/${encodeURIComponent(id)}/links`, { file, expires_in_s: seconds });
}
