import { AlertBadge } from "@/components/AlertBadge";
import { gapLength, describe } from "./words";
import { dateTime } from "@/lib/time/zone";
import type { TimelineRow } from "@/lib/timeline/decode";
import { snapshotURL } from "@/lib/queries/events";
import type { Hit } from "./engine";
import type { AlertMark, HoldMark } from "./paint";
import { PreviewPicture } from "./PreviewPicture";

export interface Hover {
  x: number;
  y: number;
  t: number;
  camera?: { id: string; name: string };
  row?: TimelineRow;
  hit?: Hit;
  /** what is kept here */
  mark?: HoldMark;
  /** what lies here is an alert */
  alert?: AlertMark;
}

const WIDTH = 208;

/** What is under the pointer: the time always, the picture of that moment, of a gap its reason. */
export function HoverCard({ hover, width }: { hover: Hover; width: number }) {
  const left = Math.max(4, Math.min(width - WIDTH - 4, hover.x + 14));
  const { hit, row, camera } = hover;
  const text = hit && row && describe(hit, row);
  const detail = hit?.what === "gap" ? hit.detail : hit?.what === "recorded" ? hit.damage?.detail : undefined;
  const event = hit?.what === "event" && row && row.events.kind[hit.index] !== "motion" && row.events.kind[hit.index] !== "sound" ? row.events.id[hit.index] : undefined;
  const picture = camera && hit && hit.what !== "gap" && hit.what !== "nothing" && !event;
  return (
    <>
      <span aria-hidden className="pointer-events-none absolute inset-y-0 w-px bg-fg/40" style={{ left: hover.x }} />
      <div
        aria-hidden
        data-testid="hover-card"
        className="pointer-events-none fixed z-30 rounded-md border border-line bg-overlay px-2.5 py-1.5 text-xs"
        style={{ width: WIDTH, left: 0, bottom: 0, transform: "translate(var(--card-x), var(--card-y))" }}
        ref={(element) => {
          const parent = element?.parentElement?.getBoundingClientRect();
          if (!element || !parent) return;
          element.style.setProperty("--card-x", `${parent.left + left}px`);
          element.style.setProperty("--card-y", `${parent.top + hover.y - window.innerHeight - 6}px`);
        }}
      >
        {event && <img key={event} src={snapshotURL({ id: event, revision: 0 })} alt="" className="mb-1.5 aspect-video w-full rounded-sm bg-black object-cover" onError={(e) => (e.currentTarget.style.display = "none")} />}
        {/* stays mounted: its video is loaded once for all places of the hour */}
        {camera && (
          <div className={picture ? "mb-1.5 aspect-video w-full overflow-hidden rounded-sm bg-black" : "hidden"}>
            <PreviewPicture camera={camera.id} t={picture ? hover.t : undefined} className="size-full" />
          </div>
        )}
        <p className="font-medium">{dateTime(hover.t)}</p>
        {camera && <p className="truncate text-muted">{camera.name}</p>}
        {text && <p className="text-fg">{text}</p>}
        {hit?.what === "gap" && <p className="text-muted">{gapLength(hit.start, hit.end)} without footage</p>}
        {detail && <p className="line-clamp-3 text-muted">{detail}</p>}
        {hover.alert && <AlertBadge severity={hover.alert.severity} className="my-0.5" />}
        {hover.mark && <p className="text-info">{hover.mark.kind === "legal" ? "Legal hold" : hover.mark.kind === "export" ? "Kept for an export" : "Kept"}</p>}
      </div>
    </>
  );
}
