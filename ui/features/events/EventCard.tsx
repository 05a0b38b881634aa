"use client";
import { Expand, Play } from "lucide-react";
import Link from "next/link";
import { useEffect, useRef } from "react";
import { AlertBadge } from "@/components/AlertBadge";
import { IdentityBadge } from "@/components/IdentityBadge";
import { EventIcon } from "@/components/EventIcon";
import { alertOf } from "@/lib/alerts";
import type { NvrEvent } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { eventHref } from "@/lib/links";
import { clock } from "@/lib/time/zone";
import { Ongoing } from "./EventRow";
import { EventThumb } from "./EventThumb";
import { eventLength, eventScore, eventTitle, severityEdge, zoneNames } from "./text";

interface EventCardProps {
  event: NvrEvent;
  cameraName: string;
  focused: boolean;
  onOpen: () => void;
}

/** One event: a click plays it, the corner button shows the picture large. On a phone it is a row. */
export function EventCard({ event, cameraName, focused, onOpen }: EventCardProps) {
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (focused) link.current?.focus();
  }, [focused]);
  const score = eventScore(event);
  const title = `${eventTitle(event)}, ${cameraName}`;
  const alert = alertOf(event);
  const zones = zoneNames(event);
  return (
    <li className="group relative overflow-hidden border-line bg-surface [contain-intrinsic-size:auto_222px] [content-visibility:auto] max-sm:border-b max-sm:[contain-intrinsic-size:auto_88px] sm:rounded-md sm:border" data-testid="event" data-event-id={event.id}>
      <Link ref={link} href={eventHref(event)} prefetch={false} className="block outline-offset-[-2px] max-sm:flex max-sm:gap-3 max-sm:p-3">
        <span className="relative block shrink-0">
          <EventThumb event={event} className="aspect-video w-full rounded-none max-sm:w-28 max-sm:rounded-sm" />
          <span aria-hidden className="absolute inset-0 hidden place-items-center bg-black/35 group-hover:grid">
            <Play className="size-7 fill-white text-white" />
          </span>
          {alert && <AlertBadge severity={alert} className="absolute left-1.5 top-1.5 max-sm:left-1 max-sm:top-1" />}
          <IdentityBadge event={event} className="absolute bottom-1.5 left-1.5 max-w-[calc(100%-12px)] max-sm:hidden" />
        </span>
        <span className="relative block min-w-0 flex-1 sm:px-3 sm:py-2">
          <span aria-hidden className={cn("absolute inset-x-0 top-0 h-0.5 max-sm:hidden", severityEdge(event))} />
          <span className="flex items-center gap-1.5 font-medium">
            <EventIcon event={event} />
            <span className="sr-only">Play </span>
            <span className="min-w-0 truncate">{eventTitle(event)}</span>
            {score && <span className="ml-auto text-xs font-normal text-muted max-sm:mr-9">{score}</span>}
          </span>
          <span className="mt-0.5 block truncate text-xs text-muted max-sm:pr-9">
            {cameraName}
            {zones && ` · ${zones}`}
          </span>
          <span className="mt-0.5 block truncate text-xs text-muted">
            {clock(Date.parse(event.start))} · {event.end ? eventLength(event, 0) : <Ongoing event={event} />}
          </span>
          <IdentityBadge event={event} className="mt-1 sm:hidden" />
        </span>
      </Link>
      <button
        type="button"
        onClick={onOpen}
        aria-label={`Details of ${title}`}
        className="absolute right-1.5 top-1.5 grid size-8 place-items-center rounded-md text-muted hover:text-white max-sm:size-11 sm:bg-black/65 sm:text-white sm:opacity-0 sm:focus-visible:opacity-100 sm:group-hover:opacity-100"
      >
        <Expand className="size-4" aria-hidden />
      </button>
    </li>
  );
}
