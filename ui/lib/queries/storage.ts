import { api } from "../api/client";
import type { RetentionPlan, Storage } from "../api/recording-types";

const keys = { storage: ["storage"] as const, plan: ["storage", "plan"] as const };

export function storageQuery() {
  return {
    queryKey: keys.storage,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Storage> => {
      const storage = await api.get<Storage>("storage", signal);
      return { ...storage, volumes: storage.volumes ?? [], cameras: storage.cameras ?? [] };
    },
    staleTime: 10_000,
    refetchInterval: 30_000, // figures of disks are not pushed
  };
}

/** A dry run of retention; for administrators. */
export function planQuery() {
  return {
    queryKey: keys.plan,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<RetentionPlan> => {
      const plan = await api.get<RetentionPlan>("storage/plan", signal);
      return { ...plan, deletions: plan.deletions ?? [] };
    },
    staleTime: 30_000,
  };
}
