"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api } from "@/lib/api/client";
import { serverURL } from "@/lib/base";
import { cn } from "@/lib/cn";
import { PreviewController } from "@/lib/player/preview-controller";
import { previewsQuery, thumbnailURL } from "@/lib/queries/playback";
import { now } from "@/lib/time/clock";
import { dayStart } from "@/lib/time/zone";

interface PreviewPictureProps {
  camera: string;
  /** wall clock; undefined where nothing was recorded: the last picture then goes */
  t: number | undefined;
  className?: string;
  /** fills its place, or keeps to the width of a card */
  fit?: "contain" | "cover";
}

/** The small picture of an instant, from preview media or a thumbnail. Decoration: what it says in words is said elsewhere. */
export function PreviewPicture({ camera, t, className, fit = "contain" }: PreviewPictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const controller = useRef<PreviewController<HTMLImageElement>>(undefined);
  const [drawn, setDrawn] = useState(false);
  const client = useQueryClient();
  useEffect(() => {
    const video = document.createElement("video");
    Object.assign(video, { muted: true, playsInline: true, preload: "auto" });
    const made = new PreviewController<HTMLImageElement>({
      video,
      find: async (id, wall) => (await client.fetchQuery(previewsQuery(id, dayStart(wall)))).find((file) => wall >= hourOf(file.start) && wall < file.end),
      // An open file grows under the same address: the number keeps the browser from playing what it has.
      address: (file, version) => `${serverURL(file.url)}${file.open ? `?v=${version}` : ""}`,
      thumbnail,
      paint: (picture) => {
        if (canvas.current) draw(canvas.current, picture === "video" ? video : picture);
        setDrawn(true);
      },
      nothing: () => setDrawn(false),
      now,
    });
    controller.current = made;
    return () => {
      made.stop();
      video.removeAttribute("src");
      video.load();
    };
  }, [client]);
  useEffect(() => {
    if (t === undefined) setDrawn(false);
    else controller.current?.show(camera, t);
  }, [camera, t]);
  return <canvas ref={canvas} aria-hidden data-testid="preview" data-drawn={drawn} width={320} height={180} className={cn(fit === "contain" ? "object-contain" : "object-cover", !drawn && "invisible", className)} />;
}

const hourOf = (t: number) => Math.floor(t / 3_600_000) * 3_600_000;

function draw(canvas: HTMLCanvasElement, source: HTMLVideoElement | HTMLImageElement): void {
  const [width, height] = source instanceof HTMLVideoElement ? [source.videoWidth, source.videoHeight] : [source.naturalWidth, source.naturalHeight];
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d")?.drawImage(source, 0, 0);
}

async function thumbnail(camera: string, wall: number): Promise<HTMLImageElement | undefined> {
  if (wall > now() || !(await api.ensureFresh())) return undefined;
  const image = new Image();
  image.src = thumbnailURL(camera, wall);
  return image.decode().then(
    () => image,
    () => undefined,
  );
}
