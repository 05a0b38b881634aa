// JSON of plugins, notifiers, routes and deliveries, as /api/v1/openapi.json describes it. Times are UTC milliseconds; 0 is never.
import type { AlertSeverity } from "./types";

export type Trust = "core" | "key" | "local" | "unsigned";

export interface Permission {
  /** as net.outbound:api.example.com */
  name: string;
  text: string;
}

export interface PackageVersion {
  version: string;
  state: "pending" | "approved" | "rolled_back";
  reason: string;
  trust: Trust;
  sha256: string;
  bundle_sha256: string;
  signer: string;
  signer_name: string;
  permissions: Permission[];
  capabilities: string[];
  memory_mb: number;
  platforms: string[];
  homepage: string;
  licence: string;
  installed_at: number;
  installed_by: string;
  approved_at: number;
  approved_by: string;
}

export interface Package {
  id: string;
  name: string;
  trust: Trust;
  enabled: boolean;
  /** the version that runs; empty: none is approved */
  active: string;
  previous: string;
  problem: string;
  modified: boolean;
  notifiers: string[];
  versions: PackageVersion[];
}

export interface PluginKey {
  fingerprint: string;
  name: string;
  added_at: number;
  added_by: string;
}

export interface PluginList {
  plugins: Package[];
  keys: PluginKey[];
  allow_unsigned: boolean;
  platform: string;
}

/** What there is to decide before a version may run. */
export interface PluginReview {
  plugin: Package;
  version: PackageVersion;
  from: string;
  added: Permission[];
  removed: Permission[];
  signer_changed: boolean;
}

export interface PluginStep {
  time: number;
  by: string;
  action: string;
  plugin: string;
  version: string;
  sha256: string;
  detail: string;
}

export type NotifierState = "disabled" | "starting" | "running" | "backoff" | "quarantined" | "bad_config" | "incompatible";

export type Settings = Record<string, unknown>;

export interface Notifier {
  id: string;
  name: string;
  plugin: string;
  plugin_name: string;
  version: string;
  trust: Trust;
  source: "database" | "file" | "dev";
  enabled: boolean;
  state: NotifierState | (string & {});
  reason: string;
  /** why nobody hears of alerts by it although it runs; empty: they do */
  warning: string;
  since: number;
  retry_at: number;
  restarts: number;
  delivered: number;
  failed: number;
  memory_bytes: number;
  limits: string[];
  capabilities: string[];
  settings: Settings;
  /** paths of the secrets that have a value, as token or smtp.password */
  secrets_set: string[];
  created_at: number;
  updated_at: number;
}

export interface Verdict {
  class: "ok" | "retry_after" | "permanent" | "bad_config";
  detail: string;
  retry_after_ms: number;
}

export type QuietAction = "silent" | "hold" | "drop";

export interface QuietHours {
  /** minutes since midnight, local */
  from: number;
  to: number;
  /** 0 is Sunday; empty: every day */
  days: number[];
  action: QuietAction;
  except: AlertSeverity | "";
}

/** Which alerts a notifier tells, to whom, when and how. Empty conditions hold always; all must hold. */
export interface AlertRoute {
  id: string;
  notifier: string;
  readonly from_file?: boolean;
  enabled: boolean;
  recipients: string[];
  cameras: string[];
  labels: string[];
  zones: string[];
  rules: string[];
  min_severity: AlertSeverity | "";
  modes: string[];
  identities: string[];
  updates: boolean;
  quiet: QuietHours[];
  rate: { burst: number; per_seconds: number };
  digest_seconds: number;
  escalate: { after_seconds: number; to: string[] };
  silent: boolean;
  title: string;
  text: string;
  expire_seconds: number;
}

export interface RouteVerdict {
  route: string;
  notifier: string;
  told: boolean;
  why: string;
  conditions: { name: string; holds: boolean; detail: string }[];
}

export type DeliveryState = "pending" | "delivered" | "failed" | "expired" | "suppressed";

export interface Tried {
  at: number;
  outcome: "delivered" | "retry" | "failed" | "error" | "unavailable" | (string & {});
  detail: string;
  duration_ms: number;
  times: number;
}

export interface Delivery {
  id: string;
  event: string;
  camera: string;
  label: string;
  severity: AlertSeverity | "";
  event_start: number;
  notifier: string;
  /** administrators only */
  recipient: string;
  route: string;
  level: number;
  phase: "new" | "update" | "end";
  state: DeliveryState;
  hold: "" | "quiet" | "digest" | "rate" | "escalation";
  digest: string;
  members: number;
  attempts: number;
  reason: string;
  created_at: number;
  next_at: number;
  delivered_at: number;
  expires_at: number;
  seen: { at: number; by: string };
  history: Tried[];
}

export interface QueueDepth {
  notifier: string;
  pending: number;
  held: number;
  oldest: number;
}

export interface Snooze {
  notifier: string;
  recipient: string;
  camera: string;
  until: number;
  by: string;
  created_at: number;
}

/** A push notifier to which a browser can be subscribed. */
export interface PushKey {
  notifier: string;
  name: string;
  /** VAPID, base64url */
  public_key: string;
}
