"use client";
import { ScanFace, UserPlus } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { FacePicture } from "@/components/FacePicture";
import { Failure, Notice } from "@/components/Notice";
import { Button, buttonClass } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useFaceStatus, useMayName, usePersons } from "@/hooks/use-faces";
import type { Person } from "@/lib/api/face-types";
import { count } from "@/lib/faces";
import { personHref } from "@/lib/links";
import { dateTime } from "@/lib/time/zone";
import { AddDialog } from "./AddDialog";

const grid = "grid grid-cols-[repeat(auto-fill,minmax(168px,1fr))] gap-3 max-sm:grid-cols-2";

/** Everybody the library knows, by name. */
export function PeopleView() {
  const persons = usePersons();
  const may = useMayName();
  const [adding, setAdding] = useState(false);
  const status = useFaceStatus().data;
  const waiting = status?.inbox ?? 0;
  const off = status !== undefined && status.state !== "ready";
  const add = may && !off && (
    <Button variant="primary" onClick={() => setAdding(true)}>
      <UserPlus aria-hidden />
      Add a person
    </Button>
  );
  return (
    <section aria-label="People">
      {persons.isError && !persons.data ? (
        <Failure error={persons.error} retry={() => void persons.refetch()} />
      ) : !persons.data ? (
        <div className={grid} role="status" aria-busy aria-label="Loading people">
          {Array.from({ length: 8 }, (_, i) => (
            <Skeleton key={i} className="aspect-[4/5] rounded-lg" />
          ))}
        </div>
      ) : persons.data.length === 0 ? (
        <Notice
          icon={ScanFace}
          title="Nobody is known yet"
          action={
            <>
              {add}
              {waiting > 0 && (
                <Link href="/faces/?tab=unknown" prefetch={false} className={buttonClass({})}>
                  See {count(waiting, "unknown face")}
                </Link>
              )}
            </>
          }
        >
          {off ? "Once faces are recognised, people can be added here by pictures, or by naming those whom the cameras see." : "Add somebody by pictures, or wait for the cameras to see people: their faces wait under “Unknown” for a name."}
        </Notice>
      ) : (
        <>
          <div className="mb-3 flex items-center justify-between gap-3">
            <p className="text-muted">{count(persons.data.length, "person", "people")}</p>
            {add}
          </div>
          <ul aria-label="People" className={grid}>
            {persons.data.map((person) => (
              <Card key={person.id} person={person} />
            ))}
          </ul>
        </>
      )}
      {adding && <AddDialog onClose={() => setAdding(false)} />}
    </section>
  );
}

function Card({ person }: { person: Person }) {
  return (
    <li data-testid="person">
      <Link href={personHref(person.id)} prefetch={false} className="block overflow-hidden rounded-lg border border-line bg-surface hover:border-muted/60 hover:bg-raised">
        <FacePicture url={person.cover} alt="" className="aspect-square w-full rounded-none" />
        <span className="block px-3 py-2">
          <span className="block truncate text-lg font-semibold">{person.name}</span>
          <span className="block truncate text-xs text-muted">
            {person.faces === 0 ? <span className="text-detection">Not recognised: no face</span> : `${count(person.faces, "face")} · ${count(person.events, "event")}`}
          </span>
          <span className="block truncate text-xs text-muted">{person.last_seen ? `Last seen ${dateTime(Date.parse(person.last_seen))}` : "Not seen yet"}</span>
        </span>
      </Link>
    </li>
  );
}
