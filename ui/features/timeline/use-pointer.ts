"use client";
import { type RefObject, useEffect } from "react";
import type { Camera } from "@/lib/api/types";
import { now } from "@/lib/time/clock";
import type { TimelineRow } from "@/lib/timeline/decode";
import type { Playhead } from "@/lib/player/playhead";
import { hit, timeAt, xAt } from "./engine";
import { Gestures } from "./gestures";
import type { Hover } from "./HoverCard";
import { type AlertMark, AXIS, type HoldMark, type Mark } from "./paint";
import type { Selection } from "./selection";
import type { ViewStore } from "./view-store";

export interface CanvasTarget {
  cameras: Camera[];
  rows: Map<string, TimelineRow>;
  marks?: Map<string, Mark[]>;
  store: ViewStore;
  rowHeight: number;
  selected?: string;
  playhead?: Playhead;
  selection?: Selection;
  /** A place was chosen, `dropped` at the end of a drag; else by a tap, on the row of a camera. */
  onSeek: (t: number, camera: string | undefined, how: "drag" | "drop" | "tap") => void;
}

/** Half of the playhead's hit area on the axis: 44 px in all. */
const GRAB_PX = 22;
/** An event narrower than this is meant as a whole: playing begins a little before it. */
const SMALL_EVENT_PX = 28;
const LEAD_MS = 2_000;

/** Native listeners: React's wheel is passive, and then the page would scroll and zoom as well. */
export function usePointer(box: RefObject<HTMLDivElement | null>, latest: RefObject<CanvasTarget>, setHover: (hover: Hover | undefined) => void) {
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const gestures = new Gestures({
      view: () => latest.current.store.get(),
      setView: (view) => latest.current.store.set(view),
      scrubs: (x, y) => onPlayhead(latest.current, x, y),
      scrub: (t, done) => latest.current.onSeek(Math.min(t, now()), undefined, done ? "drop" : "drag"),
      tap: (x, y) => tapAt(latest.current, x, y),
      ...(latest.current.selection && { mark: (from: number, to: number) => latest.current.selection?.set({ from, to: Math.max(from + 1_000, Math.min(to, now())) }) }),
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
        gestures.down(event.pointerId, ...place(event), event.shiftKey);
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
function onPlayhead({ playhead, store }: CanvasTarget, x: number, y: number): boolean {
  if (y < AXIS) return true;
  return playhead !== undefined && y < AXIS + 10 && Math.abs(x - xAt(store.get(), playhead.wall)) < GRAB_PX;
}

function rowAt({ cameras, rowHeight }: CanvasTarget, y: number): Camera | undefined {
  return y < AXIS ? undefined : cameras[Math.floor((y - AXIS) / rowHeight)];
}

function tapAt(target: CanvasTarget, x: number, y: number) {
  const view = target.store.get();
  const t = timeAt(view, x);
  const camera = rowAt(target, y);
  const row = camera && target.rows.get(camera.id);
  const perPx = view.span / view.width;
  const found = row && hit(row, t, 4 * perPx, now());
  if (row && found?.what === "event") {
    const start = row.events.start[found.index]!;
    const length = Math.min(row.events.end[found.index]!, now()) - start;
    target.onSeek(length / perPx < SMALL_EVENT_PX ? start - LEAD_MS : t, camera.id, "tap");
  } else {
    target.onSeek(Math.min(t, now()), camera?.id, "tap");
  }
}

/** On the axis it is the selected camera's picture that one wants to see. */
function hoverAt(target: CanvasTarget, x: number, y: number): Hover {
  const view = target.store.get();
  const t = timeAt(view, x);
  const camera = rowAt(target, y) ?? target.cameras.find((c) => c.id === target.selected);
  const row = camera && target.rows.get(camera.id);
  const found = row ? hit(row, t, (3 * view.span) / view.width, now()) : undefined;
  const marks = (camera && target.marks?.get(camera.id)) ?? [];
  const mark = marks.find((m): m is HoldMark => m.kind !== "alert" && t >= m.from && t < m.to);
  const id = found?.what === "event" ? row?.events.id[found.index] : undefined;
  const alert = marks.find((m): m is AlertMark => m.kind === "alert" && m.event === id);
  return { x, t, y: y >= AXIS && camera ? AXIS + target.cameras.indexOf(camera) * target.rowHeight : 0, camera, row, hit: t > now() ? undefined : found, mark, alert };
}
