"use client";
import { type FormEvent, useId, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { useNamed, usePersons } from "@/hooks/use-faces";
import { sentence } from "@/lib/api/errors";
import type { Person } from "@/lib/api/face-types";
import { addPerson, deletePerson, uploadFace } from "@/lib/queries/faces";
import { PictureDrop } from "./PictureDrop";
import { canBeSent, type Picture, sendAll, taken } from "./upload";

interface AddDialogProps {
  /** whose pictures they are; without, a new person's */
  person?: Pick<Person, "id" | "name">;
  onClose: () => void;
}

/** Somebody new by pictures, or more pictures of somebody. */
export function AddDialog({ person, onClose }: AddDialogProps) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={person ? `Add pictures of ${person.name}` : "Add a person"} description="Pictures that show one face each" className="sm:max-w-lg">
      <Form person={person} onClose={onClose} />
    </Dialog>
  );
}

function Form({ person, onClose }: AddDialogProps) {
  const persons = usePersons().data;
  const named = useNamed();
  const [name, setName] = useState(person?.name ?? "");
  const [pictures, setPictures] = useState<Picture[]>([]);
  const [made, setMade] = useState(person);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [finished, setFinished] = useState(false);
  const next = useRef(1);
  const id = useId();
  const tell = (key: number, change: Partial<Picture>) => setPictures((all) => all.map((p) => (p.key === key ? { ...p, ...change } : p)));
  const add = (files: File[]) => {
    setPictures((all) => [...all, ...taken(files, next.current)]);
    next.current += files.length;
    setFinished(false);
  };
  const same = !made && persons?.find((p) => p.name.toLocaleLowerCase() === name.trim().toLocaleLowerCase());
  const sendable = pictures.filter(canBeSent).length;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const target = made ?? (same || (await addPerson(name.trim())));
      const done = await sendAll(pictures, (file) => uploadFace(target.id, file), tell);
      // Nobody stays in the library without a face because the first picture showed none.
      if (done === 0 && !made && !same) await deletePerson(target.id);
      else setMade({ id: target.id, name: target.name });
      setFinished(done > 0);
      await named();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate className="flex flex-col">
      <div className="space-y-3 px-4 py-4">
        {!person && (
          <label className="block">
            <span className="text-xs font-medium text-muted">Name</span>
            <input
              value={name}
              disabled={made !== undefined || busy}
              onChange={(event) => setName(event.target.value)}
              maxLength={64}
              autoFocus
              autoComplete="off"
              autoCapitalize="words"
              spellCheck={false}
              aria-describedby={same ? id : undefined}
              className="mt-1 h-control w-full rounded-md border border-line bg-bg px-2.5 font-medium disabled:opacity-60 max-sm:text-[16px]"
            />
            {same && (
              <span id={id} className="mt-1 block text-xs text-detection">
                {same.name} is in the library already: the pictures are added there.
              </span>
            )}
          </label>
        )}
        <PictureDrop pictures={pictures} onAdd={add} onRemove={(picture) => setPictures(pictures.filter((p) => p !== picture))} disabled={busy} />
        {error !== undefined && (
          <p role="alert" className="text-alert">
            {sentence(error)}
          </p>
        )}
        <p className="text-xs text-muted">A face is biometric data: add people who agreed to it only. Two or three pictures in different light are better than one.</p>
      </div>
      <div className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-surface px-4 py-3">
        <Button onClick={onClose}>{finished ? "Done" : "Cancel"}</Button>
        {!(finished && sendable === 0) && (
          <Button type="submit" variant="primary" disabled={busy || sendable === 0 || name.trim() === ""}>
            {busy ? "Adding…" : sendable > 1 ? `Add ${sendable} pictures` : person || made ? "Add picture" : "Add person"}
          </Button>
        )}
      </div>
    </form>
  );
}
