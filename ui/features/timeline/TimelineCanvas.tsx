"use client";
import { type RefObject, useEffect, useRef, useState } from "react";
import { useSize } from "@/hooks/use-size";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { labelName } from "@/lib/format";
import type { Playhead } from "@/lib/player/playhead";
import { now } from "@/lib/time/clock";
import { clock, dateTime } from "@/lib/time/zone";
import type { TimelineRow } from "@/lib/timeline/decode";
import { hit, timeAt, xAt, zoomAt } from "./engine";
import { Gestures } from "./gestures";
import { HoverCard, type Hover } from "./HoverCard";
import { AXIS, paint } from "./paint";
import type { ViewStore } from "./view-store";

interface TimelineCanvasProps {
  cameras: Camera[];
  rows: Map<string, TimelineRow>;
  store: ViewStore;
  rowHeight: number;
  /** names in a column of their own, or inside the rows where width is scarce */
  labels: "side" | "inside";
  selected?: string;
  playhead?: Playhead;
  /** A place was chosen; the row's camera with it. `exact` is false where an event was hit and its start is meant. */
  onSeek: (t: number, camera: string | undefined, done: boolean) => void;
  onSelect?: (camera: string) => void;
  /** makes the canvas one slider for screen readers, by name */
  slider?: string;
}

/** Half of the playhead's hit area on the axis: 44 px in all. */
const GRAB_PX = 22;
/** An event narrower than this is meant as a whole: playing begins a little before it. */
const SMALL_EVENT_PX = 28;
const LEAD_MS = 2_000;

export function TimelineCanvas(props: TimelineCanvasProps) {
  const { cameras, rows, store, rowHeight, labels, selected, playhead, onSelect, slider } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width] = useSize(box);
  const height = AXIS + cameras.length * rowHeight;
  const [hover, setHover] = useState<Hover>();
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    if (width > 0) store.set({ ...store.get(), width });
  }, [store, width]);

  useCanvas(canvas, { cameras, rows, store, rowHeight }, width, height);
  usePointer(box, latest, setHover);

  return (
    <div className="flex select-none">
      {labels === "side" && <SideLabels cameras={cameras} rowHeight={rowHeight} selected={selected} onSelect={onSelect} />}
      <div
        ref={box}
        className="relative min-w-0 flex-1 cursor-crosshair touch-pan-y overflow-hidden outline-offset-[-2px]"
        style={{ height }}
        {...(slider && playhead && { role: "slider", tabIndex: 0, "aria-label": slider, ...sliderValue(store, playhead, selected && rows.get(selected)) })}
      >
        <canvas ref={canvas} aria-hidden className="absolute inset-0 block" style={{ width, height }} data-testid="timeline-canvas" />
        {labels === "inside" && <InsideLabels cameras={cameras} rowHeight={rowHeight} selected={selected} />}
        {labels === "side" && selected && <SelectedRow index={cameras.findIndex((c) => c.id === selected)} rowHeight={rowHeight} />}
        {playhead && <PlayheadLine playhead={playhead} store={store} height={height} />}
        {hover && <HoverCard hover={hover} width={width} />}
      </div>
    </div>
  );
}

/** Paints when something changed, at most once per frame, and each second for the edge of now. */
function useCanvas(canvas: RefObject<HTMLCanvasElement | null>, content: Pick<TimelineCanvasProps, "cameras" | "rows" | "store" | "rowHeight">, width: number, height: number) {
  const { cameras, rows, store, rowHeight } = content;
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
  }, [canvas, cameras, rows, store, rowHeight, width, height]);
}

/** Native listeners: React's wheel is passive, and then the page would scroll and zoom as well. */
function usePointer(box: RefObject<HTMLDivElement | null>, latest: RefObject<TimelineCanvasProps>, setHover: (hover: Hover | undefined) => void) {
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const gestures = new Gestures({
      view: () => latest.current.store.get(),
      setView: (view) => latest.current.store.set(view),
      scrubs: (x, y) => onPlayhead(latest.current, x, y),
      scrub: (t, done) => latest.current.onSeek(Math.min(t, now()), undefined, done),
      tap: (x, y) => tapAt(latest.current, x, y),
    });
    const place = (event: MouseEvent): [number, number] => {
      const rect = element.getBoundingClientRect();
      return [event.clientX - rect.left, event.clientY - rect.top];
    };
    const listeners: { [K in "pointerdown" | "pointermove" | "pointerup" | "pointercancel" | "pointerleave"]: (event: PointerEvent) => void } = {
      pointerdown: (event) => {
        if (event.button !== 0) return;
        element.setPointerCapture(event.pointerId);
        setHover(undefined);
        gestures.down(event.pointerId, ...place(event));
      },
      pointermove: (event) => {
        if (gestures.active) gestures.move(event.pointerId, ...place(event));
        else if (event.pointerType === "mouse") setHover(hoverAt(latest.current, ...place(event)));
      },
      pointerup: (event) => gestures.up(event.pointerId, ...place(event)),
      pointercancel: (event) => gestures.cancel(event.pointerId),
      pointerleave: () => setHover(undefined),
    };
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      gestures.wheel(place(event)[0], event.deltaX, event.deltaY, event.shiftKey);
    };
    const entries = Object.entries(listeners) as [keyof typeof listeners, (event: PointerEvent) => void][]; // Object.entries widens keys
    for (const [type, listener] of entries) element.addEventListener(type, listener);
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      for (const [type, listener] of entries) element.removeEventListener(type, listener);
      element.removeEventListener("wheel", onWheel);
    };
  }, [box, latest, setHover]);
}

/** The axis scrubs; so does the upper end of the playhead, which a finger must be able to take. */
function onPlayhead({ playhead, store }: TimelineCanvasProps, x: number, y: number): boolean {
  if (y < AXIS) return true;
  return playhead !== undefined && y < AXIS + 10 && Math.abs(x - xAt(store.get(), playhead.wall)) < GRAB_PX;
}

function rowAt({ cameras, rowHeight }: TimelineCanvasProps, y: number): Camera | undefined {
  return y < AXIS ? undefined : cameras[Math.floor((y - AXIS) / rowHeight)];
}

function tapAt(props: TimelineCanvasProps, x: number, y: number) {
  const view = props.store.get();
  const t = timeAt(view, x);
  const camera = rowAt(props, y);
  const row = camera && props.rows.get(camera.id);
  const perPx = view.span / view.width;
  const found = row && hit(row, t, 4 * perPx, now());
  if (row && found?.what === "event") {
    const start = row.events.start[found.index]!;
    const length = Math.min(row.events.end[found.index]!, now()) - start;
    props.onSeek(length / perPx < SMALL_EVENT_PX ? start - LEAD_MS : t, camera.id, true);
  } else {
    props.onSeek(Math.min(t, now()), camera?.id, true);
  }
}

function hoverAt(props: TimelineCanvasProps, x: number, y: number): Hover {
  const view = props.store.get();
  const t = timeAt(view, x);
  const camera = rowAt(props, y);
  const row = camera && props.rows.get(camera.id);
  const found = row ? hit(row, t, (3 * view.span) / view.width, now()) : undefined;
  return { x, t, y: camera ? AXIS + props.cameras.indexOf(camera) * props.rowHeight : 0, camera: camera?.name, row, hit: t > now() ? undefined : found };
}

function SideLabels({ cameras, rowHeight, selected, onSelect }: Pick<TimelineCanvasProps, "cameras" | "rowHeight" | "selected" | "onSelect">) {
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

function InsideLabels({ cameras, rowHeight, selected }: Pick<TimelineCanvasProps, "cameras" | "rowHeight" | "selected">) {
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

function SelectedRow({ index, rowHeight }: { index: number; rowHeight: number }) {
  if (index < 0) return null;
  return <span aria-hidden className="pointer-events-none absolute inset-x-0 border-y border-accent/35" style={{ top: AXIS + index * rowHeight, height: rowHeight }} />;
}

/** Moved each frame without React; its label is the exact time. */
function PlayheadLine({ playhead, store, height }: { playhead: Playhead; store: ViewStore; height: number }) {
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

/** "Sun 22 Nov 20:41:07, person, recorded": what the slider reads out. */
function spokenPlace(row: TimelineRow | undefined, t: number): string {
  const found = row ? hit(row, t, 500, now()) : undefined;
  const what = !found || found.what === "nothing" ? "no recording" : found.what === "event" ? `${labelName(row!.events.label[found.index] ?? "event")}, recorded` : found.what === "gap" ? `no recording, ${found.reason}` : "recorded";
  return `${dateTime(t)}, ${what}`;
}
