"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { BellRing, Send } from "lucide-react";
import Link from "next/link";
import { useEffect, useState } from "react";
import { Command } from "@/components/Command";
import { Failure } from "@/components/Notice";
import { Section } from "@/components/Section";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Select } from "@/components/ui/select";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { sentence } from "@/lib/api/errors";
import type { PushKey } from "@/lib/api/plugin-types";
import { whole } from "@/lib/notify";
import { current, pushSupport, type PushSupport, subscribe, unsubscribe } from "@/lib/push";
import { testNotifier } from "@/lib/queries/plugins";
import { pushKeysQuery } from "@/lib/queries/push";

/** Alerts in this very browser, whether a page is open or not. */
export function BrowserPush() {
  const query = useQuery(pushKeysQuery());
  const [support, setSupport] = useState<PushSupport>();
  useEffect(() => setSupport(pushSupport()), []);
  return (
    <Section title="Alerts in this browser">
      {query.isError && !query.data ? (
        <Failure error={query.error} retry={() => void query.refetch()} />
      ) : !query.data || !support ? (
        <Skeleton className="m-4 h-16" />
      ) : support !== "yes" ? (
        <p className="px-4 py-3" data-testid="push-support">
          {support === "insecure" ? "Browsers allow notifications only from pages with https. Open Nightjar by its https address, or on the recorder itself as localhost." : "This browser has no push notifications. On an iPhone or iPad, add Nightjar to the home screen first and open it from there."}
        </p>
      ) : query.data.length === 0 ? (
        <NoKey />
      ) : (
        <Switcher keys={query.data} />
      )}
    </Section>
  );
}

function NoKey() {
  const admin = useBootstrap().data?.user.role === "admin";
  return (
    <div className="space-y-2 px-4 py-3">
      <p>No notifier tells browsers yet.</p>
      <p className="text-muted">
        {admin ? (
          <>
            On the{" "}
            <Link href="/system/plugins/" prefetch={false} className="text-accent underline underline-offset-2">
              Plugins page
            </Link>
            , add a notifier of the plugin Push and choose the service webpush. It asks for a pair of keys, by which browsers know that an alert comes from here. This makes a pair; run it on the recorder, in the folder of the nightjar program:
          </>
        ) : (
          "Ask an administrator to add one: the plugin Push with the service webpush."
        )}
      </p>
      {admin && <Command>plugins/notifiers vapid</Command>}
    </div>
  );
}

const subscriptionKey = ["push-subscription"] as const;

function Switcher({ keys }: { keys: PushKey[] }) {
  const client = useQueryClient();
  const admin = useBootstrap().data?.user.role === "admin";
  const [chosen, setChosen] = useState(keys[0]!.notifier);
  const mine = useQuery({ queryKey: subscriptionKey, queryFn: async () => (await current()) ?? null, staleTime: Infinity });
  const key = keys.find((k) => k.notifier === chosen) ?? keys[0]!;
  const refresh = () => client.invalidateQueries({ queryKey: subscriptionKey });
  const on = useMutation({ mutationFn: () => subscribe(key.notifier, key.public_key), onSettled: refresh });
  const off = useMutation({ mutationFn: unsubscribe, onSettled: refresh });
  const test = useMutation({ mutationFn: ({ notifier, id }: { notifier: string; id: string }) => testNotifier(notifier, id) });
  const error = on.error ?? off.error ?? test.error;
  const told = mine.data;
  return (
    <div className="space-y-3 px-4 py-3">
      <p className="flex flex-wrap items-center gap-2">
        {told ? <Badge tone="live">Subscribed</Badge> : <Badge>Not subscribed</Badge>}
        {told ? "Alerts appear on this device, also while Nightjar is closed." : "Get alerts on this device, also while Nightjar is closed. A press on one opens its event."}
      </p>
      <div className="flex flex-wrap gap-2">
        {!told && keys.length > 1 && (
          <Select label="By which notifier" value={chosen} onChange={(event) => setChosen(event.target.value)}>
            {keys.map((k) => (
              <option key={k.notifier} value={k.notifier}>
                {k.name}
              </option>
            ))}
          </Select>
        )}
        {told ? (
          <Button disabled={off.isPending} onClick={() => off.mutate()}>
            Unsubscribe
          </Button>
        ) : (
          <Button variant="primary" disabled={on.isPending || mine.isPending} onClick={() => on.mutate()}>
            <BellRing aria-hidden />
            {on.isPending ? "Asking the browser…" : "Subscribe this browser"}
          </Button>
        )}
        {told && admin && (
          <Button disabled={test.isPending} onClick={() => test.mutate(told)}>
            <Send aria-hidden />
            Send an example
          </Button>
        )}
      </div>
      <div aria-live="polite">
        {error && (
          <p role="alert" className="text-alert">
            {sentence(error)}
          </p>
        )}
        {!error && test.data && <p>{test.data.class === "ok" ? "The example is on its way to this browser." : whole(test.data.detail)}</p>}
      </div>
      {told && (
        <p className="text-xs text-muted">
          Its route is called <code className="font-mono">{told.id}</code>; {admin ? "choose there which alerts it gets, and when." : "an administrator can choose which alerts it gets, and when."}
        </p>
      )}
    </div>
  );
}
