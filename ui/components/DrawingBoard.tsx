"use client";
import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef, useState } from "react";
import type { Point } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { MAX_CORNERS, middle, rectangle, shifted, tidy } from "@/lib/geometry";

export type Tool = "rectangle" | "polygon" | "line";

export interface Shape {
  key: string;
  /** what it is called, here and by screen readers */
  name: string;
  points: readonly Point[];
  tone: "accent" | "info" | "detection" | "muted";
  /** an open one is a line of two points with its sides a and b */
  open?: boolean;
  /** something is wrong with it */
  faulty?: boolean;
}

interface DrawingBoardProps {
  shapes: readonly Shape[];
  selected?: string;
  onSelect?: (key: string) => void;
  onChange: (key: string, points: Point[]) => void;
  /** what pressing on the picture draws; without one it takes hold of shapes */
  tool?: Tool;
  onDraw: (points: Point[]) => void;
  /** what is below: the picture */
  children: ReactNode;
  className?: string;
}

/** A drag shorter than this, as a share of the picture, was a click. */
const CLICK = 0.012;
/** Pressing this close to the first corner closes the area. */
const CLOSE = 0.025;
const NUDGE = 0.005;

const inks: Record<Shape["tone"], string> = { accent: "text-accent", info: "text-info", detection: "text-detection", muted: "text-muted" };

/** Shapes over a picture, to be drawn, taken hold of and changed, with a pointer, a finger or the keyboard. */
export function DrawingBoard({ shapes, selected, onSelect, onChange, tool, onDraw, children, className }: DrawingBoardProps) {
  const board = useRef<HTMLDivElement>(null);
  const [begun, setBegun] = useState<Point[]>([]);
  const [pointer, setPointer] = useState<Point>();
  const held = useRef<{ key: string; from: Point; points: readonly Point[] }>(undefined);
  const active = shapes.find((s) => s.key === selected);

  const place = (event: PointerEvent): Point => {
    const rect = board.current?.getBoundingClientRect();
    return rect ? tidy([(event.clientX - rect.left) / rect.width, (event.clientY - rect.top) / rect.height]) : [0, 0];
  };
  const finish = (points: Point[]) => {
    setBegun([]);
    setPointer(undefined);
    onDraw(points);
  };

  const down = (event: PointerEvent<HTMLDivElement>) => {
    if (!tool || event.button !== 0) return;
    event.preventDefault();
    board.current?.focus({ preventScroll: true });
    const at = place(event);
    if (tool === "polygon") {
      const first = begun[0];
      if (first && begun.length >= 3 && near(first, at, CLOSE)) return finish(begun);
      if (begun.length < MAX_CORNERS) setBegun([...begun, at]);
      return;
    }
    event.currentTarget.setPointerCapture(event.pointerId);
    setBegun([at]);
    setPointer(at);
  };
  const move = (event: PointerEvent<HTMLDivElement>) => {
    const at = place(event);
    if (tool) return begun.length > 0 ? setPointer(at) : undefined;
    const hold = held.current;
    if (hold) onChange(hold.key, shifted(hold.points, at[0] - hold.from[0], at[1] - hold.from[1]));
  };
  const up = (event: PointerEvent<HTMLDivElement>) => {
    held.current = undefined;
    const from = begun[0];
    if (!tool || tool === "polygon" || !from) return;
    const at = place(event);
    if (near(from, at, CLICK)) {
      setBegun([]);
      setPointer(undefined);
      return;
    }
    finish(tool === "line" ? [from, at] : rectangle(from, at));
  };
  const take = (event: PointerEvent, shape: Shape) => {
    if (tool || event.button !== 0) return;
    onSelect?.(shape.key);
    held.current = { key: shape.key, from: place(event), points: shape.points };
    board.current?.setPointerCapture(event.pointerId);
  };
  const onKey = (event: KeyboardEvent) => {
    if (begun.length === 0) return;
    if (event.key === "Escape") setBegun([]);
    else if (event.key === "Backspace") setBegun(begun.slice(0, -1));
    else if (event.key === "Enter" && begun.length >= 3) finish(begun);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const draft = begun.length === 0 ? [] : tool === "rectangle" && pointer ? rectangle(begun[0]!, pointer) : pointer ? [...begun, pointer] : begun;
  return (
    <div
      ref={board}
      role="group"
      aria-label="Picture with areas"
      tabIndex={-1}
      data-testid="board"
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={() => {
        held.current = undefined;
        setBegun([]);
      }}
      onDoubleClick={() => tool === "polygon" && begun.length >= 4 && finish(begun.slice(0, -1))}
      onKeyDown={onKey}
      className={cn("relative select-none overflow-hidden outline-none", tool ? "cursor-crosshair touch-none" : "touch-pan-y", className)}
    >
      {children}
      <svg aria-hidden viewBox="0 0 1 1" preserveAspectRatio="none" className={cn("absolute inset-0 size-full", tool && "pointer-events-none")}>
        {shapes.map((shape) => (
          <Outline key={shape.key} shape={shape} selected={shape.key === selected} onTake={(event) => take(event, shape)} />
        ))}
        {draft.length > 0 && <polyline points={pairs(tool === "line" ? draft : [...draft, draft[0]!])} className="fill-white/15 stroke-white" strokeWidth={2} strokeDasharray="5 4" vectorEffect="non-scaling-stroke" />}
      </svg>
      {shapes.map((shape) => (
        <Name key={shape.key} shape={shape} />
      ))}
      {shapes.filter((s) => s.open && s.points.length === 2).map((shape) => <Sides key={shape.key} points={shape.points} />)}
      {tool === "polygon" && begun.map((p, i) => <span key={i} aria-hidden className="pointer-events-none absolute size-2.5 -translate-x-1/2 -translate-y-1/2 rounded-full border-2 border-black bg-white" style={at(p)} />)}
      {active && !tool && <Handles shape={active} place={place} onChange={(points) => onChange(active.key, points)} />}
    </div>
  );
}

function Outline({ shape, selected, onTake }: { shape: Shape; selected: boolean; onTake: (event: PointerEvent) => void }) {
  const common = {
    points: pairs(shape.points),
    vectorEffect: "non-scaling-stroke" as const,
    onPointerDown: onTake,
    className: cn("cursor-move stroke-current", shape.faulty ? "text-alert" : inks[shape.tone], shape.open ? "fill-none" : selected ? "fill-current [fill-opacity:.18]" : "fill-current [fill-opacity:.08]"),
  };
  if (!shape.open) return <polygon {...common} strokeWidth={selected ? 3 : 2} strokeDasharray={shape.tone === "muted" ? "6 4" : undefined} />;
  return (
    <g>
      <polyline {...common} className="cursor-move fill-none stroke-transparent" strokeWidth={22} />
      <polyline {...common} className={cn(common.className, "pointer-events-none")} strokeWidth={selected ? 4 : 3} />
    </g>
  );
}

function Name({ shape }: { shape: Shape }) {
  const top = shape.points.reduce<Point | undefined>((best, p) => (!best || p[1] < best[1] ? p : best), undefined);
  if (!shape.name || !top) return null;
  return (
    <span aria-hidden className="pointer-events-none absolute max-w-40 truncate rounded-sm bg-black/75 px-1.5 text-2xs font-medium text-white" style={{ left: `${Math.min(top[0], 0.8) * 100}%`, top: `calc(${Math.min(top[1], 0.93) * 100}% + 4px)` }}>
      {shape.name}
    </span>
  );
}

/** Side a is left of the way from the first point to the second. */
function Sides({ points }: { points: readonly Point[] }) {
  const [from, to] = [points[0]!, points[1]!];
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const scale = 0.05 / Math.max(Math.hypot(dx, dy), 0.001);
  const mid = middle(from, to);
  const sides: [string, Point][] = [["a", tidy([mid[0] + dy * scale, mid[1] - dx * scale])], ["b", tidy([mid[0] - dy * scale, mid[1] + dx * scale])]];
  return sides.map(([name, p]) => (
    <span key={name} aria-hidden className="pointer-events-none absolute grid size-5 -translate-x-1/2 -translate-y-1/2 place-items-center rounded-full bg-black/75 text-2xs font-semibold text-white" style={at(p)}>
      {name}
    </span>
  ));
}

const steps: Record<string, Point> = { ArrowLeft: [-NUDGE, 0], ArrowRight: [NUDGE, 0], ArrowUp: [0, -NUDGE], ArrowDown: [0, NUDGE] };

interface HandlesProps {
  shape: Shape;
  place: (event: PointerEvent) => Point;
  onChange: (points: Point[]) => void;
}

/** The corners as buttons: dragged, or moved with arrow keys (with Shift further), removed with Delete, doubled with Insert. */
function Handles({ shape, place, onChange }: HandlesProps) {
  const { points, open, name } = shape;
  const held = useRef<number>(undefined);
  const replace = (i: number, p: Point) => onChange(points.map((old, k) => (k === i ? p : old)));
  const insert = (i: number) => points.length < MAX_CORNERS && onChange(points.toSpliced(i + 1, 0, middle(points[i]!, points[(i + 1) % points.length]!)));
  const onKey = (event: KeyboardEvent, i: number) => {
    const step = steps[event.key];
    const p = points[i]!;
    const far = event.shiftKey ? 10 : 1;
    if (step) replace(i, tidy([p[0] + step[0] * far, p[1] + step[1] * far]));
    else if (!open && (event.key === "Delete" || event.key === "Backspace") && points.length > 3) onChange(points.toSpliced(i, 1));
    else if (!open && (event.key === "Insert" || event.key === "+")) insert(i);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      {!open &&
        points.length < MAX_CORNERS &&
        points.map((p, i) => (
          <button
            key={`m${i}`}
            type="button"
            tabIndex={-1}
            aria-label={`Add a corner after corner ${i + 1}`}
            title="Add a corner"
            onClick={() => insert(i)}
            className="absolute size-2.5 -translate-x-1/2 -translate-y-1/2 rounded-full border border-black bg-white/60 after:absolute after:-inset-2 after:content-[''] hover:bg-white"
            style={at(middle(p, points[(i + 1) % points.length]!))}
          />
        ))}
      {points.map((p, i) => (
        <button
          key={i}
          type="button"
          data-testid="corner"
          aria-label={`${open ? "End" : "Corner"} ${i + 1} of ${name || "the mask"}: ${percentOf(p[0])} from the left, ${percentOf(p[1])} from the top`}
          onPointerDown={(event) => {
            event.stopPropagation();
            held.current = i;
            event.currentTarget.setPointerCapture(event.pointerId);
          }}
          onPointerMove={(event) => held.current === i && replace(i, place(event))}
          onPointerUp={() => (held.current = undefined)}
          onPointerCancel={() => (held.current = undefined)}
          onKeyDown={(event) => onKey(event, i)}
          className="absolute size-4 -translate-x-1/2 -translate-y-1/2 cursor-grab touch-none rounded-full border-2 border-black bg-white after:absolute after:-inset-3.5 after:content-[''] active:cursor-grabbing"
          style={at(p)}
        />
      ))}
    </>
  );
}

const near = (a: Point, b: Point, by: number) => Math.hypot(a[0] - b[0], a[1] - b[1]) < by;
const at = (p: Point) => ({ left: `${p[0] * 100}%`, top: `${p[1] * 100}%` });
const pairs = (points: readonly Point[]) => points.map((p) => p.join(",")).join(" ");
const percentOf = (n: number) => `${Math.round(n * 100)} %`;
