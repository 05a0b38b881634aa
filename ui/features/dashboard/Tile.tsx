"use client";
import { CircleSlash } from "lucide-react";
import Link from "next/link";
import { useCallback, useState } from "react";
import { ProblemBadge } from "@/components/CameraProblems";
import { LiveVideo, StatusDot } from "@/components/LiveVideo";
import { useMotion } from "@/hooks/use-motion";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { labelName, streamSummary } from "@/lib/format";
import { cameraHref } from "@/lib/links";
import type { LiveState } from "@/lib/player/live-controller";
import { liveText } from "@/lib/player/live-text";
import { now } from "@/lib/time/clock";

/** One camera of the grid: one tab stop, live picture, and what must be known without asking. */
export function Tile({ camera, index }: { camera: Camera; index: number }) {
  const stream = camera.streams.some((s) => s.role === "sub") ? "sub" : "main";
  const [live, setLive] = useState<LiveState>({ phase: "idle" });
  const text = liveText(live, camera, stream, now());
  const summary = camera.streams.filter((s) => s.role === stream).map(streamSummary)[0];
  return (
    <Link
      href={cameraHref(camera.id)}
      prefetch={false}
      aria-keyshortcuts={index < 9 ? String(index + 1) : undefined}
      className="group relative block min-h-0 overflow-hidden bg-black outline-offset-[-2px] max-md:aspect-video"
    >
      <LiveVideo camera={camera} stream={stream} decorative onState={useCallback((state: LiveState) => setLive(state), [])} />
      <ActivityFrame camera={camera.id} />
      <div className="absolute inset-x-0 top-0 flex items-start justify-between gap-2 p-1.5">
        <span className="inline-flex h-6 min-w-0 items-center gap-1.5 rounded-sm bg-black/65 px-2 font-medium text-white">
          <StatusDot tone={text.tone} />
          <span className="truncate">{camera.name}</span>
          <span className="sr-only">{text.short}</span>
        </span>
        <span className="flex shrink-0 items-center gap-1">
          {camera.state === "online" && <ProblemBadge camera={camera} />}
          <Objects camera={camera.id} />
          {camera.state !== "disabled" && !camera.recording && (
            <span className="inline-flex h-6 items-center gap-1 rounded-sm bg-black/65 px-2 text-xs text-detection">
              <CircleSlash className="size-3.5" aria-hidden />
              Not recording
            </span>
          )}
        </span>
      </div>
      {summary && text.tone === "live" && (
        <span className="absolute bottom-1.5 left-1.5 rounded-sm bg-black/65 px-2 py-0.5 text-xs text-white opacity-0 group-hover:opacity-100 group-focus-visible:opacity-100">{summary}</span>
      )}
    </Link>
  );
}

/** Outline in the colour of what is in the picture now: red for people, amber for other objects. */
function ActivityFrame({ camera }: { camera: string }) {
  const counts = useMotion((s) => s.cameras[camera]?.counts);
  const labels = Object.entries(counts ?? {}).filter(([label, n]) => n > 0 && label !== "all");
  if (labels.length === 0) return null;
  const person = labels.some(([label]) => label === "person");
  return <span aria-hidden className={cn("pointer-events-none absolute inset-0 border-2", person ? "border-alert" : "border-detection")} />;
}

function Objects({ camera }: { camera: string }) {
  const activity = useMotion((s) => s.cameras[camera]);
  const labels = Object.entries(activity?.counts ?? {}).filter(([label, n]) => n > 0 && label !== "all");
  const text = labels.map(([label, n]) => (n > 1 ? `${n} × ${labelName(label)}` : labelName(label))).join(", ");
  if (text) return <span className="inline-flex h-6 items-center rounded-sm bg-black/65 px-2 text-xs text-white">{text}</span>;
  if (!activity?.motion) return null;
  return <span className="inline-flex h-6 items-center rounded-sm bg-black/65 px-2 text-xs text-muted">Motion</span>;
}
