"use client";
import { useState } from "react";
import { alertOf } from "@/lib/alerts";
import type { Area, NvrEvent } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { labelName } from "@/lib/format";
import { snapshotURL } from "@/lib/queries/events";
import { EventThumb } from "./EventThumb";
import { eventTitle } from "./text";

interface EventPictureProps {
  event: NvrEvent;
  /** zones and lines of its camera */
  areas: readonly Area[];
  /** whether way, zones and lines are drawn */
  traced: boolean;
}

/** The event's picture with its box, the way it went, and the zones and lines it met. */
export function EventPicture({ event, areas, traced }: EventPictureProps) {
  const [failed, setFailed] = useState(false);
  const { box } = event;
  if (!event.has_snapshot || failed) {
    return (
      <div className="grid aspect-video max-h-[40dvh] w-full place-items-center bg-black text-muted">
        <span className="flex flex-col items-center gap-2">
          <EventThumb event={{ ...event, has_snapshot: false }} className="size-10" />
          {failed ? "The picture could not be loaded." : "No picture was kept of this event."}
        </span>
      </div>
    );
  }
  return (
    <div className="grid place-items-center bg-black">
      <span className="relative block overflow-hidden">
        <img src={snapshotURL(event)} alt={`Snapshot: ${eventTitle(event)}`} onError={() => setFailed(true)} className="block max-h-[52dvh] max-w-full" />
        {traced && <Trace event={event} areas={areas} />}
        {box && box.w > 0 && box.w < 1 && (
          <span
            aria-hidden
            className={cn("absolute rounded-[2px] border-2", alertOf(event) === "high" || (event.severity === undefined && event.label === "person") ? "border-alert" : "border-detection")}
            style={{ left: `${box.x * 100}%`, top: `${box.y * 100}%`, width: `${box.w * 100}%`, height: `${box.h * 100}%` }}
          />
        )}
      </span>
    </div>
  );
}

/** Whether there is anything to draw. */
export function hasTrace(event: NvrEvent, areas: readonly Area[]): boolean {
  return (event.path?.length ?? 0) > 1 || met(event, areas).length > 0;
}

/** The zones it entered and the lines it crossed. */
function met(event: NvrEvent, areas: readonly Area[]): Area[] {
  return areas.filter((area) => (area.kind === "zone" && event.entered_zones?.includes(area.name)) || (area.kind === "line" && event.crossings?.some((c) => c.line === area.name)));
}

function Trace({ event, areas }: { event: NvrEvent; areas: readonly Area[] }) {
  const path = event.path ?? [];
  const [first, last] = [path[0], path.at(-1)];
  const shapes = met(event, areas);
  const line = path.map((p) => `${p.x},${p.y}`).join(" ");
  return (
    <span aria-hidden data-testid="trace">
      <svg viewBox="0 0 1 1" preserveAspectRatio="none" className="absolute inset-0 size-full">
        {shapes.map((area) =>
          area.kind === "zone" ? (
            <polygon key={`z${area.name}`} points={area.points.map((p) => p.join(",")).join(" ")} className="fill-accent/10 stroke-accent" strokeWidth={2} vectorEffect="non-scaling-stroke" />
          ) : (
            <polyline key={`l${area.name}`} points={area.points.map((p) => p.join(",")).join(" ")} className="fill-none stroke-info" strokeWidth={3} vectorEffect="non-scaling-stroke" />
          ),
        )}
        <polyline points={line} className="fill-none stroke-black/70" strokeWidth={5} strokeLinejoin="round" strokeLinecap="round" vectorEffect="non-scaling-stroke" />
        <polyline points={line} className="fill-none stroke-white" strokeWidth={2} strokeLinejoin="round" strokeLinecap="round" vectorEffect="non-scaling-stroke" />
      </svg>
      {shapes.map((area) => (
        <span key={`n${area.kind}${area.name}`} className="absolute rounded-sm bg-black/75 px-1.5 text-2xs font-medium text-white" style={{ left: `${Math.min(...area.points.map((p) => p[0])) * 100}%`, top: `${Math.min(...area.points.map((p) => p[1])) * 100}%` }}>
          {labelName(area.name)}
        </span>
      ))}
      {first && <Dot p={first} className="bg-black" />}
      {last && path.length > 1 && <Dot p={last} className="bg-white" />}
    </span>
  );
}

function Dot({ p, className }: { p: { x: number; y: number }; className: string }) {
  return <span className={cn("absolute size-3 -translate-x-1/2 -translate-y-1/2 rounded-full border-2 border-white shadow-[0_0_0_1px_#000]", className)} style={{ left: `${p.x * 100}%`, top: `${p.y * 100}%` }} />;
}
