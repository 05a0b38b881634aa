"use client";
import type { ReadonlyURLSearchParams } from "next/navigation";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Failure } from "@/components/Notice";
import { useHotkeys } from "@/hooks/use-hotkeys";
import { useMedia } from "@/hooks/use-media";
import type { Camera } from "@/lib/api/types";
import { parseInstant, timelineHref } from "@/lib/links";
import { now } from "@/lib/time/clock";
import { Controls } from "./Controls";
import { neighbourEvent, reveal, type View } from "./engine";
import type { Mark } from "./paint";
import { Player } from "./Player";
import { type Selection, withEdge } from "./selection";
import { SelectionBar } from "./SelectionBar";
import { Session } from "./session";
import { TimelineCanvas, zoomAround } from "./TimelineCanvas";
import { useAddress } from "./use-address";
import { useAlerts } from "./use-alerts";
import { fpsOf, useSavePicture } from "./use-save-picture";
import { useTimelineData } from "./use-timeline-data";
import type { TimelineSlots } from "./TimelineView";

/** Where one comes from when the mode changes. */
export interface Place {
  camera: string;
  t: number | undefined;
  view: View;
}

interface SingleViewProps extends TimelineSlots {
  cameras: Camera[];
  params: ReadonlyURLSearchParams;
  marks: Map<string, Mark[]>;
  selection: Selection;
  from?: Place;
  onSync: (place: Place) => void;
}

/** Playing an event begins this much before it. */
const LEAD_MS = 2_000;

/** One camera in the player, all chosen cameras on the canvas, one playhead for both. */
export function SingleView({ cameras, params, marks, selection, from, onSync, below, actions }: SingleViewProps) {
  const shown = useShown(cameras, params.get("cameras"), params.get("camera"));
  const [session] = useState(() => {
    const t = from ? from.t : parseInstant(params.get("t"));
    const camera = from?.camera ?? params.get("camera") ?? params.get("cameras")?.split(",")[0];
    return new Session(shown.find((c) => c.id === camera)?.id ?? shown[0]!.id, t, !from && params.get("play") === "1", from?.view);
  });
  const state = useSyncExternalStore(session.subscribe, session.state, session.state);
  const second = useSyncExternalStore(session.playhead.onSecond, session.playhead.second, session.playhead.second);
  const ids = useMemo(() => shown.map((c) => c.id), [shown]);
  const data = useTimelineData(ids, session.view, second);
  const alerts = useAlerts(data.rows, marks);
  useEffect(() => session.setFootage(data.nextFootage, !data.loading), [session, data.nextFootage, data.loading]);
  useEffect(() => session.follow(), [session]);
  const listed = params.get("cameras")?.split(",");
  const href = (range = selection.get()) => {
    const { camera, mode } = session.state();
    return timelineHref({ camera, cameras: listed, t: mode === "live" ? undefined : session.playhead.wall, range });
  };
  const moved = useCallback(
    (write: () => void) => {
      const offs = [session.onMoved(write), selection.subscribe(write)];
      return () => offs.forEach((off) => off());
    },
    [session, selection],
  );
  useAddress(session, params, href, moved);

  const row = data.rows.get(state.camera);
  const jump = useCallback(
    (direction: 1 | -1) => {
      const i = row && neighbourEvent(row.events, session.playhead.wall + LEAD_MS, direction);
      if (row && i !== undefined) session.seek(row.events.start[i]! - LEAD_MS);
    },
    [row, session],
  );
  const phone = useMedia("(max-width: 56rem)");
  const camera = shown.find((c) => c.id === state.camera) ?? shown[0]!;
  const picture = useSavePicture(session, camera);
  const sync = cameras.length > 1 ? () => onSync({ camera: camera.id, t: state.mode === "live" ? undefined : session.playhead.wall, view: session.view.get() }) : undefined;
  useKeys(session, selection, shown, camera, { jump, save: picture.save, sync });

  return (
    <div className="flex flex-col md:h-full">
      <Player session={session} camera={camera} row={row} className="min-h-0 flex-1 max-md:sticky max-md:top-0 max-md:z-10 max-md:aspect-video max-md:flex-none" />
      <Controls session={session} selection={selection} cameras={shown} camera={camera} jump={jump} picture={picture} onSync={sync} phone={phone} />
      <SelectionBar selection={selection} href={href} actions={actions && ((range) => actions(range, [camera.id]))} />
      {data.error ? (
        <Failure error={data.error} retry={data.retry} className="py-6" />
      ) : (
        <div className="shrink-0 border-t border-line md:max-h-[45%] md:overflow-y-auto">
          <TimelineCanvas
            cameras={shown}
            rows={alerts.rows}
            marks={alerts.marks}
            store={session.view}
            rowHeight={phone ? 46 : 34}
            labels={phone ? "inside" : "side"}
            selected={state.camera}
            playhead={session.playhead}
            selection={selection}
            slider={`Time in the recordings of ${camera.name}`}
            onSelect={(id) => session.select(id)}
            onSeek={(t, id, how) => (how === "drag" ? session.scrub(t) : how === "drop" ? session.drop(t) : session.seek(t, id))}
            onEdge={(t) => (t === undefined ? session.peek.hide() : session.peek.show(t))}
          />
        </div>
      )}
      {phone && below?.(state.camera)}
    </div>
  );
}

/** Rows to show: the address's list, and always the camera it asks to play; unknown names are passed over. */
function useShown(cameras: Camera[], list: string | null, selected: string | null): Camera[] {
  return useMemo(() => {
    const wanted = list?.split(",");
    const some = wanted ? cameras.filter((c) => wanted.includes(c.id) || c.id === selected) : cameras;
    return some.length ? some : cameras;
  }, [cameras, list, selected]);
}

interface KeyActions {
  jump: (direction: 1 | -1) => void;
  save: () => void;
  sync?: () => void;
}

function useKeys(session: Session, selection: Selection, cameras: Camera[], camera: Camera, { jump, save, sync }: KeyActions) {
  const by = (ms: number) => () => session.seek(session.playhead.wall + ms, undefined, session.state().wantPlay);
  const fps = fpsOf(camera);
  useHotkeys({
    " ": () => session.togglePlay(),
    k: () => session.pause(),
    j: () => session.slower(),
    l: () => session.faster(),
    ",": () => session.step(-1, fps),
    ".": () => session.step(1, fps),
    ArrowLeft: by(-5_000),
    ArrowRight: by(5_000),
    "Shift+ArrowLeft": by(-60_000),
    "Shift+ArrowRight": by(60_000),
    "[": () => jump(-1),
    "]": () => jump(1),
    i: () => selection.set(withEdge(selection.get(), "from", session.shown(fps), now())),
    o: () => selection.set(withEdge(selection.get(), "to", session.shown(fps), now())),
    Escape: () => selection.set(undefined),
    p: save,
    s: () => sync?.(),
    n: () => session.goLive(),
    m: () => session.setMuted(!session.state().muted),
    f: () => session.toggleFullscreen(),
    "+": () => zoomAround(session.view, session.playhead, 0.5),
    "=": () => zoomAround(session.view, session.playhead, 0.5),
    "-": () => zoomAround(session.view, session.playhead, 2),
    Home: () => session.view.set(reveal(session.view.get(), now())),
    ...Object.fromEntries(cameras.slice(0, 9).map((c, i) => [String(i + 1), () => session.select(c.id)])),
  });
}
