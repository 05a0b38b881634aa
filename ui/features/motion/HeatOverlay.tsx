"use client";
import { useEffect, useRef } from "react";
import type { Heatmap } from "@/lib/api/types";
import { heatOf, hottest } from "./moments";

/** Blue, amber, red, as heat rises; what never moved stays clear. */
function colour(heat: number): [number, number, number, number] {
  if (heat <= 0) return [0, 0, 0, 0];
  const stops: [number, number, number][] = [[60, 120, 220], [240, 169, 59], [242, 60, 60]];
  const place = heat * 2;
  const [a, b] = [stops[Math.min(1, Math.floor(place))]!, stops[Math.min(2, Math.floor(place) + 1)]!];
  const part = place - Math.min(1, Math.floor(place));
  const mix = (i: 0 | 1 | 2) => a[i] + (b[i] - a[i]) * Math.min(1, part);
  return [mix(0), mix(1), mix(2), 45 + 105 * heat];
}

/** Where in the picture something moved, over the picture. */
export function HeatOverlay({ heat }: { heat: Heatmap }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const image = context.createImageData(heat.columns, heat.rows);
    heatOf(heat).forEach((value, i) => image.data.set(colour(value), 4 * i));
    context.putImageData(image, 0, 0);
  }, [heat]);
  const where = hottest(heat);
  return (
    <>
      <canvas ref={canvas} width={heat.columns} height={heat.rows} aria-hidden data-testid="heat" className="pointer-events-none absolute inset-0 size-full" />
      <span className="sr-only" role="status">
        {where ? `Most moved in the ${where} of the picture.` : "Nothing moved in this time."}
      </span>
    </>
  );
}
