"use client";
import { CircleOff, Volume2, VolumeX } from "lucide-react";
import { useEffect, useRef, useSyncExternalStore } from "react";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import type { Playhead } from "@/lib/player/playhead";
import type { SyncPlayer } from "@/lib/player/sync-player";
import { clock } from "@/lib/time/zone";
import type { TimelineRow } from "@/lib/timeline/decode";
import { nextRecorded } from "./engine";
import { footageAt, gapLength, gapSentence } from "./words";

interface SyncTileProps {
  player: SyncPlayer;
  playhead: Playhead;
  camera: Camera;
  row: TimelineRow | undefined;
  heard: boolean;
  /** on a phone, one of four has room for a line only */
  small: boolean;
  onHear: () => void;
}

/** One camera of the group: its picture, or why it has none at this moment. */
export function SyncTile({ player, playhead, camera, row, heard, small, onHear }: SyncTileProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => (video.current ? player.attach(camera.id, video.current) : undefined), [player, camera.id]);
  const state = useSyncExternalStore(player.subscribe, player.state, player.state);
  const tile = state.tiles[camera.id];
  const hasSound = camera.streams.some((s) => s.role === "main" && s.audio);
  const away = tile?.phase === "gap" || tile?.phase === "failed";
  const busy = state.phase === "loading" || (state.phase === "ready" && (!tile || tile.phase === "loading" || tile.phase === "buffering"));
  return (
    <figure aria-label={camera.name} data-testid="sync-tile" data-tile-phase={tile?.phase ?? "loading"} className="relative min-h-0 overflow-hidden bg-black max-md:aspect-video">
      <video ref={video} playsInline muted={!heard} aria-label={`Recording of ${camera.name}`} data-testid="sync-video" data-camera={camera.id} className={cn("absolute inset-0 size-full object-contain", away && "invisible")} />
      {busy && !away && <span aria-hidden className="absolute left-1/2 top-1/2 size-6 -translate-x-1/2 -translate-y-1/2 animate-spin rounded-full border-2 border-white/25 border-t-white" />}
      {tile?.phase === "gap" && <Gap playhead={playhead} row={row} small={small} />}
      {tile?.phase === "failed" && (
        <p role="alert" className="absolute inset-0 grid place-content-center justify-items-center gap-1.5 p-4 text-center text-white">
          <CircleOff className="size-5 text-alert" aria-hidden strokeWidth={1.5} />
          {tile.reason}
        </p>
      )}
      <figcaption className="absolute left-2 top-2 flex items-center gap-1.5">
        <span className="inline-flex h-6 items-center rounded-sm bg-black/65 px-2 font-medium text-white">{camera.name}</span>
        {tile?.stream === "sub" && <span className="inline-flex h-6 items-center rounded-sm bg-black/65 px-2 text-xs text-detection">Small stream</span>}
      </figcaption>
      {hasSound && (
        <button
          type="button"
          aria-pressed={heard}
          aria-label={heard ? `Sound of ${camera.name} off` : `Hear ${camera.name}`}
          onClick={onHear}
          className={cn("absolute right-2 top-2 grid size-8 place-items-center rounded-sm bg-black/65 after:absolute after:-inset-2 after:content-['']", heard ? "text-accent" : "text-white/70 hover:text-white")}
        >
          {heard ? <Volume2 className="size-4" aria-hidden /> : <VolumeX className="size-4" aria-hidden />}
        </button>
      )}
    </figure>
  );
}

/** The gap's sentence, and when this camera comes back. */
function Gap({ playhead, row, small }: { playhead: Playhead; row: TimelineRow | undefined; small: boolean }) {
  const second = useSyncExternalStore(playhead.onSecond, playhead.second, playhead.second);
  const found = footageAt(row, second);
  const next = row && nextRecorded(row.recordings, second);
  return (
    <div role="status" className="absolute inset-0 grid place-content-center justify-items-center gap-0.5 bg-[repeating-linear-gradient(135deg,#7a353c22_0_3px,transparent_3px_12px)] p-4 text-center max-md:px-2 max-md:pb-1 max-md:pt-9">
      <p className={cn("font-medium text-white", small && "max-md:text-xs")}>{found?.what === "gap" ? gapSentence(found.reason, found.start, found.end) : "Nothing recorded"}</p>
      <p className={cn("text-xs text-muted", small && "max-md:hidden")}>
        {found?.what === "gap" && `${gapLength(found.start, found.end)} without footage`}
        {next !== undefined && next > second && `${found?.what === "gap" ? ", back" : "Back"} at ${clock(next)}`}
      </p>
    </div>
  );
}
