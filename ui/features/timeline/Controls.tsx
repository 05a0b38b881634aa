"use client";
import { ChevronLeft, ChevronRight, Maximize, Pause, Play, Radio, SkipBack, SkipForward, Volume2, VolumeX, ZoomIn, ZoomOut } from "lucide-react";
import { useEffect, useRef, useSyncExternalStore } from "react";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Button } from "@/components/ui/button";
import { Select } from "@/components/ui/select";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { now } from "@/lib/time/clock";
import { addDays, clock, dayLabel, dayStart, isoDay, parseDay, zoneName } from "@/lib/time/zone";
import { RATES, type Session } from "./session";
import { zoomAround } from "./TimelineCanvas";

interface ControlsProps {
  session: Session;
  cameras: Camera[];
  camera: Camera;
  jump: (direction: 1 | -1) => void;
  phone: boolean;
}

export function Controls({ session, cameras, camera, jump, phone }: ControlsProps) {
  const state = useSyncExternalStore(session.subscribe, session.state, session.state);
  const live = state.mode === "live";
  return (
    <>
      <HeaderSlot>{!phone && <DayPicker session={session} />}</HeaderSlot>
      {phone && (
        <div className="flex items-center justify-between gap-2 border-t border-line bg-surface px-2 pt-1.5">
          <DayPicker session={session} />
          <CameraSelect cameras={cameras} camera={camera} session={session} className="min-w-0 flex-1" />
        </div>
      )}
      <div role="toolbar" aria-label="Playback" className="flex shrink-0 items-center gap-1 border-t border-line bg-surface px-2 py-1.5 max-md:border-t-0 md:py-1">
        <Button variant="ghost" size="icon" aria-label="Previous event" title="Previous event  [" aria-keyshortcuts="[" onClick={() => jump(-1)}>
          <SkipBack aria-hidden />
        </Button>
        <Button variant="ghost" size="icon" aria-label={state.wantPlay ? "Pause" : "Play"} title="Space" aria-keyshortcuts="Space" onClick={() => session.togglePlay()} className="text-fg">
          {state.wantPlay ? <Pause className="fill-current" aria-hidden /> : <Play className="fill-current" aria-hidden />}
        </Button>
        <Button variant="ghost" size="icon" aria-label="Next event" title="Next event  ]" aria-keyshortcuts="]" onClick={() => jump(1)}>
          <SkipForward aria-hidden />
        </Button>
        <WallClock session={session} />
        <div className="flex-1" />
        {!phone && (
          <>
            <CameraSelect cameras={cameras} camera={camera} session={session} className="w-44" />
            <Button variant="ghost" size="icon" aria-label="Zoom out" title="Zoom out  −" aria-keyshortcuts="-" onClick={() => zoomAround(session.view, session.playhead, 2)}>
              <ZoomOut aria-hidden />
            </Button>
            <Button variant="ghost" size="icon" aria-label="Zoom in" title="Zoom in  +" aria-keyshortcuts="+" onClick={() => zoomAround(session.view, session.playhead, 0.5)}>
              <ZoomIn aria-hidden />
            </Button>
            <Select label="Speed" value={String(state.rate)} onChange={(event) => session.setRate(Number(event.target.value))} disabled={live} className={cn("w-[76px]", live && "opacity-45")}>
              {RATES.map((rate) => (
                <option key={rate} value={rate}>
                  {rate} ×
                </option>
              ))}
            </Select>
          </>
        )}
        <Button variant="ghost" size="icon" aria-label={state.muted ? "Sound on" : "Sound off"} aria-pressed={!state.muted} title="Sound  M" onClick={() => session.setMuted(!state.muted)}>
          {state.muted ? <VolumeX aria-hidden /> : <Volume2 aria-hidden />}
        </Button>
        {!phone && (
          <Button variant="ghost" size="icon" aria-label="Full screen" title="Full screen  F" onClick={() => session.toggleFullscreen()}>
            <Maximize aria-hidden />
          </Button>
        )}
        <Button aria-pressed={live} title="Now  N" aria-keyshortcuts="n" onClick={() => session.goLive()} className={cn(live && "border-accent/50 bg-accent/10 text-accent hover:bg-accent/10")}>
          <Radio aria-hidden />
          Live
        </Button>
      </div>
    </>
  );
}

/** Exact wall clock of the picture, written each frame without React. */
function WallClock({ session }: { session: Session }) {
  const day = useRef<HTMLSpanElement>(null);
  const time = useRef<HTMLTimeElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = () => {
      frame = requestAnimationFrame(draw);
      const wall = session.playhead.wall;
      const text = clock(wall);
      if (!time.current || !day.current || time.current.textContent === text) return;
      time.current.textContent = text;
      time.current.dateTime = new Date(wall).toISOString();
      day.current.textContent = dayLabel(wall);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [session]);
  return (
    <span className="ml-1 whitespace-nowrap leading-tight" title={zoneName()} data-testid="wall-clock">
      <time ref={time} className="text-lg font-semibold" />
      <span ref={day} className="text-xs text-muted max-md:block md:ml-2" />
    </span>
  );
}

function CameraSelect({ cameras, camera, session, className }: { cameras: Camera[]; camera: Camera; session: Session; className?: string }) {
  return (
    <Select label="Camera" value={camera.id} onChange={(event) => session.select(event.target.value)} className={className}>
      {cameras.map((c) => (
        <option key={c.id} value={c.id}>
          {c.name}
        </option>
      ))}
    </Select>
  );
}

/** The day near the right edge of the view (near, for days of 23 hours), so that just after midnight it is today. */
function DayPicker({ session }: { session: Session }) {
  const shown = useSyncExternalStore(
    session.view.subscribe,
    () => dayStart(Math.min(session.view.get().t0 + session.view.get().span * 0.9, now())),
    () => 0,
  );
  const today = dayStart(now());
  return (
    <div className="flex items-center gap-0.5">
      <Button variant="ghost" size="icon" aria-label="Previous day" onClick={() => session.goDay(addDays(shown, -1))} className="md:size-7">
        <ChevronLeft aria-hidden />
      </Button>
      <input
        type="date"
        aria-label="Day"
        value={isoDay(shown)}
        max={isoDay(today)}
        onChange={(event) => {
          const day = parseDay(event.target.value);
          if (day !== undefined && day <= today) session.goDay(day);
        }}
        className="h-control rounded-md border border-line bg-raised px-2 text-fg hover:bg-overlay md:h-7"
      />
      <Button variant="ghost" size="icon" aria-label="Next day" disabled={shown >= today} onClick={() => session.goDay(addDays(shown, 1))} className="md:size-7">
        <ChevronRight aria-hidden />
      </Button>
    </div>
  );
}
