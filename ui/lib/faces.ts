// What is known of who somebody is, in words.
import type { FaceStatus } from "./api/face-types";
import type { NvrEvent } from "./api/types";
import { percent } from "./format";

/** Values of the events' filter that are no person's id. */
export const ANYBODY = "known";
export const STRANGERS = "unknown";

export type IdentityView = { state: "known"; name: string; personId?: string; sure: string } | { state: "unknown" } | { state: "none"; ongoing: boolean };

/** Of a person's event; undefined for whatever has no face. */
export function identityOf(event: Pick<NvrEvent, "kind" | "label" | "identity" | "end">): IdentityView | undefined {
  const { identity } = event;
  const name = identity?.name?.trim();
  if (name) return { state: "known", name, personId: identity?.person_id, sure: similarityText(identity?.similarity) };
  if (identity?.state === "unknown") return { state: "unknown" };
  if (event.kind !== "object" || event.label !== "person") return undefined;
  return { state: "none", ongoing: event.end === undefined };
}

/** 1 is said by people only: the engine is never that sure. */
export function similarityText(similarity: number | undefined): string {
  if (!similarity) return "";
  return similarity >= 1 ? "confirmed" : `${percent(similarity)} alike`;
}

/** "1 face", "12 faces". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

const titles: Record<string, string> = {
  starting: "Face recognition is starting",
  disabled: "Face recognition is off",
  missing: "The models for faces are missing",
  failed: "Face recognition has failed",
};

/** What to tell of a library in which nobody is recognised just now; undefined where all is well. */
export function statusNotice(status: FaceStatus): { title: string; text: string; command?: string; advice?: string } | undefined {
  if (status.state === "ready") return undefined;
  const whole = (text: string) => (text ? `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "");
  const isCommand = /^nightjar\s/.test(status.fix);
  return {
    title: titles[status.state] ?? "Faces are not recognised",
    text: whole(status.message),
    command: isCommand ? status.fix : undefined,
    advice: isCommand ? undefined : whole(status.fix) || undefined,
  };
}

/** The largest file the server takes. */
export const MAX_PICTURE = 10 << 20;

/** Why a file cannot be sent at all; what is in the picture is the server's to judge. */
export function pictureProblem(file: Pick<File, "type" | "size">): string | undefined {
  if (file.type !== "image/jpeg" && file.type !== "image/png") return "This is neither a JPEG nor a PNG picture.";
  return file.size > MAX_PICTURE ? "This picture is larger than 10 MB." : undefined;
}
