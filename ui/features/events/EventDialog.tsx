"use client";
import { ChevronLeft, ChevronRight, Download, Play } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useState } from "react";
import { Button, buttonClass } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import type { NvrEvent } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { eventHref } from "@/lib/links";
import { snapshotURL } from "@/lib/queries/events";
import { clock, dayLabel, isoDay } from "@/lib/time/zone";
import { Ongoing } from "./EventRow";
import { EventThumb } from "./EventThumb";
import { eventLength, eventScore, eventTitle } from "./text";

interface EventDialogProps {
  event: NvrEvent | undefined;
  cameraName: string;
  onClose: () => void;
  /** −1 is newer, 1 older */
  onMove: (by: 1 | -1) => void;
  hasNewer: boolean;
  hasOlder: boolean;
}

/** The large picture with what is known of the event; arrow keys go through the list. */
export function EventDialog({ event, cameraName, onClose, onMove, hasNewer, hasOlder }: EventDialogProps) {
  return (
    <Dialog open={event !== undefined} onOpenChange={(open) => !open && onClose()} title={event ? `${eventTitle(event)} · ${cameraName}` : ""} className="sm:max-w-4xl">
      {event && (
        <div
          onKeyDown={(key) => {
            if (key.key === "ArrowLeft" && hasNewer) onMove(-1);
            if (key.key === "ArrowRight" && hasOlder) onMove(1);
          }}
        >
          <Picture key={event.id} event={event} />
          <dl className="grid grid-cols-2 gap-x-6 gap-y-3 px-4 py-3 sm:grid-cols-4">
            <Fact name="When">
              {dayLabel(Date.parse(event.start))}, {clock(Date.parse(event.start))}
            </Fact>
            <Fact name="Length">{event.end ? eventLength(event, 0) : <Ongoing event={event} />}</Fact>
            <Fact name="Certainty">{eventScore(event) ?? "–"}</Fact>
            <Fact name="Moving">{event.stationary ? "Standing still" : "Yes"}</Fact>
          </dl>
          <div className="flex gap-2 border-t border-line px-4 py-3">
            <Link href={eventHref(event)} prefetch={false} className={buttonClass({ variant: "primary" })}>
              <Play className="fill-current" aria-hidden />
              Play in timeline
            </Link>
            {event.has_snapshot && (
              <a href={snapshotURL(event)} download={`${event.camera}-${isoDay(Date.parse(event.start))}-${clock(Date.parse(event.start)).replaceAll(":", "")}.jpg`} className={buttonClass({})}>
                <Download aria-hidden />
                <span className="max-sm:sr-only">Picture</span>
              </a>
            )}
            <div className="flex-1" />
            <Button size="icon" aria-label="Newer event" disabled={!hasNewer} onClick={() => onMove(-1)}>
              <ChevronLeft aria-hidden />
            </Button>
            <Button size="icon" aria-label="Older event" disabled={!hasOlder} onClick={() => onMove(1)}>
              <ChevronRight aria-hidden />
            </Button>
          </div>
        </div>
      )}
    </Dialog>
  );
}

function Picture({ event }: { event: NvrEvent }) {
  const [failed, setFailed] = useState(false);
  const { box } = event;
  if (!event.has_snapshot || failed) {
    return (
      <div className="grid aspect-video place-items-center bg-black text-muted">
        <span className="flex flex-col items-center gap-2">
          <EventThumb event={{ ...event, has_snapshot: false }} className="size-10" />
          {failed ? "The picture could not be loaded." : "No picture was kept of this event."}
        </span>
      </div>
    );
  }
  return (
    <div className="grid place-items-center bg-black">
      <span className="relative block">
        <img src={snapshotURL(event)} alt={`Snapshot: ${eventTitle(event)}`} onError={() => setFailed(true)} className="block max-h-[62dvh] max-w-full" />
        {box && box.w > 0 && box.w < 1 && (
          <span
            aria-hidden
            className={cn("absolute rounded-[2px] border-2", event.label === "person" ? "border-alert" : "border-detection")}
            style={{ left: `${box.x * 100}%`, top: `${box.y * 100}%`, width: `${box.w * 100}%`, height: `${box.h * 100}%` }}
          />
        )}
      </span>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="font-medium">{children}</dd>
    </div>
  );
}
