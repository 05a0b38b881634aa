// The server's JSON, as described by /api/v1/openapi.json. Times are RFC 3339 with milliseconds unless a name says _ms.

export type Role = "admin" | "viewer" | (string & {});
export interface User {
  id: string;
  name: string;
  role: Role;
}
export interface Session {
  access_token: string;
  expires_at: string;
  user: User;
}

export type CameraState = "starting" | "online" | "offline" | "disabled";
export type StreamRole = "main" | "sub";

export interface Stream {
  role: StreamRole;
  state: CameraState;
  reason?: string;
  since?: string;
  retry_at?: string;
  codec?: string;
  audio?: string;
  width?: number;
  height?: number;
  fps?: number;
  /** bits per second */
  bitrate?: number;
}

export interface Camera {
  id: string;
  name: string;
  order: number;
  state: CameraState;
  reason?: string;
  since?: string;
  retry_at?: string;
  recording: boolean;
  detecting: boolean;
  streams: Stream[];
}

export interface Detector {
  state: "ready" | "motion_only" | "failed" | "disabled";
  model?: string;
  message?: string;
  fix?: string;
  inference_ms?: number;
  fps?: number;
}

export interface Bootstrap {
  version: string;
  user: User;
  base: string;
  server_time: string;
  timezone: string;
  cameras: Camera[];
  labels: string[];
  detector: Detector;
}

export type EventKind = "object" | "motion" | "camera" | "manual";

/** A box in fractions of the picture, origin top left. */
export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface NvrEvent {
  id: string;
  camera: string;
  kind: EventKind;
  label: string;
  start: string;
  end?: string;
  score: number;
  top_score: number;
  box?: Box;
  stationary: boolean;
  has_snapshot: boolean;
  revision: number;
}

export interface EventPage {
  items: NvrEvent[];
  next_cursor?: string;
}

/** Columnar and delta coded: each `start` holds ms, the first relative to `from`, the others to their predecessor. */
export interface TimelinePayload {
  from: number;
  to: number;
  labels: string[];
  kinds: EventKind[];
  cameras: {
    id: string;
    recordings: { start: number[]; duration: number[] };
    gaps: { start: number[]; duration: number[]; reason: string[]; detail?: string[] };
    events?: {
      id: string[];
      start: number[];
      duration: number[];
      label: number[];
      kind: number[];
      score: number[];
    };
    /** instead of events where a bucket was asked for: how many began in it, an entry per label, sorted by start */
    density?: { start: number[]; count: number[]; label: number[] };
  }[];
}

export interface PluginState {
  id: string;
  name: string;
  version: string;
  state: string;
  reason?: string;
  since?: string;
  restarts: number;
  delivered: number;
  failed: number;
}

export interface Warning {
  code: string;
  message: string;
  fix?: string;
}

export interface System {
  version: string;
  started_at: string;
  cameras_online: number;
  storage: {
    path: string;
    used_bytes: number;
    free_bytes: number;
    total_bytes: number;
    recordings_bytes: number;
  };
  detector: Detector;
  mqtt: { enabled: boolean; connected: boolean; reason?: string };
  database: { state: string; reason?: string };
  plugins: PluginState[] | null;
  warnings: Warning[] | null;
}

/** What the socket at /api/v1/ws says, by topic. */
export interface Topics {
  hello: { seq?: number };
  camera: Camera;
  motion: { camera: string; active: boolean; time: string };
  counts: { camera: string; total: Record<string, number>; active: Record<string, number> };
  event: { phase: "new" | "update" | "end"; event: NvrEvent };
  plugin: PluginState;
}
export type Topic = keyof Topics;
