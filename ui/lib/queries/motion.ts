import { api } from "../api/client";
import type { Heatmap, MotionSearch, Point } from "../api/types";
import { apiURL, withQuery } from "../base";

export interface MotionRequest {
  camera: string;
  /** UTC ms */
  from: number;
  to: number;
  /** corners of the region; none: the whole picture */
  area: readonly Point[];
}

const ofCamera = (id: string, rest: string) => `cameras/${encodeURIComponent(id)}/${rest}`;
const corners = (area: readonly Point[]) => area.flat().map((n) => +n.toFixed(4)).join(",");

/** When something moved in a region. */
export function motionQuery({ camera, from, to, area }: MotionRequest) {
  const points = corners(area);
  return {
    queryKey: ["motion", camera, from, to, points] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.get<MotionSearch>(withQuery(ofCamera(camera, "motion"), { from, to, points }), signal),
    staleTime: 60_000,
  };
}

/** Where in the picture something moved. */
export function heatmapQuery({ camera, from, to }: Omit<MotionRequest, "area">) {
  return {
    queryKey: ["heatmap", camera, from, to] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.get<Heatmap>(withQuery(ofCamera(camera, "heatmap"), { from, to }), signal),
    staleTime: 60_000,
  };
}

/** The newest picture of a camera; `version` makes it a new address. */
export function stillURL(camera: string, version: number): string {
  return apiURL(withQuery(ofCamera(camera, "still.jpg"), { v: version }));
}
