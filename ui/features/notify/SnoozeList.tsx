"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { BellOff, X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Field } from "@/components/Field";
import { Failure, Notice } from "@/components/Notice";
import { Section } from "@/components/Section";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Select } from "@/components/ui/select";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap, useCameraName } from "@/hooks/use-bootstrap";
import { useClock } from "@/hooks/use-clock";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { Snooze } from "@/lib/api/plugin-types";
import { addSnooze, endSnooze, snoozesQuery } from "@/lib/queries/deliveries";
import { notifiersQuery } from "@/lib/queries/plugins";
import { duration } from "@/lib/time/duration";
import { dateTime } from "@/lib/time/zone";

/** Who is left in peace, and until when. */
export function SnoozeList({ admin }: { admin: boolean }) {
  const query = useQuery(snoozesQuery());
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton className="h-32" />;
  return (
    <>
      {admin && <AddSnooze />}
      <Section title="Snoozes">
        {query.data.length === 0 ? (
          <Notice icon={BellOff} title="Nobody is snoozing">
            Alerts reach whom the routes name. A snooze keeps them away for a while; the history then shows them as not told on purpose.
          </Notice>
        ) : (
          <ul>
            {query.data.map((z) => (
              <Row key={`${z.notifier} ${z.recipient} ${z.camera}`} snooze={z} admin={admin} />
            ))}
          </ul>
        )}
      </Section>
    </>
  );
}

function Row({ snooze: z, admin }: { snooze: Snooze; admin: boolean }) {
  const client = useQueryClient();
  const name = useCameraName();
  const now = useClock();
  const show = useToasts((s) => s.show);
  const end = useMutation({ mutationFn: () => endSnooze(client, z), onError: (error) => show(sentence(error), "alert") });
  const what = z.camera ? name(z.camera) : "All cameras";
  return (
    <li className="flex items-center gap-3 border-b border-line px-4 py-2.5 last:border-b-0" data-testid="snooze">
      <span className="min-w-0 flex-1">
        <b className="font-medium">{what}</b> <span className="text-muted">by {z.notifier || "every notifier"}</span>
        {z.recipient && <span className="break-all text-muted"> to {z.recipient}</span>}
        <span className="block text-xs text-muted">
          until {dateTime(z.until)}
          {now > 0 && z.until > now && `, for another ${duration(z.until - now)}`}
          {z.by && ` · by ${z.by}`}
        </span>
      </span>
      {admin && (
        <Button disabled={end.isPending} aria-label={`End the snooze of ${what}`} onClick={() => end.mutate()}>
          <X aria-hidden />
          End
        </Button>
      )}
    </li>
  );
}

const lengths = [
  { seconds: 900, name: "15 minutes" },
  { seconds: 3600, name: "1 hour" },
  { seconds: 4 * 3600, name: "4 hours" },
  { seconds: 12 * 3600, name: "12 hours" },
  { seconds: 86_400, name: "1 day" },
  { seconds: 7 * 86_400, name: "1 week" },
] as const;

function AddSnooze() {
  const client = useQueryClient();
  const cameras = useBootstrap().data?.cameras ?? [];
  const notifiers = useQuery(notifiersQuery()).data ?? [];
  const [draft, setDraft] = useState({ notifier: "", recipient: "", camera: "", seconds: 3600 });
  const set = (change: Partial<typeof draft>) => setDraft({ ...draft, ...change });
  const add = useMutation({ mutationFn: () => addSnooze(client, draft) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Section title="Keep alerts away for a while">
      <form onSubmit={submit} aria-label="Snooze" className="flex flex-wrap items-end gap-3 px-4 py-3">
        <Field label="Of" className="min-w-36 flex-1">
          {(ids) => (
            <Select label="Of" className="w-full" value={draft.camera} onChange={(event) => set({ camera: event.target.value })} {...ids}>
              <option value="">All cameras</option>
              {cameras.map((c) => (
                <option key={c.id} value={c.id}>
                  {c.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="By" className="min-w-36 flex-1">
          {(ids) => (
            <Select label="By" className="w-full" value={draft.notifier} onChange={(event) => set({ notifier: event.target.value, recipient: event.target.value ? draft.recipient : "" })} {...ids}>
              <option value="">Every notifier</option>
              {notifiers.map((n) => (
                <option key={n.id} value={n.id}>
                  {n.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {draft.notifier && (
          <Field label="To" className="min-w-36 flex-1">
            {(ids) => <Input placeholder="Its usual recipient" maxLength={2048} value={draft.recipient} onChange={(event) => set({ recipient: event.target.value })} {...ids} />}
          </Field>
        )}
        <Field label="For" className="min-w-32">
          {(ids) => (
            <Select label="For" className="w-full" value={draft.seconds} onChange={(event) => set({ seconds: Number(event.target.value) })} {...ids}>
              {lengths.map((l) => (
                <option key={l.seconds} value={l.seconds}>
                  {l.name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Button type="submit" variant="primary" disabled={add.isPending}>
          <BellOff aria-hidden />
          Snooze
        </Button>
        {add.isError && (
          <p role="alert" className="w-full text-alert">
            {sentence(add.error)}
          </p>
        )}
      </form>
    </Section>
  );
}
