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
  /** what the configuration draws over its picture; absent on servers that do not tell */
  areas?: Area[];
  /** what is wrong with its pictures or its clock while it is online */
  problems?: CameraProblem[] | null;
}

export interface CameraProblem {
  problem: "black" | "frozen" | "covered" | "moved" | "blurred" | "slow" | "clock" | (string & {});
  since: string;
  /** one sentence for a person */
  detail?: string;
}

/** [x, y] in fractions of the picture, from its top left corner. */
export type Point = readonly [number, number];

/** A zone, line or mask as it is configured. */
export interface Area {
  kind: "zone" | "line" | "motion_mask" | "object_mask";
  /** empty for masks */
  name: string;
  points: Point[];
  /** that count in it (or do not, in a mask); empty: all */
  labels: string[] | null;
  inertia?: number;
  loitering_s?: number;
  /** metres, of a zone's four sides */
  lengths?: number[] | null;
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

export type EventKind = "object" | "motion" | "camera" | "manual" | "sound";

/** How much an alert matters; "" where an event is none. */
export type AlertSeverity = "low" | "normal" | "high";
export type Mode = "home" | "away" | "night";

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
  severity?: AlertSeverity | "";
  /** the rules that made it an alert */
  rules?: string[] | null;
  /** zones it was ever in, in the order it entered them */
  entered_zones?: string[] | null;
  crossings?: { line: string; direction: "a_to_b" | "b_to_a"; time: string }[] | null;
  /** km/h, 0 where no zone measures it */
  max_speed?: number;
  /** arming mode when it began */
  mode?: Mode | "";
  identity?: Identity | null;
  /** one sentence for a person: what is wrong with a camera's picture, for instance */
  detail?: string;
  /** where its bottom centre was; only where one event is asked for */
  path?: { x: number; y: number; time: string }[] | null;
}

/** Who a person is taken to be. */
export interface Identity {
  /** unknown: seen well enough, and nobody of the library */
  state?: "known" | "unknown" | (string & {});
  person_id?: string;
  name?: string;
  /** 0 to 1 */
  similarity?: number;
}

/** What each alert rule makes of an event. */
export interface Verdicts {
  severity: AlertSeverity | "";
  rules: string[];
  verdicts: Verdict[];
}

export interface Verdict {
  rule: string;
  severity: AlertSeverity;
  alert: boolean;
  conditions: Condition[];
}

export interface Condition {
  name: "camera" | "label" | "zone" | "identity" | "mode" | "schedule" | "score" | "duration" | "cooldown" | (string & {});
  holds: boolean;
  detail: string;
}

/** Spans as columns, UTC ms. */
interface SpanColumns {
  start: number[];
  end: number[];
}

export interface MotionSearch {
  from: number;
  to: number;
  step_ms: number;
  /** cells: share of the region that moved, at most over the span */
  spans: SpanColumns & { cells: number[] };
  unknown: SpanColumns;
}

export interface Heatmap {
  from: number;
  to: number;
  step_ms: number;
  columns: number;
  rows: number;
  /** steps with motion per cell, row by row */
  counts: number[];
  unknown: SpanColumns;
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
  /** of alerts, least first; the first is empty: no alert */
  severities?: (AlertSeverity | "")[];
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
      /** index into severities */
      severity?: number[];
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
