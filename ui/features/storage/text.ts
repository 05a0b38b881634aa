// What figures of storage mean, in sentences. Pure.
import type { Archive, DeletionReason, Storage, Volume } from "@/lib/api/recording-types";
import { bytes } from "@/lib/format";

const limits: Record<Storage["forecast"]["limit"], string> = {
  age: "because its days are over",
  cap: "because recordings may take no more room",
  space: "to make room on the disk",
  none: "",
};

const days = (n: number) => (n < 1 ? "less than a day" : n < 1.5 ? "about 1 day" : `about ${Math.round(n)} days`);

/** "About 12 days until the oldest footage goes, to make room on the disk." */
export function forecastSentence({ days: left, limit }: Storage["forecast"]): string {
  if (limit === "none" || left === undefined || left < 0) return "Nothing will be deleted: there is room, and no limit is set.";
  const text = days(left);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)} until the oldest footage goes, ${limits[limit]}.`;
}

/** "12 days", for a column; "–" where nothing goes. */
export function forecastShort(left: number | undefined): string {
  if (left === undefined || left < 0) return "–";
  return left < 1 ? "< 1 day" : `${Math.round(left)} ${Math.round(left) === 1 ? "day" : "days"}`;
}

/** Shares of a volume's bar: recordings, other data; the rest is free. */
export function shares({ total, free, recordings_bytes }: Pick<Volume, "total" | "free" | "recordings_bytes">): { ours: number; others: number } {
  if (total <= 0) return { ours: 0, others: 0 };
  const ours = Math.max(0, Math.min(1, recordings_bytes / total));
  return { ours, others: Math.max(0, Math.min(1 - ours, (total - free - recordings_bytes) / total)) };
}

export const volumeStates: Record<Volume["state"], string> = { ok: "OK", failing: "Failing", missing: "Missing" };

export const archiveStates: Record<Archive["state"], string> = { ok: "Up to date", waiting: "Waiting", failing: "Failing", disabled: "Off" };

export function backlogText({ backlog_files, backlog_bytes }: Archive): string {
  if (backlog_files <= 0) return "Nothing is waiting";
  return `${backlog_files.toLocaleString("en-GB")} ${backlog_files === 1 ? "file" : "files"}, ${bytes(backlog_bytes)}`;
}

const reasons: Record<DeletionReason, string> = {
  age: "Its days are over",
  cap: "All recordings together are too large",
  camera_cap: "The camera's recordings are too large",
  space: "The disk is full",
  evict: "The archive has a verified copy",
  orphan: "It belongs to no recording",
};

export function deletionReason(reason: DeletionReason): string {
  return reasons[reason] ?? reason.replaceAll("_", " ");
}
