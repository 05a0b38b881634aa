"use client";
import { CircleOff, Clapperboard, Maximize, Play } from "lucide-react";
import { type ReactNode, useEffect, useRef, useSyncExternalStore } from "react";
import { StatusDot } from "@/components/LiveVideo";
import { LiveWithFallback } from "@/components/LiveWithFallback";
import { Button } from "@/components/ui/button";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { duration } from "@/lib/time/duration";
import { clock, dateTime } from "@/lib/time/zone";
import type { Still } from "@/lib/player/recorded-player";
import type { TimelineRow } from "@/lib/timeline/decode";
import { nextRecorded, previousRecorded } from "./engine";
import { PreviewPicture } from "./PreviewPicture";
import type { Session } from "./session";
import { footageAt, gapSentence } from "./words";

interface PlayerProps {
  session: Session;
  camera: Camera;
  row: TimelineRow | undefined;
  className?: string;
}

/** The picture: live or recorded, and what there is to say when there is none. */
export function Player({ session, camera, row, className }: PlayerProps) {
  const state = useSyncExternalStore(session.subscribe, session.state, session.state);
  const stage = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => (video.current && stage.current && canvas.current ? session.attach(video.current, stage.current, stillOn(canvas.current)) : undefined), [session]);
  const live = state.mode === "live";
  const { phase } = state.recorded;
  const picture = phase === "playing" || phase === "paused" || phase === "seeking" || phase === "loading";
  return (
    <div ref={stage} className={cn("relative overflow-hidden bg-black", className)} data-mode={state.mode} data-phase={phase}>
      <video
        ref={video}
        playsInline
        muted={state.muted}
        aria-label={`Recording of ${camera.name}`}
        data-testid="recorded-video"
        className={cn("absolute inset-0 size-full object-contain", (live || !picture) && "invisible")}
        onClick={() => session.togglePlay()}
      />
      <canvas ref={canvas} aria-hidden className={cn("pointer-events-none absolute inset-0 hidden size-full object-contain", live && "invisible")} />
      {live && (
        <div className="absolute inset-0">
          <LiveWithFallback key={camera.id} camera={camera} muted={state.muted} />
        </div>
      )}
      <PeekOverlay session={session} camera={camera} row={row} />
      {!live && <RecordedOverlay session={session} row={row} camera={camera} />}
      <Button variant="overlay" size="icon" aria-label="Full screen" onClick={() => session.toggleFullscreen()} className="absolute right-2 top-2 md:hidden">
        <Maximize aria-hidden />
      </Button>
      <div className="pointer-events-none absolute left-2 top-2 z-[6] flex items-center gap-1.5">
        <span className="inline-flex h-6 items-center gap-1.5 rounded-sm bg-black/65 px-2 font-medium text-white">
          {live && <StatusDot tone={camera.state === "online" ? "live" : "bad"} />}
          {camera.name}
          {live && <span className="text-accent">Live</span>}
        </span>
        {!live && state.recorded.stream === "sub" && <span className="inline-flex h-6 items-center rounded-sm bg-black/65 px-2 text-xs text-detection">Small stream: this browser cannot play H.265</span>}
      </div>
    </div>
  );
}

function stillOn(canvas: HTMLCanvasElement): Still {
  return {
    keep(video) {
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d")?.drawImage(video, 0, 0);
      canvas.style.display = "block";
    },
    release() {
      canvas.style.display = "none";
    },
  };
}

/** While someone drags: the small picture of the instant, in place of the video. */
function PeekOverlay({ session, camera, row }: { session: Session; camera: Camera; row: TimelineRow | undefined }) {
  const t = useSyncExternalStore(session.peek.subscribe, session.peek.get, session.peek.get);
  const found = t === undefined ? undefined : footageAt(row, t);
  const gap = found?.what === "gap" ? gapSentence(found.reason, found.start, found.end) : found?.what === "nothing" ? "Nothing recorded" : undefined;
  return (
    <div className={cn("absolute inset-0 z-[5] bg-black", t === undefined && "hidden")} data-testid="peek">
      <PreviewPicture camera={camera.id} t={gap ? undefined : t} className="absolute inset-0 size-full" />
      {gap && <p className="absolute inset-0 grid place-items-center p-4 text-center font-medium text-white">{gap}</p>}
      {t !== undefined && <p className="absolute bottom-3 left-1/2 -translate-x-1/2 whitespace-nowrap rounded-sm bg-black/75 px-2.5 py-1 text-sm font-semibold text-white">{dateTime(t)}</p>}
    </div>
  );
}

function RecordedOverlay({ session, row, camera }: { session: Session; row: TimelineRow | undefined; camera: Camera }) {
  const { recorded, wantPlay, skipped } = useSyncExternalStore(session.subscribe, session.state, session.state);
  const { phase, reason } = recorded;
  if (phase === "nothing") return <NoFootage session={session} row={row} />;
  if (phase === "at_live") {
    return (
      <Message title="This moment is still being recorded">
        <Button variant="overlay" onClick={() => session.goLive()}>
          Watch live
        </Button>
      </Message>
    );
  }
  if (phase === "unsupported" || phase === "error") {
    return (
      <Message title={reason ?? "The recording cannot be played"} alert>
        {phase === "error" && (
          <Button variant="overlay" onClick={() => session.seek(session.playhead.wall)}>
            Try again
          </Button>
        )}
      </Message>
    );
  }
  return (
    <>
      {(phase === "loading" || phase === "seeking") && <Loading />}
      {phase === "paused" && !wantPlay && (
        <button
          type="button"
          aria-label={`Play the recording of ${camera.name}`}
          onClick={() => session.play()}
          className="absolute left-1/2 top-1/2 grid size-14 -translate-x-1/2 -translate-y-1/2 place-items-center rounded-full bg-black/60 text-white hover:bg-black/80"
        >
          <Play className="ml-0.5 size-6 fill-current" aria-hidden />
        </button>
      )}
      {skipped !== undefined && (
        <p role="status" className="absolute bottom-3 left-1/2 -translate-x-1/2 rounded-sm bg-black/75 px-2.5 py-1 text-xs text-white">
          Skipped {duration(skipped)} without footage
        </p>
      )}
    </>
  );
}

function NoFootage({ session, row }: { session: Session; row: TimelineRow | undefined }) {
  const t = session.playhead.wall;
  const found = footageAt(row, t);
  const next = row && nextRecorded(row.recordings, t);
  const previous = row && previousRecorded(row.recordings, t);
  const why = found?.what === "gap" && found.reason ? gapSentence(found.reason, found.start, found.end) : undefined;
  return (
    <Message title={`Nothing was recorded at ${clock(t)}`} detail={why}>
      {previous && (
        <Button variant="overlay" onClick={() => session.seek(Math.max(previous.start, previous.end - 10_000))}>
          Before: {clock(previous.end)}
        </Button>
      )}
      {next !== undefined && (
        <Button variant="overlay" onClick={() => session.seek(next)}>
          Next: {clock(next)}
        </Button>
      )}
    </Message>
  );
}

function Message({ title, detail, alert = false, children }: { title: string; detail?: string; alert?: boolean; children?: ReactNode }) {
  const Icon = alert ? CircleOff : Clapperboard;
  return (
    <div className="absolute inset-0 grid place-items-center p-4 text-center" role="status">
      <div>
        <Icon className={cn("mx-auto size-5", alert ? "text-alert" : "text-muted")} aria-hidden strokeWidth={1.5} />
        <p className="mt-2 max-w-sm text-balance font-medium text-white">{title}</p>
        {detail && <p className="mt-0.5 text-xs text-muted">{detail}</p>}
        {children && <div className="mt-3 flex flex-wrap justify-center gap-2">{children}</div>}
      </div>
    </div>
  );
}

function Loading() {
  return <span aria-hidden className="pointer-events-none absolute left-1/2 top-1/2 size-7 -translate-x-1/2 -translate-y-1/2 animate-spin rounded-full border-2 border-white/25 border-t-white" />;
}
