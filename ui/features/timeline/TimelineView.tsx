"use client";
import { useQuery } from "@tanstack/react-query";
import { Cctv } from "lucide-react";
import dynamic from "next/dynamic";
import { useSearchParams } from "next/navigation";
import { type ReactNode, useMemo, useState } from "react";
import { Notice } from "@/components/Notice";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import type { Hold } from "@/lib/api/recording-types";
import type { Camera } from "@/lib/api/types";
import { MAX_SYNC } from "@/lib/player/sync-player";
import { holdsQuery } from "@/lib/queries/holds";
import type { Mark } from "./paint";
import { parseRange, Selection, type Range } from "./selection";
import { type Place, SingleView } from "./SingleView";

const SyncView = dynamic(() => import("./SyncView").then((module) => module.SyncView), { loading: TimelineSkeleton });

/** What the page puts into the timeline from other features. */
export interface TimelineSlots {
  /** what a phone shows below the canvas, where a desk has no room */
  below?: (camera: string) => ReactNode;
  /** what can be done with a selected stretch of some cameras */
  actions?: (range: Range, cameras: string[]) => ReactNode;
}

/** Page "Timeline": one camera, or several at the same time. */
export function TimelineView(slots: TimelineSlots) {
  const boot = useBootstrap();
  const cameras = boot.data?.cameras;
  if (!cameras) return <TimelineSkeleton />;
  if (cameras.length === 0) {
    return (
      <Notice icon={Cctv} title="No camera is set up yet" className="h-full">
        Recordings appear here once a camera is in config.yaml.
      </Notice>
    );
  }
  return <Loaded cameras={cameras} {...slots} />;
}

interface Mode {
  /** cameras that play together; undefined: one */
  sync?: string[];
  from?: Place;
}

function Loaded({ cameras, ...slots }: { cameras: Camera[] } & TimelineSlots) {
  const params = useSearchParams();
  const [selection] = useState(() => new Selection(parseRange(params.get("range"))));
  const [mode, setMode] = useState<Mode>(() => ({ sync: chosen(cameras, params.get("sync")) }));
  const marks = useMarks();
  const shared = { cameras, params, marks, selection, from: mode.from, ...slots };
  if (mode.sync) return <SyncView {...shared} chosen={mode.sync} onChosen={(sync) => setMode({ ...mode, sync })} onLeave={(from) => setMode({ from })} />;
  return <SingleView {...shared} onSync={(from) => setMode({ sync: withNeighbour(cameras, from.camera), from })} />;
}

/** The cameras named in an address, as far as they exist; fewer than two are no group. */
function chosen(cameras: Camera[], list: string | null): string[] | undefined {
  const known = (list?.split(",") ?? []).filter((id) => cameras.some((c) => c.id === id)).slice(0, MAX_SYNC);
  return known.length >= 2 ? [...new Set(known)] : undefined;
}

/** A group begins with the camera one looks at and the next in order. */
function withNeighbour(cameras: Camera[], id: string): string[] {
  const i = cameras.findIndex((c) => c.id === id);
  const next = cameras[i + 1] ?? cameras[i - 1];
  return next ? [id, next.id] : [id];
}

function useMarks(): Map<string, Mark[]> {
  const { data } = useQuery(holdsQuery());
  return useMemo(() => marksOf(data ?? []), [data]);
}

export function marksOf(holds: Hold[]): Map<string, Mark[]> {
  const out = new Map<string, Mark[]>();
  for (const { kind, cameras, from, to } of holds) {
    for (const camera of cameras) out.set(camera, [...(out.get(camera) ?? []), { kind, from, to }]);
  }
  return out;
}

function TimelineSkeleton() {
  return (
    <div className="flex h-full flex-col" aria-busy aria-label="Loading">
      <Skeleton className="min-h-0 flex-1 rounded-none max-md:aspect-video max-md:flex-none" />
      <div className="h-12" />
      <Skeleton className="h-40 rounded-none" />
    </div>
  );
}
