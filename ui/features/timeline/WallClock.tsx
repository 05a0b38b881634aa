"use client";
import { useEffect, useRef } from "react";
import type { Playhead } from "@/lib/player/playhead";
import { clock, dayLabel, zoneName } from "@/lib/time/zone";

/** Exact wall clock of the picture, written each frame without React. */
export function WallClock({ playhead }: { playhead: Playhead }) {
  const day = useRef<HTMLSpanElement>(null);
  const time = useRef<HTMLTimeElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      frame = requestAnimationFrame(draw);
      const { wall } = playhead;
      const text = clock(wall);
      if (!time.current || !day.current || time.current.textContent === text) return;
      time.current.textContent = text;
      time.current.dateTime = new Date(wall).toISOString();
      day.current.textContent = dayLabel(wall);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [playhead]);
  return (
    <span className="ml-1 whitespace-nowrap leading-tight" title={zoneName()} data-testid="wall-clock">
      <time ref={time} className="text-lg font-semibold" />
      <span ref={day} className="text-xs text-muted max-md:block md:ml-2" />
    </span>
  );
}
