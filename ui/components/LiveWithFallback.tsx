"use client";
import { useCallback, useState } from "react";
import type { Camera, StreamRole } from "@/lib/api/types";
import { codecName } from "@/lib/format";
import type { LiveState } from "@/lib/player/live-controller";
import { codecOf } from "@/lib/player/live-text";
import { LiveVideo } from "./LiveVideo";

interface LiveWithFallbackProps {
  camera: Camera;
  muted: boolean;
  onState?: (state: LiveState, stream: StreamRole) => void;
}

/** The main stream; where the browser cannot play its codec, the small one, and it says so. */
export function LiveWithFallback({ camera, muted, onState }: LiveWithFallbackProps) {
  const [refused, setRefused] = useState<string>();
  const hasSub = camera.streams.some((s) => s.role === "sub");
  const stream: StreamRole = refused !== undefined && hasSub ? "sub" : "main";
  const report = useCallback(
    (state: LiveState) => {
      if (state.phase === "unsupported" && stream === "main") setRefused(codecName(codecOf(state.mime)));
      onState?.(state, stream);
    },
    [stream, onState],
  );
  return (
    <div className="relative size-full">
      <LiveVideo key={stream} camera={camera} stream={stream} muted={muted} onState={report} />
      {stream === "sub" && (
        <p role="status" className="absolute inset-x-0 bottom-0 bg-black/75 px-3 py-1.5 text-center text-xs text-white">
          This browser cannot play {refused}. You see the small stream; the full one is recorded.
        </p>
      )}
    </div>
  );
}
