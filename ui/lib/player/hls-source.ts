import type Hls from "hls.js/light";
import { api } from "../api/client";
import { piecesOf, TimeMap } from "./time-map";

export interface HlsEvents {
  /** False as soon as something else is to be played: asked once hls.js is there, before the element is touched. */
  wanted: () => boolean;
  /** The playlist was read, or its times became more exact. */
  mapped: (map: TimeMap) => void;
  /** The first playlist is here: where in media time to begin, or undefined to end it here. */
  begin: (map: TimeMap) => number | undefined;
  /** It cannot go on: hls.js's name of the fault, and the HTTP status if there was one. */
  failed: (details: string, status: number | undefined) => void;
}

export interface HlsSource {
  destroy(): void;
}

export type OpenHls = (video: HTMLVideoElement, url: string, events: HlsEvents) => Promise<HlsSource>;

/** Thrown where the browser lacks Media Source Extensions. */
export class HlsUnsupported extends Error {
  override name = "HlsUnsupported";
}

/** Plays a playlist of recorded footage into a video element. The only user of hls.js, which loads on demand. */
export async function openHls(video: HTMLVideoElement, url: string, events: HlsEvents): Promise<HlsSource> {
  const [{ default: HlsClass }, fresh] = await Promise.all([import("hls.js/light"), api.ensureFresh()]);
  // Signed out, and the shell shows the sign-in page; or overtaken by the next place to play.
  if (!fresh || !events.wanted()) return { destroy: () => undefined };
  if (!HlsClass.isSupported()) throw new HlsUnsupported("This browser cannot play recordings: it lacks Media Source Extensions");
  const hls: Hls = new HlsClass({
    // A worker made by the bundler would not know the base path, and demuxing fMP4 is too little work to need one.
    enableWorker: false,
    maxBufferLength: 20,
    backBufferLength: 20,
    autoStartLoad: false,
    xhrSetup: (xhr) => {
      const authorization = api.authorization();
      if (authorization) xhr.setRequestHeader("Authorization", authorization);
    },
  });
  const { Events } = HlsClass;
  let alive = true;
  let started = false;
  hls.on(Events.LEVEL_LOADED, (_, data) => {
    if (!alive) return;
    const map = new TimeMap(piecesOf(data.details.fragments));
    events.mapped(map);
    if (started) return; // a playlist that grows is loaded again and again
    started = true;
    const media = events.begin(map);
    if (media !== undefined) hls.startLoad(media);
  });
  hls.on(Events.LEVEL_PTS_UPDATED, (_, data) => {
    if (alive) events.mapped(new TimeMap(piecesOf(data.details.fragments)));
  });
  hls.on(Events.ERROR, (_, data) => {
    if (alive && data.fatal) events.failed(data.details, data.response?.code);
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    destroy() {
      alive = false;
      hls.destroy();
    },
  };
}

/** Whether the fault is that this browser lacks the codec. */
export function isCodecFault(details: string): boolean {
  return details === "bufferAddCodecError" || details === "manifestIncompatibleCodecsError" || details === "bufferIncompatibleCodecsError";
}
