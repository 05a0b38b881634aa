"use client";
import { type RefObject, useEffect, useRef, useState } from "react";
import { useSize } from "@/hooks/use-size";
import type { Playhead } from "@/lib/player/playhead";
import { now } from "@/lib/time/clock";
import type { TimelineRow } from "@/lib/timeline/decode";
import { InsideLabels, PlayheadLine, SelectedRow, SideLabels } from "./CanvasLabels";
import { xAt, zoomAt } from "./engine";
import { HoverCard, type Hover } from "./HoverCard";
import { AXIS, type Mark, paint } from "./paint";
import { SelectionHandles } from "./SelectionHandles";
import { type CanvasTarget, usePointer } from "./use-pointer";
import type { ViewStore } from "./view-store";
import { spokenPlace } from "./words";

export interface TimelineCanvasProps extends CanvasTarget {
  /** names in a column of their own, or inside the rows where width is scarce */
  labels: "side" | "inside";
  onSelect?: (camera: string) => void;
  /** An edge of the selection is dragged to `t`; undefined at the end. */
  onEdge?: (t: number | undefined) => void;
  /** makes the canvas one slider for screen readers, by name */
  slider?: string;
}

const noMarks: readonly Mark[] = [];

export function TimelineCanvas(props: TimelineCanvasProps) {
  const { cameras, rows, marks, store, rowHeight, labels, selected, playhead, selection, onSelect, onEdge, slider } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width] = useSize(box);
  const height = AXIS + cameras.length * rowHeight;
  const [hover, setHover] = useState<Hover>();
  const latest = useRef<CanvasTarget>(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    if (width > 0) store.set({ ...store.get(), width });
  }, [store, width]);

  useCanvas(canvas, { cameras, rows, marks, store, rowHeight }, width, height);
  usePointer(box, latest, setHover);

  return (
    <div className="flex select-none">
      {labels === "side" && <SideLabels cameras={cameras} rowHeight={rowHeight} selected={selected} onSelect={onSelect} />}
      <div className="relative min-w-0 flex-1 overflow-hidden" style={{ height }}>
        <div
          ref={box}
          className="absolute inset-0 cursor-crosshair touch-pan-y overflow-hidden outline-offset-[-2px]"
          {...(slider && playhead && { role: "slider", tabIndex: 0, "aria-label": slider, ...sliderValue(store, playhead, selected && rows.get(selected)) })}
        >
          <canvas ref={canvas} aria-hidden className="absolute inset-0 block" style={{ width, height }} data-testid="timeline-canvas" />
          {labels === "inside" && <InsideLabels cameras={cameras} rowHeight={rowHeight} selected={selected} />}
          {labels === "side" && selected && <SelectedRow index={cameras.findIndex((c) => c.id === selected)} rowHeight={rowHeight} />}
          {playhead && <PlayheadLine playhead={playhead} store={store} height={height} />}
          {hover && <HoverCard hover={hover} width={width} />}
        </div>
        {selection && <SelectionHandles selection={selection} store={store} onEdge={onEdge} />}
      </div>
    </div>
  );
}

/** Paints when something changed, at most once per frame, and each second for the edge of now. */
function useCanvas(canvas: RefObject<HTMLCanvasElement | null>, content: Pick<CanvasTarget, "cameras" | "rows" | "marks" | "store" | "rowHeight">, width: number, height: number) {
  const { cameras, rows, marks, store, rowHeight } = content;
  useEffect(() => {
    const context = canvas.current?.getContext("2d", { alpha: false });
    if (!context || width === 0) return;
    const dpr = Math.min(2, window.devicePixelRatio || 1);
    context.canvas.width = Math.round(width * dpr);
    context.canvas.height = Math.round(height * dpr);
    let frame = 0;
    const draw = () => {
      frame = 0;
      paint(
        context,
        cameras.map((c) => rows.get(c.id)),
        cameras.map((c) => marks?.get(c.id) ?? noMarks),
        store.get(),
        now(),
        { rowHeight, dpr },
      );
    };
    const request = () => {
      if (!frame) frame = requestAnimationFrame(draw);
    };
    draw();
    const off = store.subscribe(request);
    const timer = setInterval(request, 1000);
    return () => {
      off();
      clearInterval(timer);
      cancelAnimationFrame(frame);
    };
  }, [canvas, cameras, rows, marks, store, rowHeight, width, height]);
}

/** Zoom around the playhead if it is in sight, else around the middle. */
export function zoomAround(store: ViewStore, playhead: Playhead | undefined, factor: number): void {
  const view = store.get();
  const x = playhead ? xAt(view, playhead.wall) : -1;
  store.set(zoomAt(view, x >= 0 && x <= view.width ? x : view.width / 2, factor));
}

function sliderValue(store: ViewStore, playhead: Playhead, row: TimelineRow | "" | undefined) {
  const { t0, span } = store.get();
  const t = playhead.second();
  return { "aria-valuemin": Math.round(Math.min(t0, t)), "aria-valuemax": Math.round(Math.max(t0 + span, t)), "aria-valuenow": Math.round(t), "aria-valuetext": spokenPlace(row || undefined, t) };
}
