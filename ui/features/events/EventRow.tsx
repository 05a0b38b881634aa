"use client";
import Link from "next/link";
import { AlertBadge } from "@/components/AlertBadge";
import { EventIcon } from "@/components/EventIcon";
import { alertOf } from "@/lib/alerts";
import { useClock } from "@/hooks/use-clock";
import type { NvrEvent } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { eventHref } from "@/lib/links";
import { dateTime } from "@/lib/time/zone";
import { EventThumb } from "./EventThumb";
import { eventLength, eventScore, eventTitle, severityEdge } from "./text";

/** Compact row of the rails: picture, what, where, when. A click plays it. */
export function EventRow({ event, cameraName }: { event: NvrEvent; cameraName?: string }) {
  const score = eventScore(event);
  const alert = alertOf(event);
  return (
    <Link href={eventHref(event)} prefetch={false} className="relative flex gap-2.5 border-b border-line py-2 pl-3 pr-2 outline-offset-[-2px] hover:bg-raised">
      <span aria-hidden className={cn("absolute inset-y-0 left-0 w-[3px]", severityEdge(event))} />
      <span className="relative block h-12 shrink-0">
        <EventThumb event={event} className="h-12 w-[84px]" />
        {alert && <AlertBadge severity={alert} compact className="absolute left-1 top-1" />}
      </span>
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-1.5 font-medium">
          <EventIcon event={event} />
          <span className="min-w-0 flex-1 truncate">
            {eventTitle(event)}
            {cameraName && <span className="text-muted"> · {cameraName}</span>}
          </span>
          {score && <span className="text-xs font-normal text-muted">{score}</span>}
        </span>
        <span className="mt-0.5 block truncate text-xs text-muted">
          {/* when it began follows from how long it has lasted, and there is no room for both */}
          {event.end ? `${dateTime(Date.parse(event.start))} · ${eventLength(event, 0)}` : <Ongoing event={event} />}
        </span>
      </span>
    </Link>
  );
}

/** Only rows that go on need the clock. */
export function Ongoing({ event }: { event: NvrEvent }) {
  const now = useClock();
  return <span className="text-accent">{eventLength(event, Math.max(now, Date.parse(event.start)))}</span>;
}
