"use client";
import { Pause, Play, Scissors, ZoomIn, ZoomOut } from "lucide-react";
import { useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";
import { Select } from "@/components/ui/select";
import { cn } from "@/lib/cn";
import type { Playhead } from "@/lib/player/playhead";
import { now } from "@/lib/time/clock";
import { around, type Selection } from "./selection";
import { RATES } from "./session";
import { zoomAround } from "./TimelineCanvas";
import type { ViewStore } from "./view-store";

// Controls that the timeline of one camera and that of several share.

export function PlayButton({ playing, onClick }: { playing: boolean; onClick: () => void }) {
  return (
    <Button variant="ghost" size="icon" aria-label={playing ? "Pause" : "Play"} title="Space" aria-keyshortcuts="Space" onClick={onClick} className="text-fg">
      {playing ? <Pause className="fill-current" aria-hidden /> : <Play className="fill-current" aria-hidden />}
    </Button>
  );
}

export function ZoomButtons({ store, playhead }: { store: ViewStore; playhead: Playhead }) {
  return (
    <>
      <Button variant="ghost" size="icon" aria-label="Zoom out" title="Zoom out  −" aria-keyshortcuts="-" onClick={() => zoomAround(store, playhead, 2)}>
        <ZoomOut aria-hidden />
      </Button>
      <Button variant="ghost" size="icon" aria-label="Zoom in" title="Zoom in  +" aria-keyshortcuts="+" onClick={() => zoomAround(store, playhead, 0.5)}>
        <ZoomIn aria-hidden />
      </Button>
    </>
  );
}

export function SpeedSelect({ rate, onChange, disabled = false }: { rate: number; onChange: (rate: number) => void; disabled?: boolean }) {
  return (
    <Select label="Speed" value={String(rate)} onChange={(event) => onChange(Number(event.target.value))} disabled={disabled} className={cn("w-[76px]", disabled && "opacity-45")}>
      {RATES.map((value) => (
        <option key={value} value={value}>
          {value} ×
        </option>
      ))}
    </Select>
  );
}

interface SelectButtonProps {
  selection: Selection;
  store: ViewStore;
  playhead: Playhead;
  className?: string;
}

/** Begins a selection around the playhead, or takes it away. */
export function SelectButton({ selection, store, playhead, className }: SelectButtonProps) {
  const range = useSyncExternalStore(selection.subscribe, selection.get, selection.get);
  return (
    <Button
      aria-pressed={range !== undefined}
      title="Mark start and end  I  O, or drag with Shift"
      aria-keyshortcuts="i o"
      onClick={() => selection.set(range ? undefined : around(playhead.wall, store.get().span, now()))}
      variant={range ? "pressed" : "outline"}
      className={className}
    >
      <Scissors aria-hidden />
      Select
    </Button>
  );
}
