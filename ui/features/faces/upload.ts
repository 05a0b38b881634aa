import { sentence } from "@/lib/api/errors";
import type { FaceAdded } from "@/lib/api/face-types";
import { count, pictureProblem } from "@/lib/faces";

/** A picture on its way to be somebody's face. */
export interface Picture {
  key: number;
  file: File;
  state: "waiting" | "sending" | "done" | "failed";
  /** what is so, for a person */
  text: string;
  /** what to think about although it was taken */
  warning?: string;
}

/** Picks up chosen files; those that cannot be sent say so at once. */
export function taken(files: readonly File[], firstKey: number): Picture[] {
  return files.map((file, i) => {
    const problem = pictureProblem(file);
    return { key: firstKey + i, file, state: problem ? "failed" : "waiting", text: problem ?? "Ready to be added" };
  });
}

/** What a picture says after the server took it. */
export function addedText({ events, looks_like }: FaceAdded): Pick<Picture, "text" | "warning"> {
  return {
    text: events > 0 ? `Added. ${count(events, "event")} ${events === 1 ? "has" : "have"} this name now.` : "Added",
    warning: looks_like && `This face is much like ${looks_like.name}’s. If they are the same person, merge them.`,
  };
}

export const canBeSent = (picture: Picture): boolean => picture.state === "waiting";

/** Sends the pictures one after the other, for the server looks at one at a time. Returns how many were taken. */
export async function sendAll(pictures: readonly Picture[], send: (file: File) => Promise<FaceAdded>, tell: (key: number, change: Partial<Picture>) => void): Promise<number> {
  let done = 0;
  for (const picture of pictures.filter(canBeSent)) {
    tell(picture.key, { state: "sending", text: "Looking for the face…" });
    try {
      tell(picture.key, { state: "done", ...addedText(await send(picture.file)) });
      done++;
    } catch (error) {
      tell(picture.key, { state: "failed", text: sentence(error) });
    }
  }
  return done;
}
