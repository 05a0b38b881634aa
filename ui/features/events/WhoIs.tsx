"use client";
import { UserRoundPen } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { WhoDialog } from "@/components/WhoDialog";
import { Button } from "@/components/ui/button";
import { useFaceStatus, useMayName, useNamed } from "@/hooks/use-faces";
import { useToasts } from "@/hooks/use-toasts";
import type { NvrEvent } from "@/lib/api/types";
import { count, identityOf } from "@/lib/faces";
import { personHref } from "@/lib/links";
import { nameEvent } from "@/lib/queries/faces";
import { EventThumb } from "./EventThumb";

/** Who a person is taken to be, in the words of a fact. */
export function WhoText({ event }: { event: NvrEvent }) {
  const who = identityOf(event);
  const state = useFaceStatus().data?.state;
  if (who?.state === "known") {
    return (
      <>
        {who.personId ? (
          <Link href={personHref(who.personId)} prefetch={false} className="text-accent underline underline-offset-2">
            {who.name}
          </Link>
        ) : (
          who.name
        )}
        {who.sure && `, ${who.sure}`}
      </>
    );
  }
  if (who?.state === "unknown") return "Nobody known";
  if (state === "disabled" || state === "missing") return "Not looked for";
  return who?.ongoing ? "Not yet" : "No face seen well";
}

/** "This is …": gives the event a name, and the library its face. */
export function WhoButton({ event }: { event: NvrEvent }) {
  const [open, setOpen] = useState(false);
  const may = useMayName();
  const named = useNamed();
  const show = useToasts((s) => s.show);
  const who = identityOf(event);
  if (!may || !who) return null;
  const known = who.state === "known";
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <UserRoundPen aria-hidden className="max-sm:hidden" />
        {known ? "Somebody else…" : "This is…"}
      </Button>
      <WhoDialog
        open={open}
        onClose={() => setOpen(false)}
        title={known ? `Not ${who.name}? Who is it?` : "Who is this?"}
        except={known ? who.personId : undefined}
        onChoose={async (chosen) => {
          const { events, looks_like } = await nameEvent(event.id, chosen);
          const more = events > 1 ? ` So are ${count(events - 1, "other event")}.` : "";
          const like = looks_like ? ` The face is much like ${looks_like.name}’s, too.` : "";
          show(`This is ${chosen.name} now.${more}${like}`, looks_like ? "alert" : "neutral");
          await named();
        }}
      >
        {event.has_snapshot && <EventThumb event={event} className="mx-4 mt-4 aspect-video w-40" />}
        <p className="px-4 pt-2 text-xs text-muted">The face in this event is added to the library, so that this person is recognised from now on.</p>
      </WhoDialog>
    </>
  );
}
