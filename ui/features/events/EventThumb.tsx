"use client";
import { ImageOff } from "lucide-react";
import { useState } from "react";
import { EventIcon } from "@/components/EventIcon";
import type { NvrEvent } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { snapshotURL } from "@/lib/queries/events";

/** The event's picture in a box of fixed shape; without one, its symbol. */
export function EventThumb({ event, className }: { event: NvrEvent; className?: string }) {
  const url = event.has_snapshot ? snapshotURL(event) : undefined;
  const [failed, setFailed] = useState<string>();
  return (
    <span className={cn("grid shrink-0 place-items-center overflow-hidden rounded-sm bg-raised", className)}>
      {url && failed !== url ? (
        <img src={url} alt="" loading="lazy" decoding="async" onError={() => setFailed(url)} className="size-full object-cover" />
      ) : url ? (
        <ImageOff className="size-4 text-muted" aria-hidden />
      ) : (
        <EventIcon event={event} />
      )}
    </span>
  );
}
