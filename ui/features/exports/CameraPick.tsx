"use client";
import { Chip } from "@/components/ui/chip";
import { useBootstrap } from "@/hooks/use-bootstrap";

/** Which cameras are meant; several may be. */
export function CameraPick({ chosen, onChange }: { chosen: string[]; onChange: (cameras: string[]) => void }) {
  const cameras = useBootstrap().data?.cameras ?? [];
  return (
    <fieldset>
      <legend className="mb-1.5 text-xs font-medium text-muted">Cameras</legend>
      <div className="flex flex-wrap gap-1.5">
        {cameras.map((camera) => {
          const pressed = chosen.includes(camera.id);
          return (
            <Chip key={camera.id} pressed={pressed} onClick={() => onChange(pressed ? chosen.filter((id) => id !== camera.id) : [...chosen, camera.id])}>
              {camera.name}
            </Chip>
          );
        })}
      </div>
    </fieldset>
  );
}
