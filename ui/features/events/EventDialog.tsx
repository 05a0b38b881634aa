"use client";
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight, CircleHelp, Download, Play, Route } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useId, useState } from "react";
import { AlertBadge } from "@/components/AlertBadge";
import { Button, buttonClass } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { alertOf, isQuiet, modeName, modeThen, ruleName } from "@/lib/alerts";
import type { NvrEvent } from "@/lib/api/types";
import { identityOf } from "@/lib/faces";
import { cameraProblem, labelName } from "@/lib/format";
import { eventHref } from "@/lib/links";
import { verdictsQuery } from "@/lib/queries/alerts";
import { eventQuery, snapshotURL } from "@/lib/queries/events";
import { clock, dayLabel, isoDay } from "@/lib/time/zone";
import { EventNotifications } from "./EventNotifications";
import { EventPicture, hasTrace } from "./EventPicture";
import { Ongoing } from "./EventRow";
import { eventLength, eventScore, eventTitle, zoneNames } from "./text";
import { WhoButton, WhoText } from "./WhoIs";
import { WhyPanel } from "./WhyPanel";

interface EventDialogProps {
  event: NvrEvent | undefined;
  cameraName: string;
  onClose: () => void;
  /** −1 is newer, 1 older */
  onMove: (by: 1 | -1) => void;
  hasNewer: boolean;
  hasOlder: boolean;
}

/** The large picture with what is known of the event, and why it is an alert or none; arrow keys go through the list. */
export function EventDialog({ event, cameraName, onClose, onMove, hasNewer, hasOlder }: EventDialogProps) {
  const [why, setWhy] = useState(false);
  const [traced, setTraced] = useState(true);
  const step = (name: string, by: 1 | -1, there: boolean, icon: ReactNode) => (
    // One that is disabled would lose the focus, and with it the arrow keys.
    <Button size="icon" variant="ghost" aria-label={name} aria-disabled={!there} className="aria-disabled:opacity-45" onClick={() => there && onMove(by)}>
      {icon}
    </Button>
  );
  return (
    <Dialog
      open={event !== undefined}
      onOpenChange={(open) => !open && onClose()}
      title={event ? `${eventTitle(event)} · ${cameraName}` : ""}
      actions={
        (hasNewer || hasOlder) && (
          <span className="flex">
            {step("Newer event", -1, hasNewer, <ChevronLeft aria-hidden />)}
            {step("Older event", 1, hasOlder, <ChevronRight aria-hidden />)}
          </span>
        )
      }
      onKeyDown={({ key }) => {
        if (key === "ArrowLeft" && hasNewer) onMove(-1);
        if (key === "ArrowRight" && hasOlder) onMove(1);
      }}
      className="sm:max-w-4xl"
    >
      {event && <Content key={event.id} listed={event} why={why} setWhy={setWhy} traced={traced} setTraced={setTraced} />}
    </Dialog>
  );
}

interface ContentProps {
  listed: NvrEvent;
  why: boolean;
  setWhy: (open: boolean) => void;
  traced: boolean;
  setTraced: (traced: boolean) => void;
}

function Content({ listed, why, setWhy, traced, setTraced }: ContentProps) {
  // The list leaves the path out; until it is here, what the list knows is shown.
  const whole = useQuery(eventQuery(listed)).data;
  const event = { ...listed, ...(whole && whole.revision >= listed.revision ? whole : {}) };
  const areas = useBootstrap().data?.cameras.find((c) => c.id === event.camera)?.areas ?? [];
  const id = useId();
  const judged = event.severity !== undefined;
  return (
    <>
      <EventPicture event={event} areas={areas} traced={traced} />
      <Facts event={event} />
      <div className="flex flex-wrap gap-2 border-t border-line px-4 py-3 max-sm:gap-1.5 max-sm:px-3">
        <Link href={eventHref(event)} prefetch={false} className={buttonClass({ variant: "primary" })}>
          <Play className="fill-current" aria-hidden />
          Play<span className="max-sm:sr-only"> in timeline</span>
        </Link>
        {judged && (
          <Button aria-expanded={why} aria-controls={why ? id : undefined} variant={why ? "pressed" : "outline"} onClick={() => setWhy(!why)}>
            <CircleHelp aria-hidden className="max-sm:hidden" />
            Why?
          </Button>
        )}
        <WhoButton event={event} />
        {hasTrace(event, areas) && event.has_snapshot && (
          <Button aria-pressed={traced} aria-label="Show its way" title="Its way, and the zones and lines it met" variant={traced ? "pressed" : "outline"} onClick={() => setTraced(!traced)}>
            <Route aria-hidden />
            <span className="max-sm:sr-only">Way</span>
          </Button>
        )}
        {event.has_snapshot && (
          <a href={snapshotURL(event)} aria-label="Save the picture" download={`${event.camera}-${isoDay(Date.parse(event.start))}-${clock(Date.parse(event.start)).replaceAll(":", "")}.jpg`} className={buttonClass({})}>
            <Download aria-hidden />
            <span className="max-sm:sr-only">Picture</span>
          </a>
        )}
      </div>
      {judged && why && <WhyPanel id={id} event={event} />}
      <EventNotifications event={event} />
    </>
  );
}

function Facts({ event }: { event: NvrEvent }) {
  const zones = zoneNames(event);
  const crossed = [...new Set((event.crossings ?? []).map((c) => `${labelName(c.line)} (${c.direction === "a_to_b" ? "a to b" : "b to a"})`))].join(", ");
  const problem = event.kind === "camera" ? event.detail || cameraProblem(event.label).advice : undefined;
  return (
    <>
      {problem && <p className="border-b border-line px-4 py-3">{problem}</p>}
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 px-4 py-3 sm:grid-cols-4">
        <Fact name="When">
          {dayLabel(Date.parse(event.start))}, {clock(Date.parse(event.start))}
        </Fact>
        <Fact name="Length">{event.end ? eventLength(event, 0) : <Ongoing event={event} />}</Fact>
        {eventScore(event) && <Fact name="Certainty">{eventScore(event)}</Fact>}
        {event.kind === "object" && <Fact name="Moving">{event.stationary ? "Standing still" : "Yes"}</Fact>}
        <AlertFacts event={event} />
        {identityOf(event) && (
          <Fact name="Who">
            <WhoText event={event} />
          </Fact>
        )}
        {zones && <Fact name="Zones">{zones}</Fact>}
        {crossed && <Fact name="Crossed">{crossed}</Fact>}
        {event.max_speed ? <Fact name="Top speed">{Math.round(event.max_speed)} km/h</Fact> : null}
      </dl>
    </>
  );
}

function AlertFacts({ event }: { event: NvrEvent }) {
  const alert = alertOf(event);
  const { data } = useQuery({ ...verdictsQuery(event), enabled: event.severity !== undefined && !event.mode });
  const mode = modeThen(event, data?.verdicts);
  if (!alert && !isQuiet(event)) return null;
  return (
    <>
      <Fact name="Alert">
        {alert ? (
          <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <AlertBadge severity={alert} />
            {(event.rules ?? []).map(ruleName).join(", ")}
          </span>
        ) : (
          "None"
        )}
      </Fact>
      {mode && <Fact name="Armed then">{modeName(mode)}</Fact>}
    </>
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
