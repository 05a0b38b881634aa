"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Field, Group } from "@/components/Field";
import { TextList } from "@/components/TextList";
import { Button } from "@/components/ui/button";
import { Chip } from "@/components/ui/chip";
import { Dialog } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { Select } from "@/components/ui/select";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { modeName, ruleName } from "@/lib/alerts";
import { sentence } from "@/lib/api/errors";
import type { AlertRoute, Notifier } from "@/lib/api/plugin-types";
import { isObjectLabel, labelName } from "@/lib/format";
import { idOf } from "@/lib/notify";
import { MODES, ruleIdsQuery } from "@/lib/queries/alerts";
import { putRoute } from "@/lib/queries/deliveries";
import { QuietEditor } from "./QuietEditor";
import { SpanInput } from "./SpanInput";
import { TemplateEditor } from "./TemplateEditor";
import { Toggle } from "./Toggle";

interface RouteDialogProps {
  route: AlertRoute;
  notifiers: readonly Notifier[];
  routes: readonly AlertRoute[];
  onClose: () => void;
}

/** Makes, changes or shows a route. Is mounted while it is open. */
export function RouteDialog({ route: first, notifiers, routes, onClose }: RouteDialogProps) {
  const client = useQueryClient();
  const [route, setRoute] = useState(first);
  const fresh = first.id === "";
  const locked = first.from_file ?? false;
  const set = (change: Partial<AlertRoute>) => setRoute((now) => ({ ...now, ...change }));
  const save = useMutation({ mutationFn: () => putRoute(client, tidy({ ...route, id: fresh ? idOf(route.id) : route.id })), onSuccess: onClose });
  const taken = fresh && routes.some((r) => r.id === idOf(route.id));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!taken && idOf(route.id)) save.mutate();
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={fresh ? "Add a route" : `Route ${first.id}`} description="Which alerts a notifier tells, to whom, when and how" className="sm:max-w-2xl">
      <form onSubmit={submit} aria-label="Route">
        {locked && (
          <p className="border-b border-line bg-bg px-4 py-2 text-muted">
            It is in the configuration file, below <code className="font-mono text-xs">notifiers.{first.id}</code>. Change it there and restart Nightjar.
          </p>
        )}
        <fieldset disabled={locked} className="min-w-0 space-y-6 px-4 py-4">
          {fresh && (
            <Field label="Name" required error={taken ? "there is a route of this name already" : undefined} help={idOf(route.id) !== route.id && idOf(route.id) ? `Its id will be ${idOf(route.id)}.` : undefined}>
              {(ids) => <Input required maxLength={48} placeholder="night_watch" value={route.id} onChange={(event) => set({ id: event.target.value })} {...ids} />}
            </Field>
          )}
          <Who route={route} set={set} notifiers={notifiers} />
          <Which route={route} set={set} />
          <When route={route} set={set} />
          <How route={route} set={set} others={routes.filter((r) => r.id !== route.id).map((r) => r.id)} />
        </fieldset>
        {save.isError && (
          <p role="alert" className="mx-4 mb-4 rounded-md border border-alert/40 bg-alert/8 px-3 py-2">
            {sentence(save.error)}
          </p>
        )}
        <div className="sticky bottom-0 flex justify-end gap-2 border-t border-line bg-surface px-4 py-3">
          <Button onClick={onClose}>{locked ? "Close" : "Cancel"}</Button>
          {!locked && (
            <Button type="submit" variant="primary" disabled={save.isPending}>
              {fresh ? "Add" : "Save"}
            </Button>
          )}
        </div>
      </form>
    </Dialog>
  );
}

/** Rows that were left empty say nothing. */
function tidy(route: AlertRoute): AlertRoute {
  const filled = (list: string[]) => [...new Set(list.map((v) => v.trim()).filter(Boolean))];
  return { ...route, recipients: filled(route.recipients), zones: filled(route.zones), rules: filled(route.rules), labels: filled(route.labels), identities: filled(route.identities), escalate: { ...route.escalate, to: filled(route.escalate.to) } };
}

interface PartProps {
  route: AlertRoute;
  set: (change: Partial<AlertRoute>) => void;
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-2 border-b border-line pb-1 font-semibold">{title}</h3>
      <div className="space-y-4">{children}</div>
    </section>
  );
}

function Who({ route, set, notifiers }: PartProps & { notifiers: readonly Notifier[] }) {
  const known = notifiers.some((n) => n.id === route.notifier);
  return (
    <Part title="Who is told">
      <Field label="By">
        {(ids) => (
          <Select label="By" className="w-full" value={route.notifier} onChange={(event) => set({ notifier: event.target.value })} {...ids}>
            {!known && <option value={route.notifier}>{route.notifier} (does not exist)</option>}
            {notifiers.map((n) => (
              <option key={n.id} value={n.id}>
                {n.name}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Group legend="Recipients" help="In the channel's own terms: a chat, an address, a topic. None: the notifier's own.">
        <TextList name="Recipient" values={route.recipients} onChange={(recipients) => set({ recipients })} />
      </Group>
    </Part>
  );
}

const toggled = <T,>(list: readonly T[], value: T): T[] => (list.includes(value) ? list.filter((v) => v !== value) : [...list, value]);

function Chips({ legend, options, chosen, onChange }: { legend: string; options: readonly { id: string; name: string }[]; chosen: readonly string[]; onChange: (chosen: string[]) => void }) {
  return (
    <Group legend={legend}>
      <div className="flex flex-wrap gap-1.5">
        {options.map((o) => (
          <Chip key={o.id} pressed={chosen.includes(o.id)} onClick={() => onChange(toggled(chosen, o.id))} className="max-w-full shrink">
            <span className="truncate">{o.name}</span>
          </Chip>
        ))}
      </div>
    </Group>
  );
}

function Which({ route, set }: PartProps) {
  const boot = useBootstrap().data;
  const cameras = boot?.cameras ?? [];
  const zones = [...new Set(cameras.filter((c) => route.cameras.length === 0 || route.cameras.includes(c.id)).flatMap((c) => (c.areas ?? []).filter((a) => a.kind === "zone").map((a) => a.name)))];
  const labels = [...new Set([...(boot?.labels ?? []), ...route.labels])].filter((l) => isObjectLabel(l) || route.labels.includes(l)).sort();
  return (
    <Part title="Which alerts">
      <p className="text-muted">All that is chosen must hold; where nothing is chosen, everything does.</p>
      <Chips legend="Cameras" options={cameras} chosen={route.cameras} onChange={(next) => set({ cameras: next })} />
      {labels.length > 0 && <Chips legend="What it is" options={labels.map((l) => ({ id: l, name: labelName(l) }))} chosen={route.labels} onChange={(next) => set({ labels: next })} />}
      {[...zones, ...route.zones].length > 0 && <Chips legend="Zones it entered" options={[...new Set([...zones, ...route.zones])].map((z) => ({ id: z, name: labelName(z) }))} chosen={route.zones} onChange={(next) => set({ zones: next })} />}
      <Rules chosen={route.rules} onChange={(rules) => set({ rules })} />
      <Chips legend="Armed" options={MODES.map((m) => ({ id: m, name: modeName(m) }))} chosen={route.modes} onChange={(modes) => set({ modes })} />
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Severity">
          {(ids) => (
            <Select label="Severity" className="w-full" value={route.min_severity} onChange={(event) => set({ min_severity: event.target.value as AlertRoute["min_severity"] })} {...ids}>
              <option value="">Any</option>
              <option value="low">Low and above</option>
              <option value="normal">Normal and above</option>
              <option value="high">High only</option>
            </Select>
          )}
        </Field>
      </div>
      <div className="grid gap-4 sm:grid-cols-2">
        <Group legend="People" help="known, unknown, or a name.">
          <TextList name="Person" values={route.identities} suggestions={["known", "unknown"]} id="identities" onChange={(identities) => set({ identities })} />
        </Group>
      </div>
    </Part>
  );
}

/** Rules to choose from. One that is chosen and no longer configured stays in sight, for it keeps the route silent. */
function Rules({ chosen, onChange }: { chosen: readonly string[]; onChange: (rules: string[]) => void }) {
  const query = useQuery(ruleIdsQuery());
  const known = query.data ?? [];
  const gone = chosen.filter((r) => !known.includes(r));
  if (query.isPending) return <Group legend="Alert rules">Loading…</Group>;
  if (query.isError && !query.data) {
    return (
      <Group legend="Alert rules">
        <p role="alert" className="flex flex-wrap items-center gap-3 text-alert">
          {sentence(query.error)}
          <Button onClick={() => void query.refetch()}>Try again</Button>
        </p>
      </Group>
    );
  }
  if (known.length + gone.length === 0) return null;
  return (
    <>
      <Chips legend="Alert rules that made it one" options={[...known, ...gone].map((r) => ({ id: r, name: ruleName(r) }))} chosen={chosen} onChange={onChange} />
      {gone.length > 0 && (
        <p className="text-xs text-detection">
          {gone.map(ruleName).join(", ")}: not in config.yaml. {gone.length === chosen.length ? "This route tells nothing until you take it out." : "It makes no alert any more; take it out."}
        </p>
      )}
    </>
  );
}

function When({ route, set }: PartProps) {
  return (
    <Part title="When">
      <QuietEditor quiet={route.quiet} onChange={(quiet) => set({ quiet })} />
      <div className="grid gap-4 sm:grid-cols-2">
        <Group legend="At most" help="Per recipient; what exceeds it is told as one. Empty: no limit.">
          <div className="flex flex-wrap items-center gap-2">
            <Input type="number" min={0} max={1000} aria-label="Alerts at once" className="w-20!" value={route.rate.burst || ""} onChange={(event) => set({ rate: { per_seconds: route.rate.per_seconds || 600, burst: Number(event.target.value) } })} />
            <span className="text-muted">per</span>
            <SpanInput label="Time in which they are earned again" value={route.rate.per_seconds} onChange={(per_seconds) => set({ rate: { ...route.rate, per_seconds } })} />
          </div>
        </Group>
        <Group legend="Collect for" help="Alerts of this time are told as one. Empty: each at once.">
          <SpanInput label="Time to collect alerts" value={route.digest_seconds} onChange={(digest_seconds) => set({ digest_seconds })} />
        </Group>
        <Group legend="Old news after" help="Then it is not told any more. Empty: 6 hours.">
          <SpanInput label="Time after which an alert is old news" value={route.expire_seconds} onChange={(expire_seconds) => set({ expire_seconds })} />
        </Group>
      </div>
    </Part>
  );
}

function How({ route, set, others }: PartProps & { others: string[] }) {
  const e = route.escalate;
  return (
    <Part title="How">
      <div className="space-y-1">
        <Toggle label="Never make a sound" checked={route.silent} onChange={(silent) => set({ silent })} />
        <Toggle label="Tell changes and the end too" checked={route.updates} onChange={(updates) => set({ updates })} />
      </div>
      <Group legend="If nobody acknowledges within" help="Then these routes tell it, whatever their conditions. Empty: nobody else is told.">
        <SpanInput label="Time to acknowledge" value={e.after_seconds} onChange={(after_seconds) => set({ escalate: { ...e, after_seconds } })} />
        {e.after_seconds > 0 && (
          <div className="mt-2 flex flex-wrap gap-1.5">
            {[...new Set([...others, ...e.to])].map((id) => (
              <Chip key={id} pressed={e.to.includes(id)} onClick={() => set({ escalate: { ...e, to: toggled(e.to, id) } })}>
                {id}
              </Chip>
            ))}
            {others.length === 0 && <span className="text-detection">There is no other route to tell it by.</span>}
          </div>
        )}
      </Group>
      <TemplateEditor title={route.title} text={route.text} onChange={set} />
    </Part>
  );
}
