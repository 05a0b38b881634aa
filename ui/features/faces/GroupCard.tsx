"use client";
import { Check, Trash2, UserRoundPen } from "lucide-react";
import Link from "next/link";
import { useEffect, useId, useRef, useState } from "react";
import { FacePicture } from "@/components/FacePicture";
import { Button } from "@/components/ui/button";
import { useCameraName } from "@/hooks/use-bootstrap";
import type { Face, InboxGroup } from "@/lib/api/face-types";
import { cn } from "@/lib/cn";
import { count, similarityText } from "@/lib/faces";
import { eventHref } from "@/lib/links";
import { clock, dateTime } from "@/lib/time/zone";
import { camerasOf } from "./inbox-model";

const SHOWN = 18;

interface GroupCardProps {
  group: InboxGroup;
  number: number;
  /** the keyboard is here */
  current: boolean;
  /** on this face; −1: elsewhere */
  face: number;
  picked: ReadonlySet<string>;
  mayName: boolean;
  onFocus: (face: number) => void;
  onToggle: (face: Face) => void;
  onAccept: () => void;
  /** the chosen faces, or else the group */
  onName: () => void;
  onNameAll: () => void;
  onDismissAll: () => void;
}

/** Faces that seem to be one person's. */
export function GroupCard({ group, number, current, face: at, picked, mayName, onFocus, onToggle, onAccept, onName, onNameAll, onDismissAll }: GroupCardProps) {
  const camera = useCameraName();
  const [all, setAll] = useState(false);
  const id = useId();
  const { suggestion } = group;
  const shown = all || at >= SHOWN ? group.faces : group.faces.slice(0, SHOWN);
  const [first, last] = [Date.parse(group.first_seen), Date.parse(group.last_seen)];
  return (
    <li data-testid="group" data-current={current} aria-labelledby={id} className={cn("scroll-my-4 rounded-lg border bg-surface", current ? "border-accent/60" : "border-line")}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 px-3 pt-3">
        <div className="min-w-0 flex-1 basis-52">
          <h2 id={id} className="font-semibold">
            <span className="sr-only">Group {number}: </span>
            {count(group.faces.length, "face")}
            {suggestion && <span className="font-normal text-muted"> · perhaps {suggestion.name}, {similarityText(suggestion.similarity)}</span>}
          </h2>
          <p className="truncate text-xs text-muted">{[camerasOf(group).map(camera).join(", "), first === last ? dateTime(last) : `${dateTime(first)} – ${dateTime(last)}`].filter(Boolean).join(" · ")}</p>
        </div>
        {mayName && (
          <div className="flex flex-wrap gap-2">
            {suggestion && (
              <Button variant="primary" onClick={onAccept} aria-keyshortcuts="y">
                <Check aria-hidden />
                <span className="max-w-44 truncate">It is {suggestion.name}</span>
              </Button>
            )}
            <Button onClick={onNameAll} variant={suggestion ? "outline" : "primary"}>
              <UserRoundPen aria-hidden />
              {suggestion ? "Somebody else…" : "Name…"}
            </Button>
            <Button onClick={onDismissAll} aria-label={`Dismiss group ${number}`}>
              <Trash2 aria-hidden />
              <span className="max-sm:sr-only">Dismiss</span>
            </Button>
          </div>
        )}
      </div>
      <ul aria-label={`Faces of group ${number}`} className="flex flex-wrap gap-2 p-3 max-sm:grid max-sm:grid-cols-4">
        {shown.map((face, i) => (
          <Thumb key={face.id} face={face} cameraName={face.camera ? camera(face.camera) : ""} focused={i === at} picked={picked.has(face.id)} mayPick={mayName} onFocus={() => onFocus(i)} onToggle={() => onToggle(face)} onName={onName} />
        ))}
        {shown.length < group.faces.length && (
          <li className="flex items-center max-sm:col-span-full">
            <Button onClick={() => setAll(true)} className="max-sm:w-full">
              {group.faces.length - shown.length} more
            </Button>
          </li>
        )}
      </ul>
    </li>
  );
}

interface ThumbProps {
  face: Face;
  cameraName: string;
  focused: boolean;
  picked: boolean;
  mayPick: boolean;
  onFocus: () => void;
  onToggle: () => void;
  onName: () => void;
}

function Thumb({ face, cameraName, focused, picked, mayPick, onFocus, onToggle, onName }: ThumbProps) {
  const button = useRef<HTMLButtonElement>(null);
  const seen = Date.parse(face.seen_at);
  useEffect(() => {
    if (!focused || document.activeElement === button.current) return;
    button.current?.focus({ preventScroll: true });
    button.current?.closest("[data-testid=group]")?.scrollIntoView?.({ block: "nearest" });
  }, [focused]);
  const picture = <FacePicture url={face.url} alt="" className="size-20 rounded-none max-sm:aspect-square max-sm:h-auto max-sm:w-full" />;
  const text = `Face of ${dateTime(seen)}${cameraName && `, ${cameraName}`}`;
  return (
    <li data-testid="face" className="w-20 max-sm:w-auto">
      {mayPick ? (
        <button
          ref={button}
          type="button"
          aria-pressed={picked}
          aria-label={text}
          title={`${text}, ${face.size} px`}
          onFocus={onFocus}
          onClick={onToggle}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault(); // Space chooses; Enter asks for the name
            onName();
          }}
          className={cn("relative block w-full overflow-hidden rounded-md outline-offset-2", picked && "ring-2 ring-accent")}
        >
          {picture}
          {picked && (
            <span aria-hidden className="absolute right-1 top-1 grid size-5 place-items-center rounded-full bg-accent text-on-accent">
              <Check className="size-3.5" strokeWidth={3} />
            </span>
          )}
        </button>
      ) : (
        <span className="block overflow-hidden rounded-md" role="img" aria-label={text}>
          {picture}
        </span>
      )}
      {face.camera ? (
        <Link href={eventHref({ camera: face.camera, start: face.seen_at })} prefetch={false} tabIndex={-1} aria-label={`Play: ${text}`} className="mt-0.5 flex min-h-6 items-center justify-center rounded-sm text-2xs text-muted hover:text-fg hover:underline">
          {clock(seen, false)}
        </Link>
      ) : (
        <span className="mt-0.5 flex min-h-6 items-center justify-center text-2xs text-muted">{clock(seen, false)}</span>
      )}
    </li>
  );
}
