"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Bookmark, Download, Play, Scale, Trash2 } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Confirm } from "@/components/Confirm";
import { Failure, Notice } from "@/components/Notice";
import { Badge } from "@/components/ui/badge";
import { Button, buttonClass } from "@/components/ui/button";
import { useBootstrap, useCameraName } from "@/hooks/use-bootstrap";
import type { Hold } from "@/lib/api/recording-types";
import type { User } from "@/lib/api/types";
import { timelineHref } from "@/lib/links";
import { thumbnailURL } from "@/lib/queries/playback";
import { holdsQuery, removeHold } from "@/lib/queries/holds";
import { duration } from "@/lib/time/duration";
import { dateTime, dayRange } from "@/lib/time/zone";
import { ListSkeleton, ToTimeline } from "./ExportsView";

const icons = { favourite: Bookmark, export: Download, legal: Scale };

/** Footage that is not deleted when its time is over. */
export function KeptList() {
  const query = useQuery(holdsQuery());
  const user = useBootstrap().data?.user;
  const name = useCameraName();
  const client = useQueryClient();
  const [removing, setRemoving] = useState<Hold>();
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <ListSkeleton label="Loading what is kept" />;
  if (query.data.length === 0) {
    return (
      <Notice icon={Bookmark} title="Nothing is kept yet" action={<ToTimeline />}>
        Mark a stretch of time in the timeline and choose Keep: that footage then stays when the disk is full and its days are over.
      </Notice>
    );
  }
  return (
    <>
      <ul aria-label="Kept footage" className="overflow-hidden rounded-lg border border-line bg-surface">
        {query.data.map((hold) => (
          <HoldRow key={hold.id} hold={hold} cameras={hold.cameras.map(name).join(", ")} fixed={user && whyFixed(hold, user)} onRemove={() => setRemoving(hold)} />
        ))}
      </ul>
      <Confirm open={removing !== undefined} onClose={() => setRemoving(undefined)} title="Keep it no longer?" action={removing?.kind === "legal" ? "Remove the legal hold" : "Remove"} onConfirm={() => (removing ? removeHold(client, removing.id) : Promise.resolve())}>
        {removing && (
          <>
            <b className="font-semibold">{dayRange(removing.from, removing.to)}</b> of {removing.cameras.map(name).join(", ")} is then deleted when its time is over, which may be at once.
          </>
        )}
      </Confirm>
    </>
  );
}

/** Why this person cannot remove it, if so. */
function whyFixed(hold: Hold, user: User): string | undefined {
  if (hold.kind === "export") return "Goes with its export";
  if (user.role === "admin") return undefined;
  if (hold.kind === "legal") return "Only an administrator can remove it";
  return hold.created_by === user.name ? undefined : `Only ${hold.created_by ?? "its owner"} or an administrator can remove it`;
}

function HoldRow({ hold, cameras, fixed, onRemove }: { hold: Hold; cameras: string; fixed: string | undefined; onRemove: () => void }) {
  const [broken, setBroken] = useState(false);
  const Icon = icons[hold.kind] ?? Bookmark;
  const legal = hold.kind === "legal";
  const what = hold.note || cameras;
  return (
    <li className="flex items-center gap-3 border-b border-line px-3 py-2.5 last:border-b-0" data-testid="hold">
      <span className="relative grid aspect-video w-24 shrink-0 place-items-center overflow-hidden rounded-sm bg-black text-muted max-sm:w-20">
        <Icon className="size-4" aria-hidden />
        {!broken && hold.cameras[0] && <img src={thumbnailURL(hold.cameras[0], (hold.from + hold.to) / 2)} alt="" loading="lazy" onError={() => setBroken(true)} className="absolute inset-0 size-full object-cover" />}
      </span>
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
          <span className="min-w-0 truncate font-medium">{what}</span>
          {legal && (
            <Badge tone="warn">
              <Scale className="size-3" aria-hidden />
              Legal hold
            </Badge>
          )}
          {hold.kind === "export" && <Badge>Export</Badge>}
        </p>
        <p className="text-xs">
          {dayRange(hold.from, hold.to)} <span className="text-muted">· {duration(hold.to - hold.from)}</span>
        </p>
        <p className="text-xs text-muted">
          {hold.note && `${cameras} · `}kept {dateTime(hold.created_at)}
          {hold.created_by && ` by ${hold.created_by}`}
          {fixed && ` · ${fixed}`}
        </p>
      </div>
      <div className="flex shrink-0 gap-0.5 max-sm:flex-col">
        <Link href={timelineHref({ camera: hold.cameras[0], t: hold.from, range: hold, play: true })} prefetch={false} aria-label={`Play ${what}`} title="Play" className={buttonClass({ variant: "ghost", size: "icon" })}>
          <Play aria-hidden />
        </Link>
        {!fixed && (
          <Button variant="ghost" size="icon" aria-label={`Remove ${what}`} title="Keep no longer" onClick={onRemove}>
            <Trash2 aria-hidden />
          </Button>
        )}
      </div>
    </li>
  );
}
