"use client";
import { VideoOff } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useClock } from "@/hooks/use-clock";
import { whole } from "@/lib/api/errors";
import type { Camera, StreamRole } from "@/lib/api/types";
import { apiURL } from "@/lib/base";
import { cn } from "@/lib/cn";
import { browserLive } from "@/lib/player/live-browser";
import type { LiveState } from "@/lib/player/live-controller";
import { liveText, type StatusText } from "@/lib/player/live-text";

interface LiveVideoProps {
  camera: Camera;
  stream: StreamRole;
  muted?: boolean;
  /** the surroundings name it already: no name of its own for screen readers */
  decorative?: boolean;
  className?: string;
  onState?: (state: LiveState) => void;
}

/** Live picture of one stream with, over it, what is the matter when there is none. Sockets close out of sight. */
export function LiveVideo({ camera, stream, muted = true, decorative = false, className, onState }: LiveVideoProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [state, setState] = useState<LiveState>({ phase: "idle" });
  const report = useRef(onState);
  useEffect(() => {
    report.current = onState;
  });
  const enabled = camera.state !== "disabled";
  useEffect(() => {
    const element = video.current;
    if (!element || !enabled) return;
    const controller = browserLive(element, camera.id, stream);
    const unsubscribe = controller.subscribe(() => {
      setState(controller.state());
      report.current?.(controller.state());
    });
    let inView = true;
    const sync = () => controller.setVisible(inView && document.visibilityState === "visible");
    const observer = new IntersectionObserver((entries) => {
      inView = entries.at(-1)?.isIntersecting ?? true;
      sync();
    });
    observer.observe(element);
    document.addEventListener("visibilitychange", sync);
    controller.start();
    return () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", sync);
      unsubscribe();
      controller.stop();
    };
  }, [camera.id, stream, enabled]);

  const showing = state.phase === "live" || state.phase === "stalled" || state.phase === "paused";
  return (
    <div className={cn("relative size-full overflow-hidden bg-black", className)} data-live-phase={state.phase}>
      <video
        ref={video}
        muted={muted}
        playsInline
        autoPlay
        disablePictureInPicture
        aria-label={decorative ? undefined : `Live video of ${camera.name}`}
        aria-hidden={decorative}
        data-testid="live-video"
        data-camera={camera.id}
        className={cn("size-full object-contain", !showing && "opacity-0")}
      />
      {!showing && <Obstacle camera={camera} stream={stream} state={state} />}
    </div>
  );
}

function Obstacle({ camera, stream, state }: { camera: Camera; stream: StreamRole; state: LiveState }) {
  const now = useClock();
  const text = liveText(state, camera, stream, now);
  if (!text.long) return null;
  return (
    <>
      <LastPicture camera={camera} />
      <div className="absolute inset-0 flex flex-col items-center justify-center gap-1 px-4 pb-4 pt-8 text-center" role="status">
        {text.tone === "wait" ? <Spinner /> : <VideoOff className={cn("size-5", text.tone === "bad" ? "text-alert" : "text-muted")} aria-hidden strokeWidth={1.5} />}
        <p className="mt-1 font-medium text-fg [text-shadow:0_1px_2px_#000]">{text.long}</p>
        {text.reason && <p className="line-clamp-3 max-w-sm text-balance text-xs text-muted [text-shadow:0_1px_2px_#000]">{whole(text.reason)}</p>}
      </div>
    </>
  );
}

/** The last picture of a camera that has gone, dimmed. Only one that has been seen has any; asking for others is an error. */
function LastPicture({ camera }: { camera: Camera }) {
  const [failed, setFailed] = useState(false);
  const seen = camera.state === "offline" && camera.streams.some((s) => s.codec);
  if (!seen || failed) return null;
  return <img src={apiURL(`cameras/${encodeURIComponent(camera.id)}/still.jpg`)} alt="" onError={() => setFailed(true)} className="absolute inset-0 size-full object-contain opacity-25 grayscale" />;
}

function Spinner() {
  return <span aria-hidden className="size-5 animate-spin rounded-full border-2 border-line border-t-muted" />;
}

const dots = { live: "bg-accent", wait: "bg-detection animate-breathe", bad: "bg-alert", off: "bg-muted" } as const;

export function StatusDot({ tone, className }: { tone: StatusText["tone"]; className?: string }) {
  return <span aria-hidden className={cn("inline-block size-2 shrink-0 rounded-full", dots[tone], className)} />;
}
