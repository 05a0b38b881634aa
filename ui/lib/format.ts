import type { Stream } from "./api/types";

/** "1.2 TB": decimal units, as on the label of the disk. */
export function bytes(n: number): string {
  if (!Number.isFinite(n) || n < 0) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

export function bitrate(bitsPerSecond: number): string {
  return bitsPerSecond >= 1e6 ? `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

export function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

const codecNames: [RegExp, string][] = [
  [/^(avc|h\.?264)/i, "H.264"],
  [/^(hev|hvc|h\.?265|hevc)/i, "H.265"],
  [/^(av01|av1)/i, "AV1"],
  [/^(mp4a|aac)/i, "AAC"],
  [/^opus/i, "Opus"],
  [/^(pcma|g711a|alaw)/i, "G.711 A"],
  [/^(pcmu|g711u|ulaw)/i, "G.711 µ"],
];

const gapNames: Record<string, string> = {
  offline: "Camera offline",
  loss: "Packets lost",
  disk: "Disk too slow or refused",
  overload: "Machine overloaded",
  restart: "Nightjar not running",
  clock: "Clock changed",
  disabled: "Recording off",
  unknown: "Cause unknown",
};

/** Why nothing was recorded, as the beginning of a sentence: "Camera offline", for "Camera offline 14:02–14:07". */
export function gapName(reason: string): string {
  return gapNames[reason] ?? (reason ? labelName(reason) : "Nothing recorded");
}

/** "hvc1.1.6.L93.90" → "H.265": the field's name, not the registration's. */
export function codecName(codec: string): string {
  return codecNames.find(([pattern]) => pattern.test(codec))?.[1] ?? codec;
}

/** "H.264 · 1920×1080 · 15 fps", from what is known of the stream. */
export function streamSummary(stream: Stream): string {
  return [
    stream.codec ? codecName(stream.codec) : undefined,
    stream.width && stream.height ? `${stream.width}×${stream.height}` : undefined,
    stream.fps ? `${Math.round(stream.fps)} fps` : undefined,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** "dining table" → "Dining table". */
export function labelName(label: string): string {
  const text = label.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const cameraProblems: Record<string, { title: string; advice: string }> = {
  offline: { title: "Camera offline", advice: "No pictures arrived. Check its power and its network." },
  frozen: { title: "Picture frozen", advice: "Pictures arrived and did not change. Restarting the camera usually helps." },
  black: { title: "Picture black", advice: "Nothing but black was seen. Check the lens, the light and the camera's night mode." },
  blurred: { title: "Picture blurred", advice: "The picture was much less sharp than usual. Look for dirt, water or a cobweb on the lens." },
  covered: { title: "View covered", advice: "What was in view was hidden. Somebody or something may have covered the camera." },
  moved: { title: "Camera moved", advice: "The camera looked elsewhere. Check its mount; zones and masks may not fit any more." },
  slow: { title: "Few pictures", advice: "Far fewer pictures arrived than usual. Check its network, above all Wi-Fi." },
  clock: { title: "Clock wrong", advice: "The camera's clock is off. Give it a time server." },
};

/** What a camera event says: its title, and what to look at. */
export function cameraProblem(label: string): { title: string; advice: string } {
  return cameraProblems[label] ?? { title: label ? `Camera: ${label.replaceAll("_", " ")}` : "Camera", advice: "Look at the camera and its connection." };
}

/** "Sound: glass breaking"; a loud sound that nobody put a name to is just that. */
export function soundTitle(label: string): string {
  return label && label !== "sound" ? `Sound: ${label.replaceAll("_", " ")}` : "Loud sound";
}

const notObjects = new Set(["motion", "sound", ...Object.keys(cameraProblems)]);

/** Whether a label that was seen is of an object, and not of a camera's trouble or of motion. */
export function isObjectLabel(label: string): boolean {
  return !notObjects.has(label);
}
