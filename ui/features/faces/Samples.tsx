"use client";
import { ImagePlus, Trash2, UserRoundPen } from "lucide-react";
import { useState } from "react";
import { Confirm } from "@/components/Confirm";
import { FacePicture } from "@/components/FacePicture";
import { WhoDialog } from "@/components/WhoDialog";
import { Button } from "@/components/ui/button";
import { useCameraName } from "@/hooks/use-bootstrap";
import { useNamed } from "@/hooks/use-faces";
import { useToasts } from "@/hooks/use-toasts";
import type { Face, PersonDetail } from "@/lib/api/face-types";
import { count } from "@/lib/faces";
import { percent } from "@/lib/format";
import { assignFaces, deleteFaces } from "@/lib/queries/faces";
import { dateTime } from "@/lib/time/zone";

interface SamplesProps {
  person: PersonDetail;
  mayChange: boolean;
  /** absent where no picture can be added now */
  onAdd?: () => void;
}

/** The faces a person is recognised by. */
export function Samples({ person, mayChange, onAdd }: SamplesProps) {
  const [removing, setRemoving] = useState<Face>();
  const [moving, setMoving] = useState<Face>();
  const camera = useCameraName();
  const named = useNamed();
  const show = useToasts((s) => s.show);
  const hidden = person.faces - person.samples.length;
  const from = (face: Face) => (face.source === "upload" ? "Uploaded" : (face.camera && camera(face.camera)) || "From an event");
  return (
    <section aria-labelledby="samples" className="mt-6">
      <h2 id="samples" className="mb-2 text-sm font-semibold">
        Faces
      </h2>
      {person.samples.length === 0 ? (
        <div className="rounded-lg border border-line bg-surface px-4 py-6 text-center text-muted">
          <p>{hidden > 0 ? "The faces are from cameras you may not see." : `Without a face ${person.name} is never recognised.`}</p>
          {onAdd && hidden === 0 && (
            <Button variant="primary" onClick={onAdd} className="mt-3">
              <ImagePlus aria-hidden />
              Add pictures
            </Button>
          )}
        </div>
      ) : (
        <ul aria-label={`Faces of ${person.name}`} className="grid grid-cols-[repeat(auto-fill,minmax(128px,1fr))] gap-3 max-sm:grid-cols-2">
          {person.samples.map((face) => (
            <li key={face.id} data-testid="sample" className="flex flex-col overflow-hidden rounded-lg border border-line bg-surface">
              <FacePicture url={face.url} alt={`Face of ${person.name}, ${dateTime(Date.parse(face.seen_at))}`} className="aspect-square w-full rounded-none" />
              <div className="px-2 py-1.5 text-xs text-muted">
                <p className="truncate text-fg">{from(face)}</p>
                <p className="truncate">{dateTime(Date.parse(face.seen_at))}</p>
                <p className="truncate" title="Quality, and size of the face in the picture it is from">
                  {percent(face.quality)} · {face.size} px
                </p>
              </div>
              {mayChange && (
                <div className="mt-auto flex border-t border-line">
                  <button type="button" onClick={() => setMoving(face)} title="This is somebody else" aria-label={`This face of ${dateTime(Date.parse(face.seen_at))} is somebody else’s`} className="grid h-control flex-1 place-items-center text-muted hover:bg-raised hover:text-fg">
                    <UserRoundPen className="size-4" aria-hidden />
                  </button>
                  <button type="button" onClick={() => setRemoving(face)} title="Remove this face" aria-label={`Remove the face of ${dateTime(Date.parse(face.seen_at))}`} className="grid h-control flex-1 place-items-center border-l border-line text-muted hover:bg-raised hover:text-alert">
                    <Trash2 className="size-4" aria-hidden />
                  </button>
                </div>
              )}
            </li>
          ))}
        </ul>
      )}
      {person.samples.length > 0 && hidden > 0 && <p className="mt-2 text-xs text-muted">{count(hidden, "more face is", "more faces are")} from cameras you may not see.</p>}
      <Confirm
        open={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title="Remove this face?"
        action="Remove"
        keep="Cancel"
        onConfirm={async () => {
          if (removing) await deleteFaces([removing.id]);
          await named();
        }}
      >
        <p>
          The picture and what was measured of it are deleted.{" "}
          {person.faces === 1 ? `It is the only one: without any, ${person.name} is never recognised.` : `${person.name} is recognised by the other ${count(person.faces - 1, "face")} then.`}
        </p>
        <p className="mt-2 text-muted">Events that were named by it may lose the name.</p>
      </Confirm>
      <WhoDialog
        open={moving !== undefined}
        onClose={() => setMoving(undefined)}
        title="Whose face is this?"
        except={person.id}
        onChoose={async (who) => {
          if (!moving) return;
          const { person: now } = await assignFaces([moving.id], who);
          show(`This face is ${now.name}’s now.`);
          await named();
        }}
      >
        {moving && <FacePicture url={moving.url} alt="The face" className="mx-4 mt-4 size-24" />}
      </WhoDialog>
    </section>
  );
}
