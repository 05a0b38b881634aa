"use client";
import { Camera as CameraIcon, Columns2, Maximize, Radio, ScanSearch, SkipBack, SkipForward, Volume2, VolumeX } from "lucide-react";
import Link from "next/link";
import { useSyncExternalStore } from "react";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Button, buttonClass } from "@/components/ui/button";
import { Select } from "@/components/ui/select";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { motionHref } from "@/lib/links";
import { DayPicker } from "./DayPicker";
import type { Selection } from "./selection";
import type { Session } from "./session";
import { PlayButton, SelectButton, SpeedSelect, ZoomButtons } from "./ViewButtons";
import { WallClock } from "./WallClock";

interface ControlsProps {
  session: Session;
  selection: Selection;
  cameras: Camera[];
  camera: Camera;
  jump: (direction: 1 | -1) => void;
  picture: { save: () => void; busy: boolean };
  /** absent where there is only one camera */
  onSync?: () => void;
  phone: boolean;
}

export function Controls({ session, selection, cameras, camera, jump, picture, onSync, phone }: ControlsProps) {
  const state = useSyncExternalStore(session.subscribe, session.state, session.state);
  const live = state.mode === "live";
  const days = <DayPicker store={session.view} playhead={session.playhead} camera={camera} onDay={(day) => session.goDay(day)} />;
  const tools = (
    <>
      <SelectButton selection={selection} store={session.view} playhead={session.playhead} className={cn(phone && "flex-1")} />
      <Button title="Save this picture  P" aria-keyshortcuts="p" disabled={picture.busy} onClick={picture.save} className={cn(phone && "flex-1")}>
        <CameraIcon aria-hidden />
        <span className="md:max-lg:sr-only">Save picture</span>
      </Button>
      <MotionLink session={session} camera={camera} phone={phone} />
      {onSync && (
        <Button title="Several cameras at the same time  S" aria-keyshortcuts="s" onClick={onSync} className={cn(phone && "flex-1")}>
          <Columns2 aria-hidden />
          Sync
        </Button>
      )}
    </>
  );
  return (
    <>
      <HeaderSlot>{!phone && days}</HeaderSlot>
      {phone && (
        <div className="flex items-center justify-between gap-2 border-t border-line bg-surface px-2 pt-1.5">
          {days}
          <CameraSelect cameras={cameras} camera={camera} session={session} className="min-w-0 flex-1" />
        </div>
      )}
      <div role="toolbar" aria-label="Playback" className="flex shrink-0 items-center gap-1 border-t border-line bg-surface px-2 py-1.5 max-md:border-t-0 md:py-1">
        <Button variant="ghost" size="icon" aria-label="Previous event" title="Previous event  [" aria-keyshortcuts="[" onClick={() => jump(-1)}>
          <SkipBack aria-hidden />
        </Button>
        <PlayButton playing={state.wantPlay} onClick={() => session.togglePlay()} />
        <Button variant="ghost" size="icon" aria-label="Next event" title="Next event  ]" aria-keyshortcuts="]" onClick={() => jump(1)}>
          <SkipForward aria-hidden />
        </Button>
        <WallClock playhead={session.playhead} />
        <div className="flex-1" />
        {!phone && (
          <>
            {tools}
            <CameraSelect cameras={cameras} camera={camera} session={session} className="ml-1 w-36 lg:w-44" />
            <ZoomButtons store={session.view} playhead={session.playhead} />
            <SpeedSelect rate={state.rate} onChange={(rate) => session.setRate(rate)} disabled={live} />
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
        <Button aria-pressed={live} title="Now  N" aria-keyshortcuts="n" onClick={() => session.goLive()} variant={live ? "pressed" : "outline"}>
          <Radio aria-hidden />
          Live
        </Button>
      </div>
      {phone && <div className="flex gap-1.5 bg-surface px-2 pb-1.5">{tools}</div>}
    </>
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

/** The search looks back from the time one is at. */
function MotionLink({ session, camera, phone }: { session: Session; camera: Camera; phone: boolean }) {
  const { mode } = useSyncExternalStore(session.subscribe, session.state, session.state);
  const second = useSyncExternalStore(session.playhead.onSecond, session.playhead.second, session.playhead.second);
  return (
    <Link href={motionHref(camera.id, mode === "live" ? undefined : second)} prefetch={false} title="When something moved in a part of the picture" className={buttonClass({ className: cn(phone && "flex-1") })}>
      <ScanSearch aria-hidden />
      <span className={cn(phone ? "sr-only" : "md:max-lg:sr-only")}>Search motion</span>
    </Link>
  );
}
