"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Check, Eye, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { Delivery, Tried } from "@/lib/api/plugin-types";
import { canRetry, deliverySentence, deliveryState, deliveryText, isDead, outcomeOf, whole } from "@/lib/notify";
import { acknowledge, retryDelivery } from "@/lib/queries/deliveries";
import { duration } from "@/lib/time/duration";
import { dateTime } from "@/lib/time/zone";

interface DeliveryItemProps {
  delivery: Delivery;
  admin: boolean;
  /** another delivery of the same event offers it already */
  acknowledgeElsewhere?: boolean;
  /** what it is about, as a heading */
  about?: ReactNode;
  /** what it is about and where, as a part of a sentence; not where a heading says it */
  tells?: string;
  children?: ReactNode;
}

/** One delivery: to whom, how it went, and what can be done about it. */
export function DeliveryItem({ delivery: d, admin, acknowledgeElsewhere = false, about, tells, children }: DeliveryItemProps) {
  const { name, look } = deliveryState(d);
  const text = deliverySentence(d);
  return (
    <li className="border-b border-line px-4 py-2.5 last:border-b-0 max-sm:px-3" data-testid="delivery" data-event={d.event} data-notifier={d.notifier} data-state={d.state}>
      {about}
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <Badge tone={look}>{name}</Badge>
        <span className="font-medium">{d.notifier}</span>
        {d.recipient && <span className="min-w-0 max-w-full truncate text-muted">to {d.recipient}</span>}
        <span className="ml-auto text-xs text-muted">
          {d.delivered_at ? dateTime(d.delivered_at) : dateTime(d.created_at)}
          {d.delivered_at - d.created_at > 999 && ` · after ${duration(d.delivered_at - d.created_at)}`}
        </span>
      </div>
      <p className={isDead(d) ? "mt-0.5" : "mt-0.5 text-muted"}>
        {deliveryText(d, tells)} {text}
        {d.state === "pending" && d.next_at > 0 && ` Next try ${dateTime(d.next_at)}.`}
        {d.seen.at > 0 && ` Acknowledged ${dateTime(d.seen.at)}${d.seen.by ? ` by ${d.seen.by}` : ""}.`}
      </p>
      {children}
      <Actions delivery={d} admin={admin} elsewhere={acknowledgeElsewhere} />
    </li>
  );
}

function Actions({ delivery: d, admin, elsewhere }: { delivery: Delivery; admin: boolean; elsewhere: boolean }) {
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  const seen = useMutation({
    mutationFn: () => acknowledge(client, d.id),
    onSuccess: (first) => show(first ? "Acknowledged: nobody else is told of it." : "Somebody had acknowledged it before."),
    onError: (error) => show(sentence(error), "alert"),
  });
  const again = useMutation({ mutationFn: () => retryDelivery(client, d.id), onSuccess: () => show("It is tried again now."), onError: (error) => show(sentence(error), "alert") });
  const retry = admin && canRetry(d);
  const open = !elsewhere && d.seen.at === 0 && (d.state === "delivered" || d.state === "pending");
  if (!retry && !open) return null;
  return (
    <div className="mt-1.5 flex flex-wrap gap-2">
      {open && (
        <Button disabled={seen.isPending} onClick={() => seen.mutate()}>
          <Eye aria-hidden />
          Acknowledge
        </Button>
      )}
      {retry && (
        <Button disabled={again.isPending} onClick={() => again.mutate()}>
          <RotateCw aria-hidden />
          Try again
        </Button>
      )}
    </div>
  );
}

/** Each attempt at a delivery, oldest first. */
export function Attempts({ history }: { history: readonly Tried[] }) {
  if (history.length === 0) return <p className="mt-1 text-xs text-muted">Nothing was tried yet.</p>;
  return (
    <ol aria-label="Attempts" className="mt-1.5 space-y-1 border-l border-line pl-3 text-xs">
      {history.map((t, i) => {
        const { name, look } = outcomeOf(t.outcome);
        return (
          <li key={`${t.at} ${i}`} className="flex flex-wrap gap-x-2">
            <span className="text-muted">{dateTime(t.at)}</span>
            <span className={look === "alert" ? "text-alert" : look === "warn" ? "text-detection" : "text-accent"}>
              {look === "live" && <Check className="mr-1 inline size-3" aria-hidden />}
              {name}
              {t.times > 1 && ` ${t.times} times`}
            </span>
            <span className="text-muted">
              {whole(t.detail)} {t.duration_ms > 0 && `${t.duration_ms} ms`}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
