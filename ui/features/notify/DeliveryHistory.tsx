"use client";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Inbox } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Attempts, DeliveryItem } from "@/components/DeliveryItem";
import { Failure, Notice } from "@/components/Notice";
import { Button } from "@/components/ui/button";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { useCameraName } from "@/hooks/use-bootstrap";
import { sentence } from "@/lib/api/errors";
import type { Delivery, DeliveryState } from "@/lib/api/plugin-types";
import { labelName } from "@/lib/format";
import { timelineHref } from "@/lib/links";
import { deliveriesQuery, deliveryQuery, queuesQuery } from "@/lib/queries/deliveries";
import { dateTime, sinceTime } from "@/lib/time/zone";

const filters = {
  all: { label: "All", states: [] },
  waiting: { label: "Waiting", states: ["pending"] },
  dead: { label: "Not told", states: ["failed", "expired"] },
  silenced: { label: "On purpose", states: ["suppressed"] },
} satisfies Record<string, { label: string; states: DeliveryState[] }>;
type Filter = keyof typeof filters;
const options = Object.entries(filters).map(([value, { label }]) => ({ value: value as Filter, label }));

/** Everything that was to be told, newest first, with what was not told and can be tried again. */
export function DeliveryHistory({ admin }: { admin: boolean }) {
  const [filter, setFilter] = useState<Filter>("all");
  const query = useInfiniteQuery(deliveriesQuery(filters[filter].states, ""));
  const items = query.data?.pages.flatMap((p) => p.items ?? []) ?? [];
  return (
    <>
      {admin && <Queues />}
      <section aria-label="Deliveries">
        <div className="mb-2 flex flex-wrap items-center gap-2">
          <h2 className="flex-1 text-sm font-semibold">Deliveries</h2>
          <Segmented label="Which deliveries" value={filter} options={options} onChange={setFilter} />
        </div>
        {query.isError && !query.data ? (
          <Failure error={query.error} retry={() => void query.refetch()} />
        ) : !query.data ? (
          <Skeleton className="h-48" />
        ) : items.length === 0 ? (
          <Notice icon={Inbox} title={filter === "dead" ? "Nothing failed" : "Nothing here"}>
            {filter === "all" ? "As soon as an alert is told to somebody, it is listed here with each attempt." : filter === "dead" ? "Everything that was to be told was told, or still waits." : "No delivery is in this state."}
          </Notice>
        ) : (
          <>
            <ul className="overflow-hidden rounded-lg border border-line bg-surface">
              {items.map((d) => (
                <Row key={d.id} delivery={d} admin={admin} />
              ))}
            </ul>
            {query.hasNextPage && (
              <Button className="mt-3 w-full" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {query.isFetchingNextPage ? "Loading…" : "Show older ones"}
              </Button>
            )}
          </>
        )}
      </section>
    </>
  );
}

function Row({ delivery, admin }: { delivery: Delivery; admin: boolean }) {
  const name = useCameraName();
  const [open, setOpen] = useState(false);
  const about = (
    <p className="mb-1 flex flex-wrap items-center gap-x-2">
      <Link href={timelineHref({ camera: delivery.camera, t: delivery.event_start - 2_000, play: true })} prefetch={false} className="font-semibold hover:underline">
        {labelName(delivery.label || "event")} · {name(delivery.camera)}
      </Link>
      <span className="text-xs text-muted">{dateTime(delivery.event_start)}</span>
    </p>
  );
  return (
    <DeliveryItem delivery={delivery} admin={admin} about={about}>
      <details className="mt-1" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary className="inline-block py-0.5 text-xs text-muted hover:text-fg">
          {delivery.attempts} attempt{delivery.attempts === 1 ? "" : "s"}
        </summary>
        {open && <History id={delivery.id} />}
      </details>
    </DeliveryItem>
  );
}

function History({ id }: { id: string }) {
  const query = useQuery(deliveryQuery(id));
  if (query.isError && !query.data) {
    return (
      <p role="alert" className="text-xs text-alert">
        {sentence(query.error)}
      </p>
    );
  }
  return query.data ? <Attempts history={query.data.history} /> : <Skeleton className="h-4 w-1/2" />;
}

/** What waits for each notifier, where anything does. */
function Queues() {
  const queues = (useQuery(queuesQuery()).data ?? []).filter((q) => q.pending + q.held > 0);
  if (queues.length === 0) return null;
  return (
    <ul aria-label="What waits" className="flex flex-wrap gap-2">
      {queues.map((q) => (
        <li key={q.notifier} className="rounded-md border border-line bg-surface px-3 py-1.5 text-xs">
          <b className="font-medium">{q.notifier}</b> {q.pending > 0 && `${q.pending} waiting${q.oldest ? ` since ${sinceTime(q.oldest)}` : ""}`}
          {q.pending > 0 && q.held > 0 && ", "}
          {q.held > 0 && `${q.held} held on purpose`}
        </li>
      ))}
    </ul>
  );
}
