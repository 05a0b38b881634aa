"use client";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { FacePicture } from "@/components/FacePicture";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Select } from "@/components/ui/select";
import { useNamed, usePersons } from "@/hooks/use-faces";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { Person } from "@/lib/api/face-types";
import { cn } from "@/lib/cn";
import { count } from "@/lib/faces";
import { personHref } from "@/lib/links";
import { mergePersons } from "@/lib/queries/faces";

/** Two entries are one person: who is the other, and which name stays. */
export function MergeDialog({ person, onClose, onGone }: { person: Person; onClose: () => void; onGone: () => void }) {
  const others = (usePersons().data ?? []).filter((p) => p.id !== person.id);
  const router = useRouter();
  const named = useNamed();
  const show = useToasts((s) => s.show);
  const [otherId, setOther] = useState("");
  const [stays, setStays] = useState(person.id);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const other = others.find((p) => p.id === otherId);
  const [into, goes] = stays === person.id ? [person, other] : [other, person];
  const merge = () => {
    if (!into || !goes) return;
    setBusy(true);
    setError(undefined);
    mergePersons(into.id, goes.id)
      .then((merged) => {
        show(`${goes.name} and ${merged.name} are one person now: ${merged.name}.`);
        onClose();
        if (into.id === person.id) return void named();
        onGone();
        router.replace(personHref(into.id));
      }, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={`Merge ${person.name} with somebody`} className="sm:max-w-md">
      <div className="space-y-4 px-4 py-4">
        {others.length === 0 ? (
          <p>There is nobody else in the library.</p>
        ) : (
          <Select
            label="The same person as"
            value={otherId}
            onChange={(event) => {
              setOther(event.target.value);
              setStays(person.id);
            }}
            className="w-full"
          >
            <option value="">The same person as …</option>
            {others.map((p) => (
              <option key={p.id} value={p.id}>
                {p.name} ({count(p.faces, "face")})
              </option>
            ))}
          </Select>
        )}
        {other && into && goes && (
          <>
            <fieldset>
              <legend className="mb-1.5 text-xs font-medium text-muted">Which name stays?</legend>
              <div className="grid grid-cols-2 gap-2">
                {[person, other].map((p) => (
                  <label key={p.id} className={cn("flex cursor-pointer items-center gap-2 rounded-lg border p-2 focus-within:outline-2 focus-within:outline-accent", p.id === stays ? "border-accent/60 bg-accent/10" : "border-line bg-raised hover:bg-overlay")}>
                    <input type="radio" name="stays" value={p.id} checked={p.id === stays} onChange={() => setStays(p.id)} className="sr-only" />
                    <FacePicture url={p.cover} alt="" className="size-12" />
                    <span className="min-w-0">
                      <span className="block truncate font-semibold">{p.name}</span>
                      <span className="block text-xs text-muted">{count(p.faces, "face")}</span>
                    </span>
                  </label>
                ))}
              </div>
            </fieldset>
            <p>
              {count(goes.faces, "face")} and {count(goes.events, "event")} of {goes.name} become {into.name}’s, and {goes.name} is gone then. This cannot be undone.
            </p>
          </>
        )}
        {error !== undefined && (
          <p role="alert" className="text-alert">
            {sentence(error)}
          </p>
        )}
      </div>
      <div className="flex justify-end gap-2 border-t border-line px-4 py-3">
        <Button onClick={onClose}>Cancel</Button>
        <Button variant="primary" disabled={busy || !other} onClick={merge}>
          <span className="max-w-52 truncate">{into && other ? `Merge into ${into.name}` : "Merge"}</span>
        </Button>
      </div>
    </Dialog>
  );
}
