"use client";
import { type KeyboardEvent, useEffect, useRef, useSyncExternalStore } from "react";
import { cn } from "@/lib/cn";
import { now } from "@/lib/time/clock";
import { dateTime } from "@/lib/time/zone";
import { timeAt, xAt } from "./engine";
import { dragEdge, type Edge, type Selection } from "./selection";
import type { ViewStore } from "./view-store";

interface SelectionHandlesProps {
  selection: Selection;
  store: ViewStore;
  onEdge?: (t: number | undefined) => void;
}

/** The selected stretch over the rows, with an edge on either side to take: by hand, or by arrow keys. */
export function SelectionHandles({ selection, store, onEdge }: SelectionHandlesProps) {
  const range = useSyncExternalStore(selection.subscribe, selection.get, selection.get);
  const body = useRef<HTMLDivElement>(null);
  const present = range !== undefined;
  useEffect(() => {
    const place = () => {
      const chosen = selection.get();
      if (!chosen || !body.current) return;
      const view = store.get();
      const x0 = xAt(view, chosen.from);
      const x1 = xAt(view, chosen.to);
      body.current.style.transform = `translateX(${Math.max(-20_000, x0)}px)`;
      body.current.style.width = `${Math.min(40_000, Math.max(2, x1 - Math.max(-20_000, x0)))}px`;
      body.current.style.visibility = x1 < -30 || x0 > view.width + 30 ? "hidden" : "visible";
    };
    place();
    const offs = [store.subscribe(place), selection.subscribe(place)];
    return () => offs.forEach((off) => off());
  }, [store, selection, present]);
  if (!range) return null;
  return (
    <div ref={body} data-testid="selection" className="pointer-events-none absolute inset-y-0 left-0 border-x-2 border-fg bg-fg/10">
      <Handle edge="from" t={range.from} selection={selection} store={store} onEdge={onEdge} />
      <Handle edge="to" t={range.to} selection={selection} store={store} onEdge={onEdge} />
    </div>
  );
}

function Handle({ edge, t, selection, store, onEdge }: SelectionHandlesProps & { edge: Edge; t: number }) {
  const ref = useRef<HTMLDivElement>(null);
  const report = useRef(onEdge);
  useEffect(() => {
    report.current = onEdge;
  });
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const move = (event: PointerEvent) => {
      const range = selection.get();
      const rect = element.parentElement?.parentElement?.getBoundingClientRect();
      if (!range || !rect) return;
      const next = dragEdge(range, edge, timeAt(store.get(), event.clientX - rect.left), now());
      selection.set(next);
      report.current?.(next[edge]);
    };
    const end = () => {
      element.removeEventListener("pointermove", move);
      report.current?.(undefined);
    };
    const begin = (event: PointerEvent) => {
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      element.addEventListener("pointermove", move);
      element.focus();
    };
    element.addEventListener("pointerdown", begin);
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
    return () => {
      element.removeEventListener("pointerdown", begin);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", end);
      element.removeEventListener("pointercancel", end);
    };
  }, [edge, selection, store]);
  const onKeyDown = (event: KeyboardEvent) => {
    const sign = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    const range = selection.get();
    if (!sign || !range) return;
    event.preventDefault(); // and so the page's own arrow keys stay still
    selection.set(dragEdge(range, edge, t + sign * (event.shiftKey ? 10_000 : 1_000), now()));
  };
  const view = store.get();
  return (
    <div
      ref={ref}
      role="slider"
      tabIndex={0}
      aria-label={edge === "from" ? "Start of the selection" : "End of the selection"}
      aria-valuemin={Math.round(Math.min(view.t0, t))}
      aria-valuemax={Math.round(Math.max(view.t0 + view.span, t))}
      aria-valuenow={t}
      aria-valuetext={dateTime(t)}
      onKeyDown={onKeyDown}
      className={cn("group pointer-events-auto absolute inset-y-0 w-6 cursor-ew-resize touch-none outline-none max-md:w-11", edge === "from" ? "right-full" : "left-full")}
    >
      <span aria-hidden className={cn("absolute top-1/2 grid h-9 w-3 -translate-y-1/2 place-items-center bg-fg group-focus-visible:bg-accent", edge === "from" ? "right-0 rounded-l-sm" : "left-0 rounded-r-sm")}>
        <span className="h-4 w-0.5 rounded-full bg-bg/60" />
      </span>
    </div>
  );
}
