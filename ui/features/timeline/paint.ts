// Puts bins on a canvas. Colours are fixed tokens (globals.css); height says the same as colour: the more severe, the taller.
import type { HoldKind } from "@/lib/api/recording-types";
import type { AlertSeverity } from "@/lib/api/types";
import { addDays, clock, shortDay, zoneOffset } from "@/lib/time/zone";
import { Severity, type TimelineRow } from "@/lib/timeline/decode";
import { bins, Cover, DAY, ticks, xAt, type View } from "./engine";

export const AXIS = 24;

/** Footage of a camera that is kept beyond retention. */
export interface HoldMark {
  from: number;
  to: number;
  kind: HoldKind;
}

/** An event that a rule made an alert. */
export interface AlertMark {
  from: number;
  to: number;
  kind: "alert";
  severity: AlertSeverity;
  event: string;
}

export type Mark = HoldMark | AlertMark;

export interface Geometry {
  /** CSS pixels */
  rowHeight: number;
  dpr: number;
}

const rgba = (hex: string, alpha = 255): number => {
  const n = parseInt(hex.slice(1), 16);
  return ((alpha << 24) | ((n & 0xff) << 16) | (n & 0xff00) | (n >> 16)) >>> 0; // canvas pixels are ABGR in a Uint32
};

const colours = {
  nothing: rgba("#0a0c0f"),
  row: rgba("#101318"),
  recorded: rgba("#1e242d"),
  strip: rgba("#4a5a72"),
  gap: rgba("#000000"),
  seam: rgba("#0a0c0f"),
  severity: { [Severity.motion]: rgba("#536580"), [Severity.detection]: rgba("#f0a93b"), [Severity.alert]: rgba("#f25757") } as Record<number, number>,
};

/** Share of the row's height that a block takes, from the bottom strip upwards. */
const rise: Record<number, number> = { [Severity.motion]: 0.36, [Severity.detection]: 0.68, [Severity.alert]: 1 };

/** A gap's hatching says whose doing it is, to those too who do not see its colour. The period of all patterns divides 56. */
const gapInk: Record<number, { colour: number; on: (x: number, y: number) => boolean }> = {
  [Cover.gap]: { colour: rgba("#7a353c"), on: (x, y) => (x + y) % 8 < 2 },
  [Cover.recorderGap]: { colour: rgba("#7d5a22"), on: (x, y) => (x + 56 - (y % 56)) % 8 < 2 },
  [Cover.off]: { colour: rgba("#3d4a5e"), on: (x, y) => x % 7 < 2 && y % 7 < 2 },
};

function paintRow(image: ImageData, row: TimelineRow, view: View, now: number, dpr: number): void {
  const pixels = new Uint32Array(image.data.buffer);
  const { width, height } = image;
  const b = bins(row, view, now, Math.max(2, Math.round(2 * dpr)));
  const strip = Math.round(3 * dpr);
  const pad = Math.round(2 * dpr);
  const body = height - strip - pad;
  // Patterns are fixed to the time below them: panning moves them along.
  const phase = Math.round((view.t0 / view.span) * view.width) % Math.round(56 * dpr);
  for (let x = 0; x < width; x++) {
    const cover = b.cover[x]!;
    const gap = gapInk[cover];
    const back = cover === Cover.recorded ? colours.recorded : gap ? colours.gap : colours.nothing;
    const foot = cover === Cover.recorded ? colours.strip : gap ? gap.colour : colours.nothing;
    const severity = b.severity[x]!;
    const block = b.seam[x] ? colours.seam : colours.severity[severity];
    const share = b.level[x] ? b.level[x]! / 255 : rise[severity];
    const top = severity && share ? pad + Math.round(body * (1 - share)) : height;
    const column = Math.floor((x + phase) / dpr);
    for (let y = 0, at = x; y < height; y++, at += width) {
      if (y < pad / 2) pixels[at] = colours.nothing;
      else if (y >= height - strip) pixels[at] = foot;
      else if (y >= top && block !== undefined) pixels[at] = block;
      else pixels[at] = gap?.on(column, Math.floor(y / dpr)) ? gap.colour : back;
    }
  }
}

/** A line over what is kept; legal holds have a thicker one with ends. */
function paintMarks(context: CanvasRenderingContext2D, marks: readonly Mark[], view: View, top: number, dpr: number): void {
  for (const mark of marks) {
    if (mark.kind === "alert") continue;
    const x0 = Math.max(-4, xAt(view, mark.from));
    const x1 = Math.min(view.width + 4, xAt(view, mark.to));
    if (x1 < 0 || x0 > view.width) continue;
    const legal = mark.kind === "legal";
    context.fillStyle = legal ? "#e6e9ee" : "#5aa2f7";
    const width = Math.max(3 * dpr, x1 - x0);
    context.fillRect(x0, top, width, (legal ? 3 : 2) * dpr);
    if (!legal) continue;
    context.fillRect(x0, top, 2 * dpr, 7 * dpr);
    context.fillRect(x0 + width - 2 * dpr, top, 2 * dpr, 7 * dpr);
  }
}

/** Half the width of a flag: the more an alert matters the larger it is. */
const flag: Record<AlertSeverity, { ink: string; half: number }> = { high: { ink: "#ff5c5c", half: 5.5 }, normal: { ink: "#f0a93b", half: 4.5 }, low: { ink: "#5aa2f7", half: 3.5 } };

/** A flag at the top where an alert began: a block's colour says what it was, the flag that someone is to be told. */
function paintAlerts(context: CanvasRenderingContext2D, marks: readonly Mark[], view: View, top: number, dpr: number): void {
  for (const mark of marks) {
    if (mark.kind !== "alert") continue;
    const { ink, half } = flag[mark.severity] ?? flag.normal;
    const [x, r] = [xAt(view, mark.from), half * dpr];
    if (x < -r || x > view.width + r) continue;
    context.beginPath();
    context.moveTo(x - r, top + dpr);
    context.lineTo(x + r, top + dpr);
    context.lineTo(x, top + dpr + 1.6 * r);
    context.closePath();
    context.fillStyle = ink;
    context.strokeStyle = "#0a0c0f";
    context.lineWidth = 3 * dpr;
    context.stroke();
    context.fill();
  }
}

/** Paints axis and rows. `view.width` is in CSS pixels. */
export function paint(context: CanvasRenderingContext2D, rows: (TimelineRow | undefined)[], marks: (readonly Mark[])[], view: View, now: number, g: Geometry): void {
  const width = Math.max(1, Math.round(view.width * g.dpr));
  const rowHeight = Math.round(g.rowHeight * g.dpr);
  const device: View = { ...view, width };
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#0a0c0f";
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  rows.forEach((row, i) => {
    if (!row) return;
    const image = context.createImageData(width, rowHeight - Math.round(g.dpr));
    paintRow(image, row, device, now, g.dpr);
    const top = Math.round(AXIS * g.dpr) + i * rowHeight;
    context.putImageData(image, 0, top);
    paintMarks(context, marks[i] ?? [], device, top, g.dpr);
    paintAlerts(context, marks[i] ?? [], device, top, g.dpr);
  });
  paintAxis(context, rows.length, view, now, g);
}

function paintAxis(context: CanvasRenderingContext2D, rows: number, view: View, now: number, g: Geometry): void {
  context.setTransform(g.dpr, 0, 0, g.dpr, 0, 0);
  const bottom = AXIS + rows * g.rowHeight;
  context.font = `11px ${getComputedStyle(context.canvas).fontFamily}`;
  context.textBaseline = "middle";
  context.lineWidth = 1; // flags leave theirs
  const seconds = view.span < 600_000;
  for (const tick of ticks(view, zoneOffset(view.t0), addDays)) {
    const x = Math.round(xAt(view, tick.t)) + 0.5;
    context.strokeStyle = tick.major ? "#98a2b326" : "#98a2b312";
    context.beginPath();
    context.moveTo(x, tick.major ? 6 : AXIS - 5);
    context.lineTo(x, tick.major ? bottom : AXIS);
    context.stroke();
    if (tick.major) {
      const midnight = view.span > DAY / 2 && addDays(tick.t, 0) === tick.t;
      context.fillStyle = midnight ? "#e6e9ee" : "#98a2b3";
      context.fillText(midnight ? shortDay(tick.t) : clock(tick.t, seconds), x + 4, AXIS / 2);
    }
  }
  const edge = xAt(view, now);
  if (edge < view.width) {
    // What is ahead of now is no footage that is missing: hatch it.
    context.save();
    context.beginPath();
    context.rect(edge, AXIS, view.width - edge, bottom - AXIS);
    context.clip();
    context.strokeStyle = "#98a2b314";
    for (let x = edge - (bottom - AXIS); x < view.width; x += 8) {
      context.beginPath();
      context.moveTo(x, bottom);
      context.lineTo(x + bottom - AXIS, AXIS);
      context.stroke();
    }
    context.restore();
  }
}
