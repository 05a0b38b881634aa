"use client";
import { Badge, type Tone } from "@/components/ui/badge";
import { useClock } from "@/hooks/use-clock";
import { whole } from "@/lib/api/errors";
import type { Camera, Stream, StreamRole } from "@/lib/api/types";
import { bitrate, codecName } from "@/lib/format";
import { duration } from "@/lib/time/duration";

const tones: Record<string, Tone> = { online: "live", starting: "warn", offline: "alert", disabled: "neutral" };
const names: Record<StreamRole, string> = { main: "Main stream", sub: "Small stream" };

/** Each stream with its state, since when, and what it sends. */
export function CameraFacts({ camera, playing }: { camera: Camera; playing: StreamRole | undefined }) {
  return (
    <div>
      {camera.streams.map((stream) => (
        <StreamFacts key={stream.role} stream={stream} playing={stream.role === playing} />
      ))}
    </div>
  );
}

function StreamFacts({ stream, playing }: { stream: Stream; playing: boolean }) {
  const now = useClock();
  const since = stream.since && now ? duration(now - Date.parse(stream.since)) : undefined;
  const facts = [
    stream.codec && codecName(stream.codec),
    stream.width && stream.height && `${stream.width} × ${stream.height}`,
    stream.fps && `${Math.round(stream.fps * 10) / 10} fps`,
    stream.bitrate && bitrate(stream.bitrate),
    stream.audio && stream.audio !== "none" && codecName(stream.audio),
  ].filter(Boolean);
  return (
    <section className="border-b border-line px-3 py-2.5">
      <div className="flex items-center gap-2">
        <h2 className="font-medium">{names[stream.role] ?? stream.role}</h2>
        {playing && <span className="text-xs text-muted">shown</span>}
        <Badge tone={tones[stream.state]} className="ml-auto">
          {stream.state}
          {since && ` ${since}`}
        </Badge>
      </div>
      {facts.length > 0 && <p className="mt-1 text-xs text-muted">{facts.join(" · ")}</p>}
      {stream.reason && stream.state !== "online" && <p className="mt-1 text-xs text-alert">{whole(stream.reason)}</p>}
    </section>
  );
}
