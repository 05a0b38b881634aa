"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Field } from "@/components/Field";
import { Failure } from "@/components/Notice";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { Select } from "@/components/ui/select";
import { Skeleton } from "@/components/ui/skeleton";
import { useToasts } from "@/hooks/use-toasts";
import { ApiError, sentence } from "@/lib/api/errors";
import type { Notifier, Package } from "@/lib/api/plugin-types";
import { idOf } from "@/lib/notify";
import { addNotifier, schemaQuery, updateNotifier } from "@/lib/queries/plugins";
import { type Draft, objectDraft, otherErrors, type Schema, settingErrors, settingName, settingsOf } from "@/lib/schema-form";
import { SchemaFields } from "./SchemaForm";

interface NotifierDialogProps {
  /** undefined: a new one */
  notifier: Notifier | undefined;
  /** that can be used */
  plugins: Package[];
  /** ids that exist */
  taken: string[];
  onClose: () => void;
}

/** Makes or changes a notifier, with the fields that its plugin asks for. Is mounted while it is open. */
export function NotifierDialog({ notifier, plugins, taken, onClose }: NotifierDialogProps) {
  const [plugin, setPlugin] = useState(notifier?.plugin ?? "");
  const readOnly = notifier !== undefined && notifier.source !== "database";
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={notifier ? `${notifier.name}: settings` : "Add a notifier"} description="Settings of a notifier" className="sm:max-w-xl">
      {readOnly ? (
        <FileSettings notifier={notifier} />
      ) : (
        <div className="space-y-4 px-4 py-4">
          {!notifier && (
            <Field label="By" help="Which plugin carries the alerts.">
              {(ids) => (
                <Select label="By" className="w-full" value={plugin} onChange={(event) => setPlugin(event.target.value)} {...ids}>
                  <option value="">Choose a plugin</option>
                  {plugins.map((p) => (
                    <option key={p.id} value={p.id}>
                      {p.name}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
          )}
          {plugin && <WithSchema key={plugin} plugin={plugin} name={plugins.find((p) => p.id === plugin)?.name ?? plugin} notifier={notifier} taken={taken} onClose={onClose} />}
        </div>
      )}
    </Dialog>
  );
}

/** What the configuration file says; secrets are not among it. */
function FileSettings({ notifier }: { notifier: Notifier }) {
  const rows = Object.entries(notifier.settings);
  return (
    <div className="space-y-3 px-4 py-4">
      <p className="text-muted">
        It is in the configuration file, below <code className="font-mono text-xs">notifiers.{notifier.id}</code>. Change it there and restart Nightjar.
      </p>
      <dl className="space-y-2">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt className="text-xs text-muted">{settingName(name)}</dt>
            <dd className="break-words font-mono text-xs">{typeof value === "string" ? value : JSON.stringify(value)}</dd>
          </div>
        ))}
        {notifier.secrets_set.map((name) => (
          <div key={name}>
            <dt className="text-xs text-muted">{settingName(name)}</dt>
            <dd>Set, and not shown.</dd>
          </div>
        ))}
      </dl>
      {rows.length + notifier.secrets_set.length === 0 && <p>It has no settings.</p>}
    </div>
  );
}

interface WithSchemaProps {
  plugin: string;
  name: string;
  notifier: Notifier | undefined;
  taken: string[];
  onClose: () => void;
}

function WithSchema(props: WithSchemaProps) {
  const query = useQuery(schemaQuery(props.plugin));
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} className="py-4" />;
  if (!query.data) return <Skeleton className="h-48" />;
  return <Form schema={query.data} {...props} />;
}

function Form({ schema, plugin, name: pluginName, notifier, taken, onClose }: WithSchemaProps & { schema: Schema }) {
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  const [name, setName] = useState(notifier?.name ?? freeName(pluginName, taken));
  const [draft, setDraft] = useState<Draft>(() => objectDraft(schema, notifier?.settings ?? {}));
  const id = notifier?.id ?? idOf(name);
  const save = useMutation({
    mutationFn: () => {
      const settings = settingsOf(schema, draft);
      return notifier ? updateNotifier(client, notifier.id, { name, settings }) : addNotifier(client, { id, name, plugin, settings });
    },
    onSuccess: () => {
      show(notifier ? "The settings are saved." : `${name} is there. Send an example, and make a route that uses it.`, "neutral", notifier ? {} : { link: { href: "/notifications/", label: "Routes" } });
      onClose();
    },
  });
  const fields = save.error instanceof ApiError ? save.error.fields : [];
  const errors = settingErrors(fields);
  const others = otherErrors(errors, schema, draft);
  const idError = taken.includes(id) && !notifier ? "there is a notifier of this name already" : id === "" ? "needs a letter or a digit" : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!idError) save.mutate();
  };
  return (
    <form onSubmit={submit} className="space-y-4" aria-label="Notifier">
      <Field label="Name" required error={idError} help={notifier ? undefined : `Its id will be ${id || "–"}; logs, routes and metrics call it so.`}>
        {(ids) => <Input required maxLength={48} value={name} onChange={(event) => setName(event.target.value)} {...ids} />}
      </Field>
      <SchemaFields schema={schema} draft={draft} onChange={setDraft} errors={errors} secretsSet={notifier?.secrets_set ?? []} existing={notifier !== undefined} />
      {save.isError && (
        <div role="alert" className="rounded-md border border-alert/40 bg-alert/8 px-3 py-2">
          {fields.length === 0 ? sentence(save.error) : others.length > 0 ? others.join(". ") : "Some settings are not right: see above."}
        </div>
      )}
      <div className="sticky bottom-0 -mx-4 -mb-4 flex justify-end gap-2 border-t border-line bg-surface px-4 py-3">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" disabled={save.isPending}>
          {save.isPending ? "Checking…" : notifier ? "Save" : "Add"}
        </Button>
      </div>
    </form>
  );
}

/** "Telegram", or "Telegram 2" where there is one. */
function freeName(name: string, taken: string[]): string {
  if (!taken.includes(idOf(name))) return name;
  for (let i = 2; ; i++) if (!taken.includes(idOf(`${name} ${i}`))) return `${name} ${i}`;
}
