"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { sentence } from "@/lib/api/errors";
import type { Camera } from "@/lib/api/types";
import { type CameraSwitch, putCamera, setCameraSwitch } from "@/lib/queries/cameras";
import { useToasts } from "./use-toasts";

/** Turns recording or detection of a camera on or off. Shown at once, taken back with the server's reason if refused. */
export function useCameraSwitch(camera: Camera) {
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  return useMutation({
    mutationFn: ({ which, enabled }: { which: CameraSwitch; enabled: boolean }) => setCameraSwitch(camera.id, which, enabled),
    onMutate: ({ which, enabled }) => putCamera(client, { ...camera, [which]: enabled }),
    onSuccess: (answer) => putCamera(client, answer),
    onError: (error) => {
      putCamera(client, camera);
      show(sentence(error), "alert");
    },
  });
}
