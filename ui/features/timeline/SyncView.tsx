"use client";
import { Columns2 } from "lucide-react";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { ReadonlyURLSearchParams } from "next/navigation";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Failure } from "@/components/Notice";
import { Button } from "@/components/ui/button";
import { Chip } from "@/components/ui/chip";
import { useHotkeys } from "@/hooks/use-hotkeys";
import { useMedia } from "@/hooks/use-media";
import { sentence } from "@/lib/api/errors";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { parseInstant, timelineHref } from "@/lib/links";
import { MAX_SYNC } from "@/lib/player/sync-player";
import { now } from "@/lib/time/clock";
import { duration } from "@/lib/time/duration";
import { DayPicker } from "./DayPicker";
import type { Mark } from "./paint";
import { type Selection, withEdge } from "./selection";
import { SelectionBar } from "./SelectionBar";
import { RATES } from "./session";
import type { Place } from "./SingleView";
import { SyncSession } from "./sync-session";
import { SyncTile } from "./SyncTile";
import type { TimelineSlots } from "./TimelineView";
import { TimelineCanvas, zoomAround } from "./TimelineCanvas";
import { useWrittenAddress } from "./use-address";
import { useAlerts } from "./use-alerts";
import { useTimelineData } from "./use-timeline-data";
import { PlayButton, SelectButton, SpeedSelect, ZoomButtons } from "./ViewButtons";
import { WallClock } from "./WallClock";

interface SyncViewProps extends TimelineSlots {
  cameras: Camera[];
  params: ReadonlyURLSearchParams;
  chosen: string[];
  marks: Map<string, Mark[]>;
  selection: Selection;
  from?: Place;
  onChosen: (cameras: string[]) => void;
  onLeave: (place: Place) => void;
}

/** Two to four cameras by one clock: one playhead, one transport. */
export function SyncView({ cameras, params, chosen, marks, selection, from, onChosen, onLeave, actions }: SyncViewProps) {
  const [session] = useState(() => new SyncSession(from?.t ?? parseInstant(params.get("t")), from?.view));
  const { player, playhead, view } = session;
  const [heard, setHeard] = useState<string>();
  const state = useSyncExternalStore(player.subscribe, player.state, player.state);
  const second = useSyncExternalStore(playhead.onSecond, playhead.second, playhead.second);
  const data = useTimelineData(chosen, view, second);
  const alerts = useAlerts(data.rows, marks);
  const shown = useMemo(() => chosen.map((id) => cameras.find((c) => c.id === id)).filter((c) => c !== undefined), [chosen, cameras]);
  useEffect(() => session.setFootage(chosen, data.nextFootage), [session, chosen, data.nextFootage]);
  const playFirst = useRef(params.get("play") === "1");
  useEffect(() => {
    // Tiles have attached their videos by now: effects of children run first.
    player.open(playhead.wall, playFirst.current || player.state().wantPlay);
    playFirst.current = false;
  }, [player, playhead, chosen]);
  useEffect(() => session.run(), [session]);

  const href = (range = selection.get()) => timelineHref({ sync: chosen, t: playhead.wall, range });
  const moved = useCallback((write: () => void) => selection.subscribe(write), [selection]);
  useWrittenAddress(href, moved);
  const leave = () => onLeave({ camera: heard ?? chosen[0]!, t: playhead.wall, view: view.get() });
  useKeys(session, selection, leave);
  const phone = useMedia("(max-width: 56rem)");
  const days = <DayPicker store={view} playhead={playhead} camera={shown[0] ?? cameras[0]!} onDay={(day) => session.goDay(day)} />;
  const chips = <CameraChips cameras={cameras} chosen={chosen} onChosen={onChosen} />;

  return (
    <div className="flex flex-col md:h-full">
      <HeaderSlot>{!phone && <>{days}{chips}</>}</HeaderSlot>
      <div className={cn("relative grid min-h-0 flex-1 gap-0.5 bg-black max-md:sticky max-md:top-0 max-md:z-10 max-md:flex-none", shown.length > 2 ? "grid-cols-2 md:grid-rows-2" : "md:grid-cols-2")}>
        {shown.map((camera) => (
          <SyncTile key={camera.id} player={player} playhead={playhead} camera={camera} row={data.rows.get(camera.id)} heard={camera.id === heard} small={shown.length > 2} onHear={() => setHeard(camera.id === heard ? undefined : camera.id)} />
        ))}
        <Note session={session} />
      </div>
      {phone && (
        <div className="flex flex-col gap-1.5 border-t border-line bg-surface px-2 pt-1.5">
          {chips}
          <div className="flex gap-1.5">
            {days}
            <SelectButton selection={selection} store={view} playhead={playhead} className="flex-1" />
          </div>
        </div>
      )}
      <div role="toolbar" aria-label="Playback" className="flex shrink-0 items-center gap-1 border-t border-line bg-surface px-2 py-1.5 max-md:border-t-0 md:py-1">
        <PlayButton playing={state.wantPlay} onClick={() => session.togglePlay()} />
        <WallClock playhead={playhead} />
        {!phone && <Skew session={session} />}
        <div className="flex-1" />
        {!phone && <SelectButton selection={selection} store={view} playhead={playhead} />}
        {!phone && <ZoomButtons store={view} playhead={playhead} />}
        <SpeedSelect rate={state.rate} onChange={(rate) => player.setRate(rate)} />
        <Button aria-pressed title="Back to one camera  S" aria-keyshortcuts="s" onClick={leave} variant="pressed">
          <Columns2 aria-hidden />
          Sync
        </Button>
      </div>
      <SelectionBar selection={selection} href={href} actions={actions && ((range) => actions(range, chosen))} />
      {data.error ? (
        <Failure error={data.error} retry={data.retry} className="py-6" />
      ) : (
        <div className="shrink-0 border-t border-line md:max-h-[45%] md:overflow-y-auto">
          <TimelineCanvas
            cameras={shown}
            rows={alerts.rows}
            marks={alerts.marks}
            store={view}
            rowHeight={phone ? 46 : 34}
            labels={phone ? "inside" : "side"}
            selected={chosen[0]}
            playhead={playhead}
            selection={selection}
            slider="Time in the recordings of all chosen cameras"
            onSeek={(t, _, how) => (how === "drag" ? session.scrub(t) : how === "drop" ? session.drop(t) : session.seek(t))}
          />
        </div>
      )}
    </div>
  );
}

/** Which cameras play together: two at least, four at most. */
function CameraChips({ cameras, chosen, onChosen }: Pick<SyncViewProps, "cameras" | "chosen" | "onChosen">) {
  return (
    <div role="group" aria-label="Cameras played together" className="flex min-w-0 gap-1.5 overflow-x-auto [scrollbar-width:none]">
      {cameras.map((camera) => {
        const pressed = chosen.includes(camera.id);
        const fixed = pressed ? chosen.length <= 2 : chosen.length >= MAX_SYNC;
        return (
          <Chip
            key={camera.id}
            pressed={pressed}
            aria-disabled={fixed}
            title={fixed ? (pressed ? "At least two cameras" : "At most four cameras") : undefined}
            onClick={() => !fixed && onChosen(pressed ? chosen.filter((id) => id !== camera.id) : [...chosen, camera.id])}
            className={cn("md:h-7", fixed && !pressed && "opacity-45")}
          >
            {camera.name}
          </Chip>
        );
      })}
    </div>
  );
}

/** Over all tiles: what holds for the group as a whole. */
function Note({ session }: { session: SyncSession }) {
  const { phase, error, skipped, waiting } = useSyncExternalStore(session.player.subscribe, session.player.state, session.player.state);
  let text: ReactNode;
  if (phase === "error") text = sentence(error);
  else if (phase === "at_live") text = "What follows is still being recorded.";
  else if (phase === "ended") text = "None of these cameras recorded anything after this.";
  else if (skipped !== undefined) text = `Skipped ${duration(skipped)} without footage`;
  else if (waiting) text = "Waiting for a camera's footage";
  if (!text) return null;
  return (
    <div role={phase === "error" ? "alert" : "status"} className="absolute bottom-3 left-1/2 flex max-w-[90%] -translate-x-1/2 items-center gap-3 rounded-md bg-black/80 px-3 py-1.5 text-white">
      {text}
      {phase === "error" && (
        <Button variant="overlay" onClick={() => session.seek(session.playhead.wall)}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** How far apart the pictures are, for those who must rely on it. */
function Skew({ session }: { session: SyncSession }) {
  useSyncExternalStore(session.playhead.onSecond, session.playhead.second, session.playhead.second);
  const following = Object.values(session.player.state().tiles).filter((t) => t.phase === "following").length;
  if (following < 2) return null;
  return (
    <span className="ml-2 text-xs text-muted" title="Largest distance between the position of a video and the clock" data-testid="skew">
      in step within {Math.max(10, Math.ceil(session.player.skew / 10) * 10)} ms
    </span>
  );
}

function useKeys(session: SyncSession, selection: Selection, leave: () => void) {
  const { player, playhead, view } = session;
  const by = (ms: number) => () => session.seek(playhead.wall + ms);
  const rate = (step: number) => player.setRate(RATES[Math.max(0, Math.min(RATES.length - 1, RATES.indexOf(player.state().rate) + step))] ?? 1);
  useHotkeys({
    " ": () => session.togglePlay(),
    k: () => player.pause(),
    j: () => rate(-1),
    l: () => (player.state().wantPlay ? rate(1) : player.play()),
    ",": by(-1000 / 15),
    ".": by(1000 / 15),
    ArrowLeft: by(-5_000),
    ArrowRight: by(5_000),
    "Shift+ArrowLeft": by(-60_000),
    "Shift+ArrowRight": by(60_000),
    i: () => selection.set(withEdge(selection.get(), "from", playhead.wall, now())),
    o: () => selection.set(withEdge(selection.get(), "to", playhead.wall, now())),
    Escape: () => selection.set(undefined),
    s: leave,
    "+": () => zoomAround(view, playhead, 0.5),
    "=": () => zoomAround(view, playhead, 0.5),
    "-": () => zoomAround(view, playhead, 2),
  });
}
