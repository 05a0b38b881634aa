"use client";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { useNamed } from "@/hooks/use-faces";
import { sentence } from "@/lib/api/errors";
import type { Person } from "@/lib/api/face-types";
import { count } from "@/lib/faces";
import { fieldText } from "@/lib/form";
import { renamePerson } from "@/lib/queries/faces";

export function RenameDialog({ person, onClose }: { person: Person; onClose: () => void }) {
  const named = useNamed();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = fieldText(new FormData(event.currentTarget), "name").trim();
    if (name === person.name) return onClose();
    setBusy(true);
    setError(undefined);
    renamePerson(person.id, name)
      .then(() => {
        void named();
        onClose();
      }, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={`Rename ${person.name}`} className="sm:max-w-md">
      <form onSubmit={submit} noValidate>
        <div className="px-4 py-4">
          <label className="block">
            <span className="text-xs font-medium text-muted">Name</span>
            <input name="name" defaultValue={person.name} maxLength={64} autoFocus autoComplete="off" spellCheck={false} onFocus={(e) => e.target.select()} className="mt-1 h-control w-full rounded-md border border-line bg-bg px-2.5 font-medium max-sm:text-[16px]" />
          </label>
          {error !== undefined && (
            <p role="alert" className="mt-2 text-alert">
              {sentence(error)}
            </p>
          )}
          <p className="mt-2 text-xs text-muted">{person.events > 0 ? `${count(person.events, "event")} will say the new name too. ` : ""}Alert rules that ask for “{person.name}” must be changed in config.yaml.</p>
        </div>
        <div className="flex justify-end gap-2 border-t border-line px-4 py-3">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" disabled={busy}>
            Rename
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
