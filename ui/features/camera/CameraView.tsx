"use client";
import { ArrowLeft, CalendarRange, Cctv, Maximize, ScanSearch, Spline, Volume2, VolumeX } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { type ReactNode, useCallback, useRef, useState } from "react";
import { CameraProblems } from "@/components/CameraProblems";
import { HeaderSlot } from "@/components/HeaderSlot";
import { StatusDot } from "@/components/LiveVideo";
import { LiveWithFallback } from "@/components/LiveWithFallback";
import { Failure, Notice } from "@/components/Notice";
import { Button, buttonClass } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useHotkeys } from "@/hooks/use-hotkeys";
import type { Camera, StreamRole } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { cameraHref, motionHref, timelineHref, zonesHref } from "@/lib/links";
import type { LiveState } from "@/lib/player/live-controller";
import { liveText } from "@/lib/player/live-text";
import { now } from "@/lib/time/clock";
import { CameraFacts } from "./CameraFacts";
import { CameraSwitches } from "./CameraSwitches";

/** Page "Camera": one camera large, its switches, what is known of its streams, and (from the page) its events. */
export function CameraView({ id, aside }: { id: string | null; aside: ReactNode }) {
  const boot = useBootstrap();
  const cameras = boot.data?.cameras;
  if (boot.isError && !cameras) return <Failure error={boot.error} retry={() => void boot.refetch()} className="h-full" />;
  if (!cameras) return <CameraSkeleton />;
  const camera = cameras.find((c) => c.id === id);
  if (!camera) {
    return (
      <Notice
        heading
        icon={Cctv}
        title={id ? `There is no camera “${id}”` : "No camera was chosen"}
        className="h-full"
        action={
          <Link href="/" prefetch={false} className={buttonClass({})}>
            All cameras
          </Link>
        }
      >
        It may have been renamed or removed from config.yaml.
      </Notice>
    );
  }
  return <Loaded key={camera.id} camera={camera} cameras={cameras} aside={aside} />;
}

function Loaded({ camera, cameras, aside }: { camera: Camera; cameras: Camera[]; aside: ReactNode }) {
  const router = useRouter();
  const stage = useRef<HTMLDivElement>(null);
  const [muted, setMuted] = useState(true);
  const [live, setLive] = useState<{ state: LiveState; stream: StreamRole }>({ state: { phase: "idle" }, stream: "main" });
  const text = liveText(live.state, camera, live.stream, now());
  const fullscreen = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void stage.current?.requestFullscreen?.().catch(() => undefined); // refused inside some frames: nothing to do
  };
  useHotkeys({
    Escape: () => router.push("/"),
    m: () => setMuted(!muted),
    f: fullscreen,
    t: () => router.push(timelineHref({ camera: camera.id })),
    ...Object.fromEntries(cameras.slice(0, 9).map((c, i) => [String(i + 1), () => router.replace(cameraHref(c.id))])),
  });
  const hasAudio = camera.streams.some((s) => s.audio && s.audio !== "none");
  return (
    <div className="flex flex-col md:h-full md:flex-row">
      <HeaderSlot>
        <Link href="/" prefetch={false} aria-label="All cameras" title="All cameras  Esc" aria-keyshortcuts="Escape" className={buttonClass({ variant: "ghost", size: "icon", className: "-ml-2 md:size-7" })}>
          <ArrowLeft aria-hidden />
        </Link>
        <h1 className="truncate text-lg font-semibold max-md:text-xl">{camera.name}</h1>
      </HeaderSlot>
      <div ref={stage} className="relative min-w-0 bg-black max-md:aspect-video md:flex-1">
        <LiveWithFallback camera={camera} muted={muted} onState={useCallback((state: LiveState, stream: StreamRole) => setLive({ state, stream }), [])} />
        <div className="absolute inset-x-0 top-0 flex items-center justify-between gap-2 p-2">
          <span className="inline-flex h-7 items-center gap-2 rounded-sm bg-black/65 px-2.5 font-medium text-white">
            <StatusDot tone={text.tone} />
            <span className={cn(text.tone === "live" && "text-accent")}>{text.short}</span>
          </span>
          <span className="flex gap-1">
            {hasAudio && (
              <Button variant="overlay" size="icon" aria-label={muted ? "Sound on" : "Sound off"} aria-pressed={!muted} aria-keyshortcuts="m" onClick={() => setMuted(!muted)}>
                {muted ? <VolumeX aria-hidden /> : <Volume2 aria-hidden />}
              </Button>
            )}
            <Button variant="overlay" size="icon" aria-label="Full screen" aria-keyshortcuts="f" onClick={fullscreen}>
              <Maximize aria-hidden />
            </Button>
          </span>
        </div>
      </div>
      <aside aria-label={`About ${camera.name}`} className="flex shrink-0 flex-col border-line bg-surface max-md:border-t md:w-72 md:border-l lg:w-80">
        <div className="grid grid-cols-2 gap-2 p-3">
          <Link href={timelineHref({ camera: camera.id, t: now() - 60_000, play: true })} prefetch={false} aria-keyshortcuts="t" className={buttonClass({ className: "col-span-2" })}>
            <CalendarRange aria-hidden />
            Recordings in the timeline
          </Link>
          <Link href={motionHref(camera.id)} prefetch={false} className={buttonClass({})}>
            <ScanSearch aria-hidden />
            Motion search
          </Link>
          <Link href={zonesHref(camera.id)} prefetch={false} className={buttonClass({})}>
            <Spline aria-hidden />
            Zones
          </Link>
        </div>
        {camera.state === "online" && <CameraProblems camera={camera} />}
        <CameraSwitches camera={camera} />
        <CameraFacts camera={camera} playing={live.state.phase === "live" ? live.stream : undefined} />
        {aside}
      </aside>
    </div>
  );
}

function CameraSkeleton() {
  return (
    <div className="flex flex-col md:h-full md:flex-row" aria-busy>
      <Skeleton className="rounded-none max-md:aspect-video md:flex-1" />
      <div className="space-y-3 p-3 md:w-72 lg:w-80">
        {[0, 1, 2, 3].map((i) => (
          <Skeleton key={i} className="h-9" />
        ))}
      </div>
    </div>
  );
}
