"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleAlert, FileText, Pencil, RotateCw, Send, Trash2 } from "lucide-react";
import Link from "next/link";
import { useId, useState } from "react";
import { Confirm } from "@/components/Confirm";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Switch } from "@/components/ui/switch";
import { useClock } from "@/hooks/use-clock";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { Notifier, QueueDepth } from "@/lib/api/plugin-types";
import { bytes } from "@/lib/format";
import { notifierReason, notifierState, trustOf, whole } from "@/lib/notify";
import { removeNotifier, restartNotifier, updateNotifier } from "@/lib/queries/plugins";
import { ago, duration } from "@/lib/time/duration";
import { NotifierLog } from "./NotifierLog";
import { TestPanel } from "./TestPanel";

interface NotifierRowProps {
  notifier: Notifier;
  queue: QueueDepth | undefined;
  onEdit: () => void;
}

/** How one notifier fares, and what can be done with it. */
export function NotifierRow({ notifier: n, queue, onEdit }: NotifierRowProps) {
  const [panel, setPanel] = useState<"test" | "log">();
  const [removing, setRemoving] = useState(false);
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  const id = useId();
  const fail = (error: unknown) => void show(sentence(error), "alert");
  const restart = useMutation({ mutationFn: () => restartNotifier(client, n.id), onSuccess: () => show(`${n.name} starts anew.`), onError: fail });
  const enable = useMutation({ mutationFn: (enabled: boolean) => updateNotifier(client, n.id, { enabled }), onError: fail });
  const state = notifierState(n.state);
  const reason = notifierReason(n);
  const own = n.source === "database";
  const toggle = (which: "test" | "log") => setPanel(panel === which ? undefined : which);
  return (
    <li className="border-b border-line px-4 py-3 last:border-b-0 max-sm:px-3" data-testid="notifier" data-notifier={n.id} data-state={n.state}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
        <h3 id={`${id}-name`} className="font-semibold">
          {n.name}
        </h3>
        <Badge tone={state.look}>{state.name}</Badge>
        {n.source === "file" && <Badge title="Change it there, and restart Nightjar">In the configuration file</Badge>}
        {n.source === "dev" && <Badge tone="info">Under development</Badge>}
        <span className="text-xs text-muted">
          {n.plugin_name || n.plugin} {n.version}
          {n.trust !== "core" && ` · ${trustOf(n.trust).name.toLowerCase()}`}
        </span>
        <span className="flex-1" />
        {own && <Switch checked={n.enabled} disabled={enable.isPending} onCheckedChange={(on) => enable.mutate(on)} aria-label={`${n.name} is on`} />}
      </div>
      {reason && <p className={state.look === "alert" ? "mt-1" : "mt-1 text-muted"}>{whole(reason)}</p>}
      {n.warning && (
        <p className="mt-1 flex gap-2">
          <CircleAlert className="mt-0.5 size-4 shrink-0 text-detection" aria-hidden />
          <span>
            {whole(n.warning)}{" "}
            <Link href={routesHref(n)} prefetch={false} className="text-accent hover:underline">
              Notifications
            </Link>
          </span>
        </p>
      )}
      <Figures notifier={n} queue={queue} />
      <div className="mt-2 flex flex-wrap gap-2">
        <Button aria-expanded={panel === "test"} variant={panel === "test" ? "pressed" : "outline"} onClick={() => toggle("test")}>
          <Send aria-hidden />
          Test
        </Button>
        <Button aria-expanded={panel === "log"} variant={panel === "log" ? "pressed" : "outline"} onClick={() => toggle("log")}>
          <FileText aria-hidden />
          Log
        </Button>
        <Button disabled={restart.isPending || !n.enabled} onClick={() => restart.mutate()}>
          <RotateCw aria-hidden />
          Restart
        </Button>
        {n.source !== "dev" && (
          <Button onClick={onEdit} aria-label={own ? `Settings of ${n.name}` : `Show settings of ${n.name}`}>
            <Pencil aria-hidden />
            Settings
          </Button>
        )}
        {own && (
          <Button variant="ghost" size="icon" aria-label={`Remove ${n.name}`} title="Remove" onClick={() => setRemoving(true)}>
            <Trash2 aria-hidden />
          </Button>
        )}
      </div>
      {panel === "test" && <TestPanel notifier={n.id} />}
      {panel === "log" && <NotifierLog notifier={n.id} name={n.name} />}
      <Confirm open={removing} onClose={() => setRemoving(false)} title={`Remove ${n.name}?`} action="Remove" onConfirm={() => removeNotifier(client, n.id)}>
        Its settings and secrets are gone then, and what still waits for it is not told. Routes that use it have to be removed first, or use another.
      </Confirm>
    </li>
  );
}

/** Where it can be given something to tell: browsers subscribe themselves, others get routes. */
const routesHref = (n: Notifier) => (n.settings.service === "webpush" ? "/notifications/?tab=browser" : "/notifications/");

function Figures({ notifier: n, queue }: { notifier: Notifier; queue: QueueDepth | undefined }) {
  const now = useClock();
  const facts = [
    n.since > 0 && now > 0 ? `for ${duration(now - n.since)}` : "",
    n.retry_at > now && now > 0 ? `again in ${duration(n.retry_at - now)}` : "",
    n.memory_bytes > 0 ? bytes(n.memory_bytes) : "",
    n.restarts > 0 ? `${n.restarts} restart${n.restarts === 1 ? "" : "s"}` : "",
    `${n.delivered} told`,
    n.failed > 0 ? `${n.failed} failed` : "",
    queue && queue.pending > 0 ? `${queue.pending} waiting, the oldest since ${ago(now - queue.oldest).replace(" ago", "")}` : "",
    queue && queue.held > 0 ? `${queue.held} held on purpose` : "",
  ].filter(Boolean);
  return (
    <div className="mt-1 text-xs text-muted">
      <p>{facts.join(" · ")}</p>
      {n.limits.length > 0 && (
        <details className="mt-0.5">
          <summary className="inline-block py-0.5 hover:text-fg">
            {n.limits.length} limit{n.limits.length === 1 ? "" : "s"} of its process
          </summary>
          <ul className="list-disc pl-5">
            {n.limits.map((limit) => (
              <li key={limit}>{whole(limit)}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
