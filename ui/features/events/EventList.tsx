"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Activity, FilterX, ScanFace } from "lucide-react";
import Link from "next/link";
import { useRouter, useSearchParams } from "next/navigation";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { HeaderSlot } from "@/components/HeaderSlot";
import { NewEvents } from "@/components/NewEvents";
import { Failure, Notice } from "@/components/Notice";
import { Button, buttonClass } from "@/components/ui/button";
import { Badge } from "@/components/ui/badge";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap, useCameraName } from "@/hooks/use-bootstrap";
import { useHeldBack } from "@/hooks/use-held-back";
import { useHotkeys } from "@/hooks/use-hotkeys";
import type { NvrEvent } from "@/lib/api/types";
import { eventHref } from "@/lib/links";
import { eventsQuery } from "@/lib/queries/events";
import { dayLabel, dayStart } from "@/lib/time/zone";
import { EventCard } from "./EventCard";
import { EventByAddress } from "./EventByAddress";
import { EventDialog } from "./EventDialog";
import { filterFrom, filterHref } from "./filter";
import { FilterBar } from "./FilterBar";

const grid = "grid grid-cols-[repeat(auto-fill,minmax(240px,1fr))] gap-3 max-sm:grid-cols-1 max-sm:gap-0";

/** Page "Events": everything that happened, newest first, new ones appearing on top by themselves unless somebody reads. */
export function EventList() {
  const router = useRouter();
  const params = useSearchParams();
  const filter = useMemo(() => filterFrom(params), [params]);
  const boot = useBootstrap().data;
  const query = useInfiniteQuery(eventsQuery(filter));
  const name = useCameraName();
  const [open, setOpen] = useState<string>();
  const [focus, setFocus] = useState(-1);
  const known = useMemo(() => query.data?.pages.flatMap((page) => page.items), [query.data]);
  const { shown: events, held, reveal, area, way } = useHeldBack(known, filterHref(filter), open !== undefined);
  const index = events?.findIndex((e) => e.id === open) ?? -1;
  const filtered = Object.values(filter).some(Boolean);

  useHotkeys({
    ArrowDown: () => setFocus(Math.min((events?.length ?? 0) - 1, focus + 1)),
    ArrowUp: () => setFocus(Math.max(0, focus - 1)),
    Enter: () => setOpen(events?.[focus]?.id),
    a: () => router.replace(filterHref({ ...filter, alerts: filter.alerts ? undefined : "true" }), { scroll: false }),
    p: () => events?.[focus] && router.push(eventHref(events[focus])),
  });

  const showNew = () => {
    const main = area.ref.current?.closest("main");
    setFocus(-1); // counts from the top, which is another event now
    reveal();
    main?.scrollTo?.({ top: 0 });
    main?.focus({ preventScroll: true }); // the button goes away
  };

  return (
    <div className="flex min-h-full flex-col">
      <HeaderSlot>
        {/* the phone's bar has room for five */}
        <Link href="/faces/" prefetch={false} className={buttonClass({ variant: "ghost", className: "md:hidden" })}>
          <ScanFace aria-hidden />
          Faces
        </Link>
        {query.isRefetching && events && <Badge>Updating</Badge>}
      </HeaderSlot>
      <div className="sticky top-0 z-10">
        {boot ? <FilterBar boot={boot} filter={filter} onChange={(next) => router.replace(filterHref(next), { scroll: false })} /> : <div className="h-[49px] border-b border-line max-sm:h-[61px] bg-surface" />}
        <NewEvents count={held} onReveal={showNew} {...way} />
      </div>
      {query.isError && !events ? (
        <Failure error={query.error} retry={() => void query.refetch()} className="flex-1" />
      ) : !events ? (
        <ListSkeleton />
      ) : events.length === 0 ? (
        <Empty filtered={filtered} alerts={filter.alerts === "true"} clear={() => router.replace("/events/")} />
      ) : (
        <div {...area}>
          <Days events={events} render={(event, i) => <EventCard key={event.id} event={event} cameraName={name(event.camera)} focused={i === focus} onOpen={() => setOpen(event.id)} />} />
          <More query={query} />
        </div>
      )}
      <EventDialog
        event={index >= 0 ? events?.[index] : undefined}
        cameraName={index >= 0 ? name(events?.[index]?.camera ?? "") : ""}
        onClose={() => setOpen(undefined)}
        onMove={(by) => setOpen(events?.[index + by]?.id ?? open)}
        hasNewer={index > 0}
        hasOlder={index >= 0 && index < (events?.length ?? 0) - 1}
      />
      {params.get("event") && index < 0 && <EventByAddress id={params.get("event") ?? ""} onClose={() => router.replace(filterHref(filter), { scroll: false })} />}
    </div>
  );
}

/** The list under day headings, which stay in sight while their day scrolls by. */
function Days({ events, render }: { events: NvrEvent[]; render: (event: NvrEvent, index: number) => ReactNode }) {
  const days = useMemo(() => {
    const out: { day: number; items: [NvrEvent, number][] }[] = [];
    events.forEach((event, i) => {
      const day = dayStart(Date.parse(event.start));
      const last = out.at(-1);
      if (last?.day === day) last.items.push([event, i]);
      else out.push({ day, items: [[event, i]] });
    });
    return out;
  }, [events]);
  return days.map(({ day, items }) => (
    <section key={day} aria-labelledby={`day-${day}`} className="px-3 max-sm:px-0">
      <h2 id={`day-${day}`} className="px-1 pb-2 pt-4 text-xs font-semibold text-muted max-sm:px-3">
        {dayLabel(day)}
      </h2>
      <ul className={grid}>{items.map(([event, i]) => render(event, i))}</ul>
    </section>
  ));
}

/** Fetches the next page when its place comes into sight; the button is for those who do not scroll. */
function More({ query }: { query: { hasNextPage: boolean; isFetchingNextPage: boolean; isFetchNextPageError: boolean; fetchNextPage: () => unknown } }) {
  const ref = useRef<HTMLDivElement>(null);
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = query;
  useEffect(() => {
    const element = ref.current;
    if (!element || !hasNextPage || isFetchingNextPage || isFetchNextPageError) return;
    const observer = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && void fetchNextPage(), { rootMargin: "600px" });
    observer.observe(element);
    return () => observer.disconnect();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  return (
    <div ref={ref} className="grid place-items-center py-6 text-xs text-muted">
      {hasNextPage ? (
        <Button onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>
          {isFetchingNextPage ? "Loading older events…" : isFetchNextPageError ? "Could not load older events. Try again" : "Load older events"}
        </Button>
      ) : (
        "No older events"
      )}
    </div>
  );
}

function Empty({ filtered, alerts, clear }: { filtered: boolean; alerts: boolean; clear: () => void }) {
  if (filtered) {
    return (
      <Notice icon={FilterX} title={alerts ? "No alert matches these filters" : "No event matches these filters"} className="flex-1" action={<Button onClick={clear}>Clear filters</Button>}>
        New ones that match appear here by themselves.{alerts && " The details of any event say under “Why?” what kept it from being an alert."}
      </Notice>
    );
  }
  return (
    <Notice icon={Activity} title="Nothing has happened yet" className="flex-1">
      When a camera sees a person, a car or movement, it appears here by itself. If nothing ever does, look at the cameras and the detector on the System page.
    </Notice>
  );
}

function ListSkeleton() {
  return (
    <div className={`${grid} p-3 pt-12 max-sm:p-0 max-sm:pt-10`} aria-busy aria-label="Loading events">
      {Array.from({ length: 12 }, (_, i) => (
        <div key={i} className="max-sm:flex max-sm:gap-3 max-sm:p-3">
          <Skeleton className="aspect-video max-sm:w-28" />
          <div className="mt-2 flex-1 space-y-2">
            <Skeleton className="h-3.5 w-1/2" />
            <Skeleton className="h-3 w-1/3" />
          </div>
        </div>
      ))}
    </div>
  );
}
