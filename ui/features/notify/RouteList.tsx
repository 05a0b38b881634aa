"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil, Plus, Split, Trash2 } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Confirm } from "@/components/Confirm";
import { Failure, Notice } from "@/components/Notice";
import { Section } from "@/components/Section";
import { Badge } from "@/components/ui/badge";
import { Button, buttonClass } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { Switch } from "@/components/ui/switch";
import { useCameraName } from "@/hooks/use-bootstrap";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { AlertRoute, Notifier } from "@/lib/api/plugin-types";
import { howTexts, newRoute, notifierState, whichText } from "@/lib/notify";
import { deleteRoute, putRoute, routesQuery } from "@/lib/queries/deliveries";
import { notifiersQuery } from "@/lib/queries/plugins";
import { RouteDialog } from "./RouteDialog";

/** Who hears what, when and how. */
export function RouteList() {
  const client = useQueryClient();
  const routes = useQuery(routesQuery());
  const notifiers = useQuery(notifiersQuery());
  const [editing, setEditing] = useState<AlertRoute>();
  const [removing, setRemoving] = useState<AlertRoute>();
  const failed = [routes, notifiers].find((q) => q.isError && !q.data);
  if (failed) return <Failure error={failed.error} retry={() => void Promise.all([routes.refetch(), notifiers.refetch()])} />;
  if (!routes.data || !notifiers.data) return <Skeleton className="h-48" />;
  const known = notifiers.data;
  if (known.length === 0) {
    return (
      <Notice
        icon={Split}
        title="There is nobody to tell yet"
        action={
          <Link href="/system/plugins/" prefetch={false} className={buttonClass({ variant: "primary" })}>
            Add a notifier
          </Link>
        }
      >
        A route says which alerts a notifier tells, to whom, when and how. Begin with a notifier.
      </Notice>
    );
  }
  return (
    <Section
      title="Who hears what, when and how"
      action={
        <Button variant="primary" onClick={() => setEditing(newRoute(known[0]!.id))}>
          <Plus aria-hidden />
          Add route
        </Button>
      }
    >
      {routes.data.length === 0 ? (
        <Notice icon={Split} title="Nobody is told of anything yet">
          Add a route: until then the notifiers have nothing to do.
        </Notice>
      ) : (
        <ul aria-label="Routes">
          {routes.data.map((route) => (
            <RouteRow key={route.id} route={route} notifier={known.find((n) => n.id === route.notifier)} onEdit={() => setEditing(route)} onRemove={() => setRemoving(route)} />
          ))}
        </ul>
      )}
      {editing && <RouteDialog key={editing.id} route={editing} notifiers={known} routes={routes.data} onClose={() => setEditing(undefined)} />}
      <Confirm open={removing !== undefined} onClose={() => setRemoving(undefined)} title={`Remove route ${removing?.id ?? ""}?`} action="Remove" onConfirm={() => (removing ? deleteRoute(client, removing.id) : Promise.resolve())}>
        Its alerts are then told by other routes only. What is already on its way is still told.
      </Confirm>
    </Section>
  );
}

interface RouteRowProps {
  route: AlertRoute;
  notifier: Notifier | undefined;
  onEdit: () => void;
  onRemove: () => void;
}

function RouteRow({ route, notifier, onEdit, onRemove }: RouteRowProps) {
  const client = useQueryClient();
  const name = useCameraName();
  const show = useToasts((s) => s.show);
  const enable = useMutation({ mutationFn: (enabled: boolean) => putRoute(client, { ...route, enabled }), onError: (error) => show(sentence(error), "alert") });
  const how = howTexts(route);
  const state = notifier && notifierState(notifier.state);
  return (
    <li className="border-b border-line px-4 py-3 last:border-b-0 max-sm:px-3" data-testid="route" data-route={route.id}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-semibold">{route.id}</h3>
        {!route.enabled && <Badge>Off</Badge>}
        {route.from_file && <Badge title="Change it there, and restart Nightjar">In the configuration file</Badge>}
        <span className="flex-1" />
        {!route.from_file && <Switch checked={route.enabled} disabled={enable.isPending} onCheckedChange={(on) => enable.mutate(on)} aria-label={`Route ${route.id} is on`} />}
        <Button onClick={onEdit} aria-label={route.from_file ? `Show route ${route.id}` : `Change route ${route.id}`}>
          <Pencil aria-hidden />
          {route.from_file ? "Show" : "Change"}
        </Button>
        {!route.from_file && (
          <Button variant="ghost" size="icon" aria-label={`Remove route ${route.id}`} onClick={onRemove}>
            <Trash2 aria-hidden />
          </Button>
        )}
      </div>
      <p className="mt-1">
        {whichText(route, name)} <span className="text-muted">→</span> <b className="font-medium">{notifier?.name ?? route.notifier}</b>
        {route.recipients.length > 0 && <span className="break-all text-muted"> to {route.recipients.join(", ")}</span>}
      </p>
      {how.length > 0 && <p className="mt-0.5 text-xs text-muted">{how.join(" · ")}</p>}
      {!notifier ? (
        <p className="mt-1 text-xs text-detection">There is no notifier {route.notifier}: this route tells nobody.</p>
      ) : (
        state && state.look !== "live" && <p className="mt-1 text-xs text-detection">{notifier.name}: {state.name.toLowerCase()}. What it is to tell waits.</p>
      )}
    </li>
  );
}
