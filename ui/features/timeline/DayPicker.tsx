"use client";
import { CalendarDays, ChevronLeft, ChevronRight } from "lucide-react";
import dynamic from "next/dynamic";
import { useCallback, useSyncExternalStore } from "react";
import { Popover } from "@/components/Popover";
import { Button } from "@/components/ui/button";
import type { Playhead } from "@/lib/player/playhead";
import { now } from "@/lib/time/clock";
import { addDays, dayLabel, dayStart } from "@/lib/time/zone";
import type { ViewStore } from "./view-store";

// Loaded when it is opened; its place is kept, so that nothing jumps.
const Calendar = dynamic(() => import("./Calendar").then((module) => module.Calendar), { loading: () => <div className="h-[340px]" /> });

interface DayPickerProps {
  store: ViewStore;
  playhead: Playhead;
  /** whose coverage is shown */
  camera: { id: string; name: string };
  onDay: (day: number) => void;
}

/** The day of the playhead while it is in sight, else the one near the right edge (near, for days of 23 hours). */
export function DayPicker({ store, playhead, camera, onDay }: DayPickerProps) {
  const shown = useSyncExternalStore(
    useCallback(
      (listener) => {
        const offs = [store.subscribe(listener), playhead.onSecond(listener)];
        return () => offs.forEach((off) => off());
      },
      [store, playhead],
    ),
    () => {
      const { t0, span } = store.get();
      const { wall } = playhead;
      return dayStart(wall >= t0 && wall <= t0 + span ? wall : Math.min(t0 + span * 0.9, now()));
    },
    () => 0,
  );
  const today = dayStart(now());
  return (
    <div className="flex items-center gap-0.5">
      <Button variant="ghost" size="icon" aria-label="Previous day" onClick={() => onDay(addDays(shown, -1))} className="md:size-7">
        <ChevronLeft aria-hidden />
      </Button>
      <Popover
        label={`Days recorded by ${camera.name}`}
        trigger={
          <>
            <CalendarDays aria-hidden />
            <span className="sr-only">Choose a day, shown is </span>
            {dayLabel(shown)}
          </>
        }
        className="px-2.5 md:h-7"
        panelClassName="w-[300px]"
      >
        {(close) => (
          <Calendar
            day={shown}
            today={today}
            camera={camera}
            onDay={(day) => {
              onDay(day);
              close();
            }}
          />
        )}
      </Popover>
      <Button variant="ghost" size="icon" aria-label="Next day" disabled={shown >= today} onClick={() => onDay(addDays(shown, 1))} className="md:size-7">
        <ChevronRight aria-hidden />
      </Button>
    </div>
  );
}
