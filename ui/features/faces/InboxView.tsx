"use client";
import { useQuery } from "@tanstack/react-query";
import { Inbox as InboxIcon, Undo2, X } from "lucide-react";
import { useMemo, useState } from "react";
import { FacePicture } from "@/components/FacePicture";
import { Failure, Notice } from "@/components/Notice";
import { WhoDialog, type Who } from "@/components/WhoDialog";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useFaceStatus, useMayName } from "@/hooks/use-faces";
import { useHotkeys } from "@/hooks/use-hotkeys";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { Face, InboxGroup, Suggestion } from "@/lib/api/face-types";
import { count } from "@/lib/faces";
import { inboxQuery } from "@/lib/queries/faces";
import { GroupCard } from "./GroupCard";
import { anchorOf, move, settle, START, targets, toggledIn, visibleGroups } from "./inbox-model";
import { useDeal } from "./use-deal";

const PREVIEW = 6;

/** Unknown faces, like ones together: who they are, or that nobody wants to know. */
export function InboxView() {
  const query = useQuery(inboxQuery());
  const may = useMayName();
  const deal = useDeal();
  const show = useToasts((s) => s.show);
  const [wanted, setPlace] = useState(START);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [naming, setNaming] = useState<{ faces: Face[]; suggestion?: Suggestion }>();
  const [moved, setMoved] = useState(false);
  const groups = useMemo(() => visibleGroups(query.data?.groups ?? [], deal.hidden), [query.data, deal.hidden]);
  const place = settle(wanted, groups);
  const current = groups[place.group];
  const chosen = targets(groups, picked, undefined);

  const go = (by: Parameters<typeof move>[2]) => {
    setMoved(true);
    setPlace(moved ? move(place, groups, by) : place);
  };
  const done = () => setPicked(new Set());
  const name = (group: InboxGroup | undefined) => {
    const faces = targets(groups, picked, group);
    if (may && faces.length > 0) setNaming({ faces, suggestion: picked.size === 0 || faces.every((f) => group?.faces.includes(f)) ? group?.suggestion : undefined });
  };
  const dismiss = (faces: readonly Face[]) => {
    if (!may || faces.length === 0) return;
    deal.dismiss(faces.map((f) => f.id));
    done();
  };
  const assign = (faces: readonly Face[], who: Who) => deal.assign(faces.map((f) => f.id), who).then(done);
  const accept = (group: InboxGroup | undefined) => {
    const by = group?.suggestion;
    if (may && group && by) assign(group.faces, { id: by.person_id, name: by.name }).catch((error: unknown) => show(sentence(error), "alert"));
  };

  useHotkeys({
    ArrowDown: () => go({ groups: 1 }),
    ArrowUp: () => go({ groups: -1 }),
    ArrowRight: () => go({ faces: 1 }),
    ArrowLeft: () => go({ faces: -1 }),
    x: () => may && current?.faces[place.face] && setPicked(toggledIn(picked, current.faces[place.face]!.id)),
    Enter: () => name(current),
    y: () => picked.size === 0 && accept(current),
    d: () => dismiss(targets(groups, picked, current)),
    u: () => deal.undo(),
    Escape: done,
  });

  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Loading />;
  return (
    <section aria-label="Unknown faces">
      {groups.length === 0 ? (
        <Empty />
      ) : (
        <>
          <p className="mb-3 text-muted">
            {count(groups.reduce((n, g) => n + g.faces.length, 0), "face")} in {count(groups.length, "group")} of like ones.
            {may && " Name a whole group, or choose single faces first."}
          </p>
          <ol aria-label="Groups" className="space-y-3">
            {groups.map((group, i) => (
              <GroupCard
                key={anchorOf(group)}
                group={group}
                number={i + 1}
                current={moved && i === place.group}
                face={moved && i === place.group ? place.face : -1}
                picked={picked}
                mayName={may}
                onFocus={(face) => {
                  setMoved(true);
                  setPlace({ anchor: anchorOf(group), group: i, face });
                }}
                onToggle={(face) => setPicked(toggledIn(picked, face.id))}
                onAccept={() => accept(group)}
                onName={() => name(group)}
                onNameAll={() => setNaming({ faces: group.faces, suggestion: group.suggestion })}
                onDismissAll={() => dismiss(group.faces)}
              />
            ))}
          </ol>
        </>
      )}
      <Bar
        chosen={may ? chosen.length : 0}
        waiting={deal.waiting}
        onName={() => name(undefined)}
        onDismiss={() => dismiss(chosen)}
        onClear={done}
        onUndo={deal.undo}
      />
      <WhoDialog
        open={naming !== undefined}
        onClose={() => setNaming(undefined)}
        title={naming?.faces.length === 1 ? "Who is this?" : "Who are these?"}
        suggestion={naming?.suggestion}
        onChoose={(who) => assign(naming?.faces ?? [], who)}
      >
        {naming && (
          <div className="flex flex-wrap items-center gap-1.5 px-4 pt-4">
            {naming.faces.slice(0, PREVIEW).map((face) => (
              <FacePicture key={face.id} url={face.url} alt="" className="size-12" />
            ))}
            {naming.faces.length > PREVIEW && <span className="px-1 text-muted">and {naming.faces.length - PREVIEW} more</span>}
          </div>
        )}
      </WhoDialog>
    </section>
  );
}

interface BarProps {
  chosen: number;
  waiting: number;
  onName: () => void;
  onDismiss: () => void;
  onClear: () => void;
  onUndo: () => void;
}

/** What can be done with the chosen faces, and the way back from a dismissal. */
function Bar({ chosen, waiting, onName, onDismiss, onClear, onUndo }: BarProps) {
  return (
    <div className="sticky bottom-3 z-10 mt-3 flex flex-col items-center gap-2" aria-live="polite">
      {waiting > 0 && (
        <div className="flex items-center gap-3 rounded-lg border border-line bg-overlay py-1.5 pl-4 pr-2 shadow-[0_8px_24px_#000a]">
          <span>{count(waiting, "face")} dismissed</span>
          <Button onClick={onUndo} aria-keyshortcuts="u">
            <Undo2 aria-hidden />
            Undo
          </Button>
        </div>
      )}
      {chosen > 0 && (
        <div role="toolbar" aria-label="Chosen faces" className="flex items-center gap-2 rounded-lg border border-accent/50 bg-overlay py-1.5 pl-4 pr-2 shadow-[0_8px_24px_#000a]">
          <span className="mr-1 font-medium">{count(chosen, "face")}</span>
          <Button variant="primary" onClick={onName}>
            Name…
          </Button>
          <Button onClick={onDismiss}>Dismiss</Button>
          <Button variant="ghost" size="icon" aria-label="Choose none" onClick={onClear}>
            <X aria-hidden />
          </Button>
        </div>
      )}
    </div>
  );
}

function Empty() {
  const state = useFaceStatus().data?.state;
  return (
    <Notice icon={InboxIcon} title="No unknown faces">
      {state === "ready" || state === undefined ? "When a camera sees a stranger’s face well enough, it appears here." : "Faces are not looked for just now."}
    </Notice>
  );
}

function Loading() {
  return (
    <div role="status" aria-busy aria-label="Loading unknown faces" className="space-y-3">
      {[0, 1, 2].map((i) => (
        <Skeleton key={i} className="h-40 rounded-lg" />
      ))}
    </div>
  );
}
