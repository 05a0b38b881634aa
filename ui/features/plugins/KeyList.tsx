"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Confirm } from "@/components/Confirm";
import { Field } from "@/components/Field";
import { Section } from "@/components/Section";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Input, Textarea } from "@/components/ui/input";
import { sentence } from "@/lib/api/errors";
import type { PluginKey } from "@/lib/api/plugin-types";
import { addKey, removeKey } from "@/lib/queries/plugins";
import { dateTime } from "@/lib/time/zone";

/** Whose signatures count. */
export function KeyList({ keys }: { keys: PluginKey[] }) {
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<PluginKey>();
  return (
    <Section
      title="Trusted signers"
      action={
        <Button onClick={() => setAdding(true)}>
          <Plus aria-hidden />
          Trust a key
        </Button>
      }
    >
      {keys.length === 0 ? (
        <p className="px-4 py-3 text-muted">None yet. A plugin whose author’s key is listed here counts as signed.</p>
      ) : (
        <ul>
          {keys.map((key) => (
            <li key={key.fingerprint} className="flex items-center gap-3 border-b border-line px-4 py-2 last:border-b-0">
              <KeyRound className="size-4 shrink-0 text-muted" aria-hidden />
              <span className="min-w-0 flex-1">
                <b className="font-medium">{key.name}</b> <span className="break-all font-mono text-xs text-muted">{key.fingerprint}</span>
                <span className="block text-xs text-muted">
                  since {dateTime(key.added_at)}
                  {key.added_by && `, by ${key.added_by}`}
                </span>
              </span>
              <Button variant="ghost" size="icon" aria-label={`Trust ${key.name} no longer`} onClick={() => setRemoving(key)}>
                <Trash2 aria-hidden />
              </Button>
            </li>
          ))}
        </ul>
      )}
      {adding && <AddKey onClose={() => setAdding(false)} />}
      <Confirm open={removing !== undefined} onClose={() => setRemoving(undefined)} title={`Trust ${removing?.name ?? ""} no longer?`} action="Trust no longer" onConfirm={() => (removing ? removeKey(client, removing.fingerprint) : Promise.resolve())}>
        Plugins signed with this key then count as not signed.
      </Confirm>
    </Section>
  );
}

function AddKey({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [key, setKey] = useState("");
  const add = useMutation({ mutationFn: () => addKey(client, name.trim(), key), onSuccess: onClose });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Trust a key" description="Plugins signed with it count as signed" className="sm:max-w-lg">
      <form onSubmit={submit} className="space-y-4 px-4 py-4">
        <Field label="Whose it is" required>
          {(ids) => <Input required maxLength={64} value={name} onChange={(event) => setName(event.target.value)} {...ids} />}
        </Field>
        <Field label="Public key" required help="The .pub file that nightjar plugin keygen made." error={add.isError ? sentence(add.error) : undefined}>
          {(ids) => <Textarea required rows={4} maxLength={4096} spellCheck={false} className="font-mono text-xs" placeholder="-----BEGIN PUBLIC KEY-----" value={key} onChange={(event) => setKey(event.target.value)} {...ids} />}
        </Field>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" disabled={add.isPending}>
            Trust it
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
