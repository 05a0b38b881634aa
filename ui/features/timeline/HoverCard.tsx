import { gapReason, labelName } from "@/lib/format";
import { now } from "@/lib/time/clock";
import { duration } from "@/lib/time/duration";
import { clock, dateTime } from "@/lib/time/zone";
import type { TimelineRow } from "@/lib/timeline/decode";
import { snapshotURL } from "@/lib/queries/events";
import type { Hit } from "./engine";

export interface Hover {
  x: number;
  y: number;
  t: number;
  camera?: string;
  row?: TimelineRow;
  hit?: Hit;
}

const WIDTH = 208;

/** What is under the pointer: the time always, and of an event its picture, of a gap its reason. */
export function HoverCard({ hover, width }: { hover: Hover; width: number }) {
  const left = Math.max(4, Math.min(width - WIDTH - 4, hover.x + 14));
  const text = describe(hover);
  const event = hover.hit?.what === "event" ? hover.hit.index : -1;
  const id = hover.row?.events.id[event];
  return (
    <>
      <span aria-hidden className="pointer-events-none absolute inset-y-0 w-px bg-fg/40" style={{ left: hover.x }} />
      <div
        aria-hidden
        className="pointer-events-none fixed z-30 rounded-md border border-line bg-overlay px-2.5 py-1.5 text-xs"
        style={{ width: WIDTH, left: 0, bottom: 0, transform: "translate(var(--card-x), var(--card-y))" }}
        ref={(element) => {
          const parent = element?.parentElement?.getBoundingClientRect();
          if (!element || !parent) return;
          element.style.setProperty("--card-x", `${parent.left + left}px`);
          element.style.setProperty("--card-y", `${parent.top + hover.y - window.innerHeight - 6}px`);
        }}
      >
        {id && hover.row?.events.kind[event] === "object" && (
          <img key={id} src={snapshotURL({ id, revision: 0 })} alt="" className="mb-1.5 aspect-video w-full rounded-sm bg-black object-cover" onError={(e) => (e.currentTarget.style.display = "none")} />
        )}
        <p className="font-medium">{dateTime(hover.t)}</p>
        {hover.camera && <p className="truncate text-muted">{hover.camera}</p>}
        {text && <p className="text-fg">{text}</p>}
      </div>
    </>
  );
}

function describe({ hit, row }: Hover): string | undefined {
  if (!hit || !row) return undefined;
  if (hit.what === "recorded") return undefined;
  if (hit.what === "nothing") return "Nothing recorded";
  if (hit.what === "gap") return `No footage for ${duration(hit.end - hit.start)}${hit.reason ? `: ${gapReason(hit.reason)}` : ""}`;
  const { start, end, label, score, kind } = row.events;
  const i = hit.index;
  const length = Number.isFinite(end[i]!) ? duration(end[i]! - start[i]!) : `${duration(now() - start[i]!)}, ongoing`;
  const name = labelName(label[i] || kind[i]!);
  return `${name}${score[i] ? ` ${score[i]} %` : ""} · ${clock(start[i]!)} · ${length}`;
}
