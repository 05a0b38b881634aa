"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useMemo, useState } from "react";
import { Failure } from "@/components/Notice";
import { Button, buttonClass } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useCameraName } from "@/hooks/use-bootstrap";
import { eventsQuery } from "@/lib/queries/events";
import { dayLabel } from "@/lib/time/zone";
import { EventCard } from "./EventCard";
import { EventDialog } from "./EventDialog";
import { filterHref } from "./filter";

const grid = "grid grid-cols-[repeat(auto-fill,minmax(220px,1fr))] gap-3 max-sm:-mx-3 max-sm:grid-cols-1 max-sm:gap-0 max-sm:border-t max-sm:border-line";

/** The events that name a person, newest first. */
export function PersonEvents({ person }: { person: string }) {
  const filter = useMemo(() => ({ person }), [person]);
  const query = useInfiniteQuery(eventsQuery(filter));
  const camera = useCameraName();
  const [open, setOpen] = useState<string>();
  const events = query.data?.pages.flatMap((page) => page.items);
  const index = events?.findIndex((e) => e.id === open) ?? -1;
  return (
    <section aria-labelledby="person-events" className="mt-6">
      <div className="mb-2 flex items-center justify-between">
        <h2 id="person-events" className="text-sm font-semibold">
          Events
        </h2>
        {events && events.length > 0 && (
          <Link href={filterHref(filter)} prefetch={false} className={buttonClass({ variant: "ghost" })}>
            Filter these events
          </Link>
        )}
      </div>
      {query.isError && !events ? (
        <Failure error={query.error} retry={() => void query.refetch()} />
      ) : !events ? (
        <div className={grid} role="status" aria-busy aria-label="Loading events">
          {[0, 1, 2, 3].map((i) => (
            <Skeleton key={i} className="aspect-video" />
          ))}
        </div>
      ) : events.length === 0 ? (
        <p className="rounded-lg border border-line bg-surface px-4 py-6 text-center text-muted">No event names this person yet. It will once a camera sees the face well enough.</p>
      ) : (
        <>
          <ul className={grid}>
            {events.map((event) => (
              <EventCard key={event.id} event={event} cameraName={`${dayLabel(Date.parse(event.start))}, ${camera(event.camera)}`} focused={false} onOpen={() => setOpen(event.id)} />
            ))}
          </ul>
          {query.hasNextPage && (
            <div className="mt-4 text-center">
              <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
                {query.isFetchingNextPage ? "Loading older events…" : "Load older events"}
              </Button>
            </div>
          )}
        </>
      )}
      <EventDialog
        event={index >= 0 ? events?.[index] : undefined}
        cameraName={index >= 0 ? camera(events?.[index]?.camera ?? "") : ""}
        onClose={() => setOpen(undefined)}
        onMove={(by) => setOpen(events?.[index + by]?.id ?? open)}
        hasNewer={index > 0}
        hasOlder={index >= 0 && index < (events?.length ?? 0) - 1}
      />
    </section>
  );
}
