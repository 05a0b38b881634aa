"use client";
import { useQuery } from "@tanstack/react-query";
import { Bell, Check, X } from "lucide-react";
import { useId, useState } from "react";
import { Attempts, DeliveryItem } from "@/components/DeliveryItem";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap, useCameraName } from "@/hooks/use-bootstrap";
import { sentence } from "@/lib/api/errors";
import type { RouteVerdict } from "@/lib/api/plugin-types";
import type { NvrEvent } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { labelName } from "@/lib/format";
import { whole } from "@/lib/notify";
import { eventDeliveriesQuery, explainQuery } from "@/lib/queries/deliveries";
import { eventTitle } from "./text";

/** Who was told of an event, each attempt of it, and why others were not. */
export function EventNotifications({ event }: { event: NvrEvent }) {
  const id = useId();
  const query = useQuery(eventDeliveriesQuery(event.id));
  const camera = useCameraName();
  const admin = useBootstrap().data?.user.role === "admin";
  const [why, setWhy] = useState(false);
  const list = query.data ?? [];
  return (
    <section aria-labelledby={id} className="border-t border-line" data-testid="notifications">
      <div className="flex items-center gap-2 px-4 py-2 max-sm:px-3">
        <Bell className="size-4 text-muted" aria-hidden />
        <h3 id={id} className="flex-1 font-semibold">
          Notifications
        </h3>
        {admin && (
          <Button aria-expanded={why} variant={why ? "pressed" : "outline"} onClick={() => setWhy(!why)}>
            Why told, or not?
          </Button>
        )}
      </div>
      {why && <Explanation event={event.id} />}
      {query.isError && !query.data ? (
        <p role="alert" className="flex flex-wrap items-center gap-3 px-4 pb-3 text-alert">
          {sentence(query.error)}
          <Button onClick={() => void query.refetch()}>Try again</Button>
        </p>
      ) : !query.data ? (
        <Skeleton className="mx-4 mb-3 h-10" />
      ) : list.length === 0 ? (
        <p className="px-4 pb-3 text-muted max-sm:px-3">Nobody was told of this.</p>
      ) : (
        <ul className="border-t border-line">
          {list.map((d, i) => (
            <DeliveryItem key={d.id} delivery={d} admin={admin} acknowledgeElsewhere={i > 0} tells={`${eventTitle(event)} on ${camera(event.camera)}`}>
              <Attempts history={d.history} />
            </DeliveryItem>
          ))}
        </ul>
      )}
    </section>
  );
}

function Explanation({ event }: { event: string }) {
  const query = useQuery(explainQuery(event));
  return (
    <div aria-live="polite" className="border-t border-line bg-bg px-4 py-3 max-sm:px-3" data-testid="explain">
      {query.isError && !query.data ? (
        <p role="alert" className="text-alert">
          {sentence(query.error)}
        </p>
      ) : !query.data ? (
        <Skeleton className="h-4 w-2/3" />
      ) : query.data.length === 0 ? (
        <p className="text-muted">There are no routes, so nobody is told of anything.</p>
      ) : (
        <>
          <ul className="space-y-3">
            {query.data.map((v) => (
              <Route key={v.route} verdict={v} />
            ))}
          </ul>
          <p className="mt-3 text-xs text-muted">Judged by the routes as they are today.</p>
        </>
      )}
    </div>
  );
}

function Route({ verdict: v }: { verdict: RouteVerdict }) {
  return (
    <li>
      <div className="flex flex-wrap items-center gap-2">
        <h4 className="font-semibold">{v.route}</h4>
        <Badge tone={v.told ? "live" : "neutral"}>{v.told ? "Told" : "Not told"}</Badge>
      </div>
      <p className="mt-0.5 text-muted">{whole(v.why)}</p>
      <ul className="mt-1 space-y-1">
        {v.conditions.map((c) => {
          const Icon = c.holds ? Check : X;
          return (
            <li key={c.name} className="flex items-start gap-2">
              <Icon className={cn("mt-0.5 size-4 shrink-0", c.holds ? "text-accent" : "text-alert")} aria-hidden />
              <span>
                <span className="sr-only">{c.holds ? "Holds: " : "Does not hold: "}</span>
                <span className="font-medium">{labelName(c.name)}</span> <span className="text-muted">{whole(c.detail)}</span>
              </span>
            </li>
          );
        })}
      </ul>
    </li>
  );
}
