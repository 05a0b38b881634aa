"use client";
import { useCallback, useState } from "react";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { Camera } from "@/lib/api/types";
import { exactFrame } from "@/lib/queries/playback";
import { pictureName, saveBlob } from "@/lib/save";
import { now } from "@/lib/time/clock";
import { stamp } from "@/lib/time/zone";
import type { Session } from "./session";

export const fpsOf = (camera: Camera): number => camera.streams.find((s) => s.role === "main")?.fps || 15;

/** Downloads the picture on the screen: of a recording the very frame, decoded at full size by the server; live, what is seen. */
export function useSavePicture(session: Session, camera: Camera): { save: () => void; busy: boolean } {
  const show = useToasts((s) => s.show);
  const [busy, setBusy] = useState(false);
  const save = useCallback(() => {
    const work = async () => {
      const { picture, at } = session.state().mode === "live" ? await livePicture(session) : await exactFrame(camera.id, session.shown(fpsOf(camera)));
      const name = pictureName(camera.id, stamp(at));
      saveBlob(picture, name);
      show(`Saved ${name}`);
    };
    setBusy(true);
    work()
      .catch((error: unknown) => show(sentence(error), "alert"))
      .finally(() => setBusy(false));
  }, [session, camera, show]);
  return { save, busy };
}

async function livePicture(session: Session): Promise<{ picture: Blob; at: number }> {
  const video = session.liveVideo();
  const at = now();
  if (!video?.videoWidth) throw new Error("There is no live picture to save right now.");
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  const picture = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  if (!picture) throw new Error("This browser could not make a picture of the video.");
  return { picture, at };
}
