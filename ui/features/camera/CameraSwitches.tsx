"use client";
import { useId } from "react";
import { Switch } from "@/components/ui/switch";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useCameraSwitch } from "@/hooks/use-camera-switch";
import type { Camera } from "@/lib/api/types";
import type { CameraSwitch } from "@/lib/queries/cameras";

const switches: { which: CameraSwitch; name: string; on: string; off: string }[] = [
  { which: "recording", name: "Recording", on: "Everything is kept", off: "Nothing is kept: this time will be missing" },
  { which: "detecting", name: "Detection", on: "People, objects and motion become events", off: "Nothing becomes an event" },
];

export function CameraSwitches({ camera }: { camera: Camera }) {
  const change = useCameraSwitch(camera);
  const user = useBootstrap().data?.user;
  const viewer = user?.role === "viewer";
  const id = useId();
  return (
    <div className="border-t border-line">
      {switches.map(({ which, name, on, off }) => (
        <div key={which} className="flex min-h-12 items-center justify-between gap-3 border-b border-line px-3 py-2">
          <label htmlFor={`${id}-${which}`} className="min-w-0">
            <span className="block font-medium">{name}</span>
            <span className="block text-xs text-muted">{viewer ? "Only an administrator can change this" : camera[which] ? on : off}</span>
          </label>
          <Switch
            id={`${id}-${which}`}
            checked={camera[which]}
            disabled={viewer || camera.state === "disabled" || change.isPending}
            onCheckedChange={(enabled) => change.mutate({ which, enabled })}
          />
        </div>
      ))}
    </div>
  );
}
