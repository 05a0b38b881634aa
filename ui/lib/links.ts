// Addresses of our own pages: static folders with query parameters, for the export has no dynamic segments.
import type { NvrEvent } from "./api/types";
import { withQuery } from "./base";

export function cameraHref(id: string): string {
  return withQuery("/camera/", { id });
}

/** Where something moved in a camera's picture, until `t`. */
export function motionHref(camera: string, t?: number): string {
  return withQuery("/motion/", { camera, t: t === undefined ? undefined : Math.round(t) });
}

export function zonesHref(camera: string): string {
  return withQuery("/zones/", { camera });
}

export function personHref(id: string): string {
  return withQuery("/faces/person/", { id });
}

interface TimelinePlace {
  /** camera in the player; the rows shown are chosen by `cameras` */
  camera?: string;
  cameras?: string[];
  /** wall clock in ms; absent means live */
  t?: number;
  play?: boolean;
  /** the marked stretch */
  range?: { from: number; to: number };
  /** cameras played together; `camera` is then the one that is heard */
  sync?: string[];
}

export function timelineHref({ camera, cameras, t, play, range, sync }: TimelinePlace): string {
  return withQuery("/timeline/", {
    t: t === undefined ? undefined : Math.round(t),
    camera,
    cameras: cameras?.join(","),
    sync: sync?.join(","),
    range: range && `${Math.round(range.from)}-${Math.round(range.to)}`,
    play: play ? 1 : undefined,
  });
}

/** Seconds of what led to an event, shown before it. */
const LEAD_MS = 2_000;

export function eventHref(event: Pick<NvrEvent, "camera" | "start">): string {
  return timelineHref({ camera: event.camera, t: Date.parse(event.start) - LEAD_MS, play: true });
}

/** `t` of an address: ms or an RFC 3339 time. */
export function parseInstant(value: string | null): number | undefined {
  if (!value) return undefined;
  const ms = /^\d{10,14}$/.test(value) ? Number(value) : Date.parse(value);
  return Number.isFinite(ms) ? ms : undefined;
}
