"use client";
import { type ReadonlyURLSearchParams, useSearchParams } from "next/navigation";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Failure, Notice } from "@/components/Notice";
import { Skeleton } from "@/components/ui/skeleton";
import { Cctv } from "lucide-react";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useHotkeys } from "@/hooks/use-hotkeys";
import { useMedia } from "@/hooks/use-media";
import type { Camera } from "@/lib/api/types";
import { parseInstant, timelineHref } from "@/lib/links";
import { now } from "@/lib/time/clock";
import { Controls } from "./Controls";
import { neighbourEvent, reveal } from "./engine";
import { Player } from "./Player";
import { Session } from "./session";
import { TimelineCanvas, zoomAround } from "./TimelineCanvas";
import { useTimelineData } from "./use-timeline-data";

interface TimelineViewProps {
  /** what a phone shows below the canvas, where a desk has no room */
  below?: (camera: string) => ReactNode;
}

/** Playing an event begins this much before it. */
const LEAD_MS = 2_000;

/** Page "Timeline": one camera in the player, all chosen cameras on the canvas, one playhead for both. */
export function TimelineView({ below }: TimelineViewProps) {
  const boot = useBootstrap();
  const cameras = boot.data?.cameras;
  if (!cameras) return <TimelineSkeleton />;
  if (cameras.length === 0) {
    return (
      <Notice icon={Cctv} title="No camera is set up yet" className="h-full">
        Recordings appear here once a camera is in config.yaml.
      </Notice>
    );
  }
  return <Loaded cameras={cameras} below={below} />;
}

function Loaded({ cameras, below }: { cameras: Camera[] } & TimelineViewProps) {
  const params = useSearchParams();
  const shown = useShown(cameras, params.get("cameras"), params.get("camera"));
  const [session] = useState(() => {
    const t = parseInstant(params.get("t"));
    const camera = params.get("camera") ?? params.get("cameras")?.split(",")[0];
    return new Session(shown.find((c) => c.id === camera)?.id ?? shown[0]!.id, t, params.get("play") === "1");
  });
  const state = useSyncExternalStore(session.subscribe, session.state, session.state);
  const second = useSyncExternalStore(session.playhead.onSecond, session.playhead.second, session.playhead.second);
  const ids = useMemo(() => shown.map((c) => c.id), [shown]);
  const data = useTimelineData(ids, session.view, second);
  useEffect(() => session.setFootage(data.nextFootage, !data.loading), [session, data.nextFootage, data.loading]);
  useEffect(() => session.follow(), [session]);
  useAddress(session, params);

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
  useTimelineKeys(session, shown, jump, camera);

  return (
    <div className="flex flex-col md:h-full">
      <Player session={session} camera={camera} row={row} className="min-h-0 flex-1 max-md:sticky max-md:top-0 max-md:z-10 max-md:aspect-video max-md:flex-none" />
      <Controls session={session} cameras={shown} camera={camera} jump={jump} phone={phone} />
      {data.error ? (
        <Failure error={data.error} retry={data.retry} className="py-6" />
      ) : (
        <div
          className="shrink-0 border-t border-line md:max-h-[45%] md:overflow-y-auto"
        >
          <TimelineCanvas
            cameras={shown}
            rows={data.rows}
            store={session.view}
            rowHeight={phone ? 46 : 34}
            labels={phone ? "inside" : "side"}
            selected={state.camera}
            playhead={session.playhead}
            slider={`Time in the recordings of ${camera.name}`}
            onSelect={(id) => session.select(id)}
            onSeek={(t, id, done) => (done ? session.seek(t, id) : session.scrub(t))}
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

/** Keeps the address telling where one is, so that reload and a shared link come back here; and follows a link that says otherwise. */
function useAddress(session: Session, params: ReadonlyURLSearchParams) {
  const address = params.toString();
  const cameras = params.get("cameras");
  // The router reports our own writes late, one render each: those are not links, and must not move anything.
  const written = useRef<string[]>([address]);
  useEffect(() => {
    if (written.current.includes(address)) return;
    written.current = [address];
    const link = new URLSearchParams(address);
    const t = parseInstant(link.get("t"));
    const camera = link.get("camera") ?? undefined;
    if (t === undefined) session.goLive(camera);
    else session.seek(t, camera, link.get("play") === "1");
  }, [session, address]);
  useEffect(() => {
    const write = () => {
      const { camera, mode } = session.state();
      const query = timelineHref({ camera, cameras: cameras?.split(","), t: mode === "live" ? undefined : session.playhead.wall }).split("?")[1] ?? "";
      const text = new URLSearchParams(query).toString();
      if (text === written.current.at(-1)) return;
      // A link to play is forgotten as soon as we moved on, so that the same one works again.
      written.current = [...written.current.slice(-50).filter((a) => !a.includes("play=")), text];
      window.history.replaceState(null, "", `${window.location.pathname}?${query}`);
    };
    const off = session.onMoved(write);
    const timer = setInterval(write, 5_000);
    return () => {
      off();
      clearInterval(timer);
    };
  }, [session, cameras]);
}

function useTimelineKeys(session: Session, cameras: Camera[], jump: (direction: 1 | -1) => void, camera: Camera) {
  const by = (ms: number) => () => session.seek(session.playhead.wall + ms, undefined, session.state().wantPlay);
  const fps = camera.streams.find((s) => s.role === "main")?.fps ?? 15;
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

function TimelineSkeleton() {
  return (
    <div className="flex h-full flex-col" aria-busy>
      <Skeleton className="min-h-0 flex-1 rounded-none max-md:aspect-video max-md:flex-none" />
      <div className="h-12" />
      <Skeleton className="h-40 rounded-none" />
    </div>
  );
}
