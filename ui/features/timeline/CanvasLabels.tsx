"use client";
import { useEffect, useRef } from "react";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import type { Playhead } from "@/lib/player/playhead";
import { clock } from "@/lib/time/zone";
import { xAt } from "./engine";
import { AXIS } from "./paint";
import type { ViewStore } from "./view-store";

interface LabelsProps {
  cameras: Camera[];
  rowHeight: number;
  selected?: string;
}

export function SideLabels({ cameras, rowHeight, selected, onSelect }: LabelsProps & { onSelect?: (camera: string) => void }) {
  return (
    <div className="w-[132px] shrink-0 border-r border-line bg-surface" style={{ paddingTop: AXIS }}>
      {cameras.map((camera) => (
        <button
          key={camera.id}
          type="button"
          disabled={!onSelect}
          aria-pressed={onSelect ? camera.id === selected : undefined}
          onClick={() => onSelect?.(camera.id)}
          style={{ height: rowHeight }}
          className={cn("relative block w-full truncate pl-3 pr-2 text-left text-xs outline-offset-[-2px]", camera.id === selected ? "bg-overlay font-semibold text-fg" : "text-muted enabled:hover:text-fg")}
        >
          {camera.id === selected && <span aria-hidden className="absolute inset-y-0 left-0 w-0.5 bg-accent" />}
          {camera.name}
        </button>
      ))}
    </div>
  );
}

export function InsideLabels({ cameras, rowHeight, selected }: LabelsProps) {
  return cameras.map((camera, i) => (
    <span
      key={camera.id}
      className={cn("pointer-events-none absolute left-1 max-w-[45%] truncate rounded-sm bg-bg/75 px-1.5 text-2xs", camera.id === selected ? "font-semibold text-accent" : "text-fg")}
      style={{ top: AXIS + i * rowHeight + 3 }}
    >
      {camera.name}
    </span>
  ));
}

export function SelectedRow({ index, rowHeight }: { index: number; rowHeight: number }) {
  if (index < 0) return null;
  return <span aria-hidden className="pointer-events-none absolute inset-x-0 border-y border-accent/35" style={{ top: AXIS + index * rowHeight, height: rowHeight }} />;
}

/** Moved each frame without React; its label is the exact time. */
export function PlayheadLine({ playhead, store, height }: { playhead: Playhead; store: ViewStore; height: number }) {
  const line = useRef<HTMLDivElement>(null);
  const label = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      frame = requestAnimationFrame(draw);
      if (!line.current || !label.current) return;
      const view = store.get();
      const x = xAt(view, playhead.wall);
      line.current.style.transform = `translateX(${x}px)`;
      line.current.style.visibility = x >= -1 && x <= view.width + 1 ? "visible" : "hidden";
      const text = clock(playhead.wall);
      if (label.current.textContent !== text) label.current.textContent = text;
      label.current.style.transform = `translateX(${Math.max(-x, Math.min(-29, view.width - x - 58))}px)`;
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [playhead, store]);
  return (
    <div ref={line} aria-hidden className="pointer-events-none absolute left-0 top-0 w-0" style={{ height }}>
      <span ref={label} className="absolute top-[3px] w-[58px] rounded-sm bg-accent py-px text-center text-2xs font-semibold text-on-accent" />
      <span className="absolute bottom-0 left-[-1px] w-0.5 bg-accent" style={{ top: 18 }} />
    </div>
  );
}
