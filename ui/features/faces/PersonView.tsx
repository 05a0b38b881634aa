"use client";
import { ImagePlus, Merge, Pencil, Trash2, UserX } from "lucide-react";
import Link from "next/link";
import { useQuery } from "@tanstack/react-query";
import { useRouter, useSearchParams } from "next/navigation";
import { type ReactNode, useEffect, useState } from "react";
import { Confirm } from "@/components/Confirm";
import { FacePicture } from "@/components/FacePicture";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Failure, Notice } from "@/components/Notice";
import { Button, buttonClass } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useFaceStatus, useMayName, useNamed } from "@/hooks/use-faces";
import { useToasts } from "@/hooks/use-toasts";
import { ApiError } from "@/lib/api/errors";
import type { PersonDetail } from "@/lib/api/face-types";
import { count } from "@/lib/faces";
import { deletePerson, personQuery } from "@/lib/queries/faces";
import { dateTime, dayLabel } from "@/lib/time/zone";
import { AddDialog } from "./AddDialog";
import { MergeDialog } from "./MergeDialog";
import { RenameDialog } from "./RenameDialog";
import { Samples } from "./Samples";
import { StatusNotice } from "./StatusNotice";

/** One person: faces, and the events that name them. */
export function PersonView({ events }: { events: (person: string) => ReactNode }) {
  const id = useSearchParams().get("id") ?? "";
  const [gone, setGone] = useState<string>();
  const named = useNamed();
  const query = useQuery({ ...personQuery(id), enabled: id !== "" && gone !== id });
  // Only once nobody asks for this person any more: they would not be found.
  useEffect(() => {
    if (gone) void named();
  }, [gone, named]);
  if (id === "" || (query.error instanceof ApiError && query.error.status === 404)) return <Gone />;
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} className="h-full" />;
  if (!query.data) return <Loading />;
  return <Loaded person={query.data} events={events(id)} onGone={() => setGone(id)} />;
}

function Gone() {
  return (
    <Notice
      icon={UserX}
      title="This person is not in the library"
      heading
      className="h-full"
      action={
        <Link href="/faces/" prefetch={false} className={buttonClass({ variant: "primary" })}>
          All people
        </Link>
      }
    >
      They may have been removed, or merged with somebody.
    </Notice>
  );
}

function Loading() {
  return (
    <div role="status" aria-busy aria-label="Loading" className="mx-auto max-w-6xl space-y-4 p-4 max-sm:p-3">
      <Skeleton className="h-24 rounded-lg" />
      <Skeleton className="h-48 rounded-lg" />
    </div>
  );
}

type Asked = "add" | "rename" | "merge" | "delete";

function Loaded({ person, events, onGone }: { person: PersonDetail; events: ReactNode; onGone: () => void }) {
  const router = useRouter();
  const may = useMayName();
  const status = useFaceStatus().data;
  const mayAdd = may && (status === undefined || status.state === "ready");
  const show = useToasts((s) => s.show);
  const [asked, setAsked] = useState<Asked>();
  const close = () => setAsked(undefined);
  const remove = async () => {
    await deletePerson(person.id);
    show(`${person.name} is forgotten.`);
    onGone();
    router.replace("/faces/");
  };
  return (
    <>
      <HeaderSlot>
        <Link href="/faces/" prefetch={false} className="text-muted hover:text-fg max-sm:hidden">
          Faces
        </Link>
        <span aria-hidden className="text-muted max-sm:hidden">
          /
        </span>
        <h1 className="truncate text-lg font-semibold max-md:text-xl">{person.name}</h1>
      </HeaderSlot>
      <div className="mx-auto max-w-6xl p-4 max-sm:p-3">
        <StatusNotice />
        <div className="flex flex-wrap items-center gap-4">
          <FacePicture url={person.cover} alt={`Portrait of ${person.name}`} className="size-24 rounded-lg" />
          <dl className="grid flex-1 grid-cols-2 gap-x-6 gap-y-2 sm:flex sm:gap-8">
            <Fact name="Faces">{person.faces}</Fact>
            <Fact name="Events">{person.events}</Fact>
            <Fact name="Last seen">{person.last_seen ? dateTime(Date.parse(person.last_seen)) : "Not yet"}</Fact>
            <Fact name="Known since">{dayLabel(Date.parse(person.created_at))}</Fact>
          </dl>
          {may && (
            <div role="group" aria-label={`Change ${person.name}`} className="flex flex-wrap gap-2 max-sm:grid max-sm:w-full max-sm:grid-cols-2">
              <Button variant="primary" disabled={!mayAdd} onClick={() => setAsked("add")}>
                <ImagePlus aria-hidden />
                Add pictures
              </Button>
              <Button onClick={() => setAsked("rename")}>
                <Pencil aria-hidden />
                Rename
              </Button>
              <Button onClick={() => setAsked("merge")}>
                <Merge aria-hidden />
                Merge
              </Button>
              <Button variant="danger" onClick={() => setAsked("delete")}>
                <Trash2 aria-hidden />
                Delete
              </Button>
            </div>
          )}
        </div>
        <Samples person={person} mayChange={may} onAdd={mayAdd ? () => setAsked("add") : undefined} />
        {events}
      </div>
      {asked === "add" && <AddDialog person={person} onClose={close} />}
      {asked === "rename" && <RenameDialog person={person} onClose={close} />}
      {asked === "merge" && <MergeDialog person={person} onClose={close} onGone={onGone} />}
      <Confirm open={asked === "delete"} onClose={close} title={`Delete ${person.name}?`} action={`Delete ${person.name}`} keep="Cancel" onConfirm={remove}>
        <p>What goes, for good:</p>
        <ul className="mt-1 list-disc space-y-1 pl-5">
          <li>{count(person.faces, "face")} with {person.faces === 1 ? "its picture" : "their pictures"} and what was measured of {person.faces === 1 ? "it" : "them"}</li>
          <li>faces of unknown people that turned out to be {person.name}</li>
          {person.events > 0 && <li>the name in {count(person.events, "event")}</li>}
        </ul>
        <p className="mt-3 text-muted">Recordings, the pictures of events, and what was told to others already stay.</p>
      </Confirm>
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
