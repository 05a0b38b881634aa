import { api } from "../api/client";
import { socketURL } from "../base";
import { now } from "../time/clock";
import { LiveController, type LiveDeps } from "./live-controller";

type SourceClass = typeof MediaSource;

/** iPhones have ManagedMediaSource only. */
function sourceClass(): { ctor: SourceClass | undefined; managed: boolean } {
  const scope = globalThis as { ManagedMediaSource?: SourceClass; MediaSource?: SourceClass };
  return { ctor: scope.ManagedMediaSource ?? scope.MediaSource, managed: scope.ManagedMediaSource !== undefined };
}

export function canPlay(mime: string): boolean {
  return sourceClass().ctor?.isTypeSupported(mime) ?? false;
}

/** A controller on this browser's own sockets and media. */
export function browserLive(video: HTMLVideoElement, camera: string, stream: "main" | "sub"): LiveController {
  const { ctor, managed } = sourceClass();
  const deps: LiveDeps = {
    openSocket: () => new WebSocket(socketURL(`cameras/${encodeURIComponent(camera)}/live?stream=${stream}`)),
    authorise: () => api.ensureFresh(),
    createMediaSource: () => new ctor!(), // isTypeSupported was true, so it exists
    isTypeSupported: canPlay,
    attach: (_, source) => {
      if (managed) video.disableRemotePlayback = true;
      const url = URL.createObjectURL(source as MediaSource); // made by createMediaSource above
      video.src = url;
      return () => {
        URL.revokeObjectURL(url);
        // The element keeps its last picture until something else is attached; emptied, it would flash black.
      };
    },
    now,
    random: Math.random,
  };
  return new LiveController(video, deps);
}
