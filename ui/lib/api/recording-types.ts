// The server's JSON about kept and exported footage, storage and playback. Times are UTC milliseconds.
import type { StreamRole } from "./types";

export type ExportMode = "copy" | "exact" | "timelapse";
export type ExportState = "queued" | "running" | "done" | "failed" | "cancelled";

export interface ExportRequest {
  name?: string;
  cameras: string[];
  stream?: StreamRole;
  from: number;
  to: number;
  mode: ExportMode;
  /** only with timelapse: how many times faster than life */
  speed?: number;
  evidence?: boolean;
}

export interface ExportFile {
  name: string;
  /** absent for what concerns all cameras, such as the manifest */
  camera?: string;
  bytes: number;
  sha256?: string;
  url: string;
}

export interface Export extends ExportRequest {
  id: string;
  state: ExportState;
  /** 0 to 1 */
  progress: number;
  eta_ms?: number;
  bytes: number;
  /** why it failed, for a person */
  error?: string;
  /** sentences: what is not as one would expect */
  notes?: string[];
  created_at: number;
  created_by?: string;
  expires_at?: number;
  files: ExportFile[];
}

export interface Estimate {
  bytes: number;
  duration_ms: number;
  /** gaps: how many interruptions the footage has */
  cameras: { id: string; bytes: number; duration_ms: number; gaps: number }[];
}

export interface ShareLink {
  url: string;
  expires_at: number;
}

export type HoldKind = "favourite" | "export" | "legal";

export interface Hold {
  id: string;
  kind: HoldKind;
  cameras: string[];
  from: number;
  to: number;
  note: string;
  created_at: number;
  created_by?: string;
}

export interface HoldRequest {
  kind: "favourite" | "legal";
  cameras: string[];
  from: number;
  to: number;
  note: string;
}

export interface Volume {
  path: string;
  state: "ok" | "failing" | "missing";
  reason?: string;
  total: number;
  free: number;
  recordings_bytes: number;
  /** new recordings go here */
  active: boolean;
}

export interface CameraStorage {
  id: string;
  bytes: number;
  bytes_per_day: number;
  oldest?: number;
  newest?: number;
  forecast_days?: number;
}

export type ForecastLimit = "age" | "cap" | "space" | "none";

export interface Archive {
  enabled: boolean;
  state: "ok" | "waiting" | "failing" | "disabled";
  reason?: string;
  backlog_files: number;
  backlog_bytes: number;
  uploaded_bytes: number;
  last_upload_at?: number;
}

export interface Storage {
  volumes: Volume[];
  cameras: CameraStorage[];
  forecast: { days?: number; limit: ForecastLimit };
  held_bytes: number;
  /** what a person must do, if anything */
  message?: string;
  archive: Archive;
}

export type DeletionReason = "age" | "cap" | "camera_cap" | "space" | "evict" | "orphan";

export interface Deletion {
  camera: string;
  stream: StreamRole;
  from: number;
  to: number;
  files: number;
  bytes: number;
  reason: DeletionReason;
  detail?: string;
}

/** What retention would do now. */
export interface RetentionPlan {
  at: number;
  deletions: Deletion[];
  bytes: number;
  held_bytes: number;
  /** sentences: what cannot be achieved, and what is not known */
  notes?: string[];
}

export interface CoverageDay {
  /** local date, "2026-11-22" */
  date: string;
  from: number;
  to: number;
  recorded_ms: number;
  /** ms by reason */
  gaps: Record<string, number>;
  /** recorded part of the day so far, 0 to 1 */
  fraction: number;
}

/** One hour of small pictures, one a second; media time 0 is `start`. */
export interface PreviewFile {
  start: number;
  end: number;
  url: string;
  /** still growing */
  open: boolean;
}

export interface SyncPayload {
  from: number;
  to: number;
  cameras: { id: string; playlist: string; runs: { start: number[]; duration: number[] } }[];
}
