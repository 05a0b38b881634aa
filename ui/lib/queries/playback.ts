import { api } from "../api/client";
import type { CoverageDay, PreviewFile, SyncPayload } from "../api/recording-types";
import { apiURL, withQuery } from "../base";
import { now } from "../time/clock";
import { addDays, zoneName } from "../time/zone";

const keys = {
  coverage: (camera: string, from: number, to: number) => ["coverage", camera, from, to] as const,
  previews: (camera: string, day: number) => ["previews", camera, day] as const,
};

const ofCamera = (id: string, rest: string) => `cameras/${encodeURIComponent(id)}/${rest}`;

/** How much of each day between two local midnights was recorded. */
export function coverageQuery(camera: string, from: number, to: number) {
  return {
    queryKey: keys.coverage(camera, from, to),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<CoverageDay[]> => {
      const { days } = await api.get<{ days: CoverageDay[] | null }>(withQuery(ofCamera(camera, "coverage"), { from, to, tz: zoneName() }), signal);
      return (days ?? []).map((day) => ({ ...day, gaps: day.gaps ?? {} }));
    },
    staleTime: to < now() ? Infinity : 60_000,
  };
}

/** Preview media of a local day: at most 25 files. The list of a day that goes on is old after a few seconds. */
export function previewsQuery(camera: string, day: number) {
  const end = addDays(day, 1);
  return {
    queryKey: keys.previews(camera, day),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<PreviewFile[]> => {
      const { previews } = await api.get<{ previews: PreviewFile[] | null }>(withQuery(ofCamera(camera, "previews"), { from: day, to: end }), signal);
      return previews ?? [];
    },
    staleTime: end < now() - 60_000 ? Infinity : 20_000,
    retry: false,
  };
}

/** The key frame nearest to an instant, small. Times are rounded to the second, so that the cache is of use. */
export function thumbnailURL(camera: string, t: number, width = 320): string {
  return apiURL(withQuery(ofCamera(camera, "thumbnail.jpg"), { t: Math.round(t / 1000) * 1000, width }));
}

/** The very picture that was shown at `t`, with the time at which it was taken. */
export async function exactFrame(camera: string, t: number): Promise<{ picture: Blob; at: number }> {
  const response = await api.raw(withQuery(ofCamera(camera, "frame.jpg"), { t: Math.round(t), stream: "main" }));
  const told = Number(response.headers.get("X-Frame-Time"));
  return { picture: await response.blob(), at: told > 0 ? told : Math.round(t) };
}

/** Playlists of several cameras for one range; each camera's runs say where it has footage. */
export async function syncPayload(cameras: string[], from: number, to: number, signal?: AbortSignal): Promise<SyncPayload> {
  const payload = await api.get<SyncPayload>(withQuery("playback/sync", { cameras: cameras.join(","), from, to }), signal);
  return { ...payload, cameras: payload.cameras ?? [] };
}
