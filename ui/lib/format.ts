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
