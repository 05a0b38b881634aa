import type { Camera } from "../api/types";
import { codecName } from "../format";
import { sinceTime } from "../time/zone";
import type { LiveState } from "./live-controller";

export interface StatusText {
  tone: "live" | "wait" | "bad" | "off";
  /** one or two words, for the dot */
  short: string;
  /** whole sentence for the middle of the tile; absent while there is a picture to look at */
  long?: string;
  reason?: string;
}

/** Seconds until `at`, or undefined when it has passed or is unknown. */
function secondsUntil(at: number | undefined, now: number): number | undefined {
  if (at === undefined || Number.isNaN(at) || at <= now) return undefined;
  return Math.ceil((at - now) / 1000);
}

/** What is the matter with a tile, in words. The camera's own state outranks the connection's: it says more. */
export function liveText(live: LiveState, camera: Camera, stream: "main" | "sub", now: number): StatusText {
  if (camera.state === "disabled") return { tone: "off", short: "Disabled", long: "This camera is disabled" };
  const source = camera.streams.find((s) => s.role === stream) ?? camera;
  if (live.phase === "offline" || camera.state === "offline") {
    const wait = secondsUntil(live.retryAt ?? (source.retry_at ? Date.parse(source.retry_at) : undefined), now);
    const since = source.since ?? camera.since;
    const at = since ? sinceTime(Date.parse(since)) : "";
    return {
      tone: "bad",
      short: "Offline",
      long: `Offline${at ? ` since ${at}` : ""}${wait ? `, next try in ${wait} s` : ", trying now"}`,
      reason: live.reason ?? source.reason ?? camera.reason,
    };
  }
  switch (live.phase) {
    case "live":
      return { tone: "live", short: "Live" };
    case "stalled":
      return { tone: "wait", short: "No new picture", reason: "The camera sent nothing for 5 s" };
    case "paused":
      return { tone: "off", short: "Paused", long: "Paused while out of sight" };
    case "unsupported":
      return {
        tone: "bad",
        short: "Cannot play",
        long: `This browser cannot play ${codecName(codecOf(live.mime))}`,
        reason: "The stream is recorded all the same. Set the camera's stream to H.264, or use a browser that plays it.",
      };
    case "reconnecting": {
      const wait = secondsUntil(live.retryAt, now);
      return { tone: "wait", short: "Reconnecting", long: wait ? `Reconnecting in ${wait} s` : "Reconnecting", reason: live.reason };
    }
    case "starting":
      return { tone: "wait", short: "Starting", long: live.mime ? "Waiting for the first picture" : "The camera is starting", reason: live.reason };
    default:
      return { tone: "wait", short: "Connecting", long: "Connecting" };
  }
}

/** `video/mp4; codecs="hvc1.1.6.L93.90,mp4a.40.2"` → `hvc1.1.6.L93.90`. */
export function codecOf(mime: string | undefined): string {
  return /codecs="?([^",]+)/.exec(mime ?? "")?.[1] ?? "this codec";
}
