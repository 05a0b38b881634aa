// What a person fills in to export, as rules: pure.
import type { Estimate, Export, ExportMode, ExportRequest, ExportState } from "@/lib/api/recording-types";
import { bytes } from "@/lib/format";
import { duration } from "@/lib/time/duration";

export const SPEEDS = [10, 30, 60, 120, 300, 600] as const;

export interface ExportForm {
  name: string;
  cameras: string[];
  stream: "main" | "sub";
  mode: ExportMode;
  speed: number;
  evidence: boolean;
}

export const modes: { value: ExportMode; label: string; what: string }[] = [
  { value: "copy", label: "Fast copy", what: "The recording as it is, without loss. It may begin a few seconds before your mark." },
  { value: "exact", label: "Exact to the frame", what: "Begins and ends at your very marks. Only the edges are encoded anew." },
  { value: "timelapse", label: "Timelapse", what: "Hours in minutes, without sound." },
];

export const EVIDENCE = "One ZIP with the original recordings, a signed list of checksums and instructions, so that anyone can prove later that nothing was changed.";
export const NO_EVIDENCE = "Not with timelapse, which changes the footage.";

export function emptyForm(cameras: string[]): ExportForm {
  return { name: "", cameras, stream: "main", mode: "copy", speed: 60, evidence: false };
}

/** What the server is asked for; undefined while nothing is chosen. */
export function requestOf(form: ExportForm, range: { from: number; to: number }): ExportRequest | undefined {
  if (form.cameras.length === 0 || range.to <= range.from) return undefined;
  const timelapse = form.mode === "timelapse";
  return {
    ...(form.name.trim() && { name: form.name.trim() }),
    cameras: form.cameras,
    stream: form.stream,
    from: Math.round(range.from),
    to: Math.round(range.to),
    mode: form.mode,
    ...(timelapse && { speed: form.speed }),
    ...(form.evidence && !timelapse && { evidence: true }),
  };
}

/** The name is no part of the size. */
export function estimateKey(request: ExportRequest): ExportRequest {
  const key = { ...request };
  delete key.name;
  return key;
}

export function estimateText(e: Estimate): string {
  if (e.duration_ms <= 0) return "Nothing was recorded in this range.";
  const gaps = e.cameras.reduce((sum, c) => sum + c.gaps, 0);
  const parts = [`About ${bytes(e.bytes)}`, `${duration(e.duration_ms)} of footage`];
  if (gaps > 0) parts.push(gaps === 1 ? "1 interruption" : `${gaps} interruptions`);
  return parts.join(" · ");
}

export const stateNames: Record<ExportState, string> = { queued: "Waiting", running: "Running", done: "Ready", failed: "Failed", cancelled: "Cancelled" };

export function modeName(job: Pick<Export, "mode" | "speed">): string {
  const name = modes.find((m) => m.value === job.mode)?.label ?? job.mode;
  return job.mode === "timelapse" && job.speed ? `${name} ${job.speed} ×` : name;
}

/** "42 %, about 12 s left". */
export function progressText(job: Pick<Export, "state" | "progress" | "eta_ms">): string {
  if (job.state === "queued") return "Waiting for its turn";
  const percent = `${Math.floor(Math.max(0, Math.min(1, job.progress)) * 100)} %`;
  return job.eta_ms && job.eta_ms >= 1_000 ? `${percent}, about ${duration(job.eta_ms)} left` : percent;
}

/** For how long a link may be open to everyone who has it. */
export const lifetimes = [
  { seconds: 3_600, label: "1 hour" },
  { seconds: 86_400, label: "1 day" },
  { seconds: 604_800, label: "7 days" },
] as const;
