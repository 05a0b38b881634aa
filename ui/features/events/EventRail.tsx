"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { AnimatePresence } from "framer-motion";
import * as m from "framer-motion/m";
import { Activity } from "lucide-react";
import Link from "next/link";
import { useMemo, useRef } from "react";
import { NewEvents } from "@/components/NewEvents";
import { Failure, Notice } from "@/components/Notice";
import { Skeleton } from "@/components/ui/skeleton";
import { useCameraName } from "@/hooks/use-bootstrap";
import { useHeldBack } from "@/hooks/use-held-back";
import { cn } from "@/lib/cn";
import { eventsQuery } from "@/lib/queries/events";
import { withQuery } from "@/lib/base";
import { EventRow } from "./EventRow";

const SHOWN = 30;

/** The newest events, as they happen unless somebody reads them; of one camera or of all. */
export function EventRail({ camera, className }: { camera?: string; className?: string }) {
  const query = useInfiniteQuery(eventsQuery(camera ? { camera } : {}));
  const name = useCameraName();
  const known = useMemo(() => query.data?.pages.flatMap((page) => page.items), [query.data]);
  const { shown, held, reveal, area, way } = useHeldBack(known, camera ?? "");
  const events = shown?.slice(0, SHOWN);
  const section = useRef<HTMLElement>(null);
  const showNew = () => {
    reveal();
    area.ref.current?.parentElement?.scrollTo?.({ top: 0 });
    // On a phone it is the page that scrolls.
    if ((section.current?.getBoundingClientRect().top ?? 0) < 0) section.current?.scrollIntoView();
    section.current?.focus({ preventScroll: true });
  };
  return (
    <section ref={section} tabIndex={-1} aria-labelledby="latest-events" className={cn("flex min-h-0 flex-col bg-surface outline-none", className)}>
      <div className="flex h-9 shrink-0 items-center justify-between border-b border-line pl-3 pr-1">
        <h2 id="latest-events" className="text-sm font-semibold">
          Latest events
        </h2>
        <Link href={withQuery("/events/", { camera })} prefetch={false} className="inline-flex h-8 items-center rounded-sm px-2 text-xs text-muted hover:text-fg">
          All events
        </Link>
      </div>
      <div className="max-md:sticky max-md:top-0 max-md:z-10">
        <NewEvents count={held} onReveal={showNew} {...way} />
      </div>
      <div className="min-h-0 flex-1 md:overflow-y-auto">
        {query.isError && !events ? (
          <Failure error={query.error} retry={() => void query.refetch()} />
        ) : !events ? (
          <RailSkeleton />
        ) : events.length === 0 ? (
          <Notice icon={Activity} title="Nothing has happened yet">
            What the cameras see appears here by itself.
          </Notice>
        ) : (
          <div {...area}>
            <ul aria-live="polite" aria-relevant="additions">
              <AnimatePresence initial={false}>
                {events.map((event) => (
                  <m.li key={event.id} initial={{ opacity: 0, y: -8 }} animate={{ opacity: 1, y: 0 }}>
                    <EventRow event={event} cameraName={camera ? undefined : name(event.camera)} />
                  </m.li>
                ))}
              </AnimatePresence>
            </ul>
          </div>
        )}
      </div>
    </section>
  );
}

function RailSkeleton() {
  return (
    <div>
      {[0, 1, 2, 3, 4].map((i) => (
        <div key={i} className="flex gap-2.5 border-b border-line py-2 pl-3 pr-2">
          <Skeleton className="h-12 w-[84px] rounded-sm" />
          <div className="flex-1 space-y-2 py-1">
            <Skeleton className="h-3.5 w-3/5" />
            <Skeleton className="h-3 w-2/5" />
          </div>
        </div>
      ))}
    </div>
  );
}
