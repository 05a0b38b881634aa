import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Bootstrap, Camera } from "../api/types";
import { syncClock } from "../time/clock";
import { setZone } from "../time/zone";

const keys = { bootstrap: ["bootstrap"] as const };

/** Everything the first paint needs: who is signed in, which cameras there are, the site's time. */
export function bootstrapQuery() {
  return {
    queryKey: keys.bootstrap,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Bootstrap> => {
      const boot = await api.get<Bootstrap>("bootstrap", signal);
      syncClock(boot.server_time);
      setZone(boot.timezone);
      return { ...boot, cameras: sorted(boot.cameras ?? []), labels: boot.labels ?? [] };
    },
    staleTime: Infinity, // the socket keeps it up to date; a reconnect invalidates it
  };
}

function sorted(cameras: Camera[]): Camera[] {
  return [...cameras].sort((a, b) => a.order - b.order || a.name.localeCompare(b.name));
}

/** Puts a camera's new state into the cache, whether it came by socket or as the answer to a change. */
export function putCamera(client: QueryClient, camera: Camera): void {
  client.setQueryData<Bootstrap>(keys.bootstrap, (boot) => {
    if (!boot) return boot;
    const known = boot.cameras.some((c) => c.id === camera.id);
    const cameras = known ? boot.cameras.map((c) => (c.id === camera.id ? camera : c)) : [...boot.cameras, camera];
    return { ...boot, cameras: sorted(cameras) };
  });
}

export function refetchCameras(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.bootstrap });
}

export type CameraSwitch = "recording" | "detecting";

export function setCameraSwitch(id: string, which: CameraSwitch, enabled: boolean): Promise<Camera> {
  return api.request<Camera>("PUT", `cameras/${encodeURIComponent(id)}/${which}`, { enabled });
}
