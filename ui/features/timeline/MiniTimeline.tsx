"use client";
import { useRouter } from "next/navigation";
import { useEffect, useMemo, useState } from "react";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { cn } from "@/lib/cn";
import { timelineHref } from "@/lib/links";
import { now } from "@/lib/time/clock";
import type { Mark } from "./paint";
import { TimelineCanvas } from "./TimelineCanvas";
import { useAlerts } from "./use-alerts";
import { useTimelineData } from "./use-timeline-data";
import { ViewStore } from "./view-store";

const SPAN = 6 * 3_600_000;
const ROW = 24;
const noMarks = new Map<string, Mark[]>();
/** A view that ends this close to now is meant to move on with it. */
const FOLLOW_MS = 120_000;

/** The last hours of all cameras below the live view; a click goes to that moment in the timeline. */
export function MiniTimeline({ className }: { className?: string }) {
  const cameras = useBootstrap().data?.cameras;
  const router = useRouter();
  const [store] = useState(() => new ViewStore({ t0: now() - SPAN * 0.99, span: SPAN, width: 1 }, now));
  const ids = useMemo(() => cameras?.map((c) => c.id) ?? [], [cameras]);
  const { rows, marks } = useAlerts(useTimelineData(ids, store).rows, noMarks);
  useEffect(() => {
    const timer = setInterval(() => {
      const view = store.get();
      const ahead = view.t0 + view.span - now();
      if (ahead > -FOLLOW_MS) store.set({ ...view, t0: now() - view.span * 0.99 });
    }, 5_000);
    return () => clearInterval(timer);
  }, [store]);
  if (!cameras || cameras.length === 0) return null;
  return (
    <section aria-label="The last hours" className={cn("max-h-[176px] overflow-y-auto bg-bg", className)}>
      <TimelineCanvas
        cameras={cameras}
        rows={rows}
        marks={marks}
        store={store}
        rowHeight={ROW}
        labels="side"
        onSeek={(t, camera, how) => how !== "drag" && router.push(timelineHref({ camera, t, play: true }))}
      />
    </section>
  );
}
