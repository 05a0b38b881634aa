"use client";
import { EventRail } from "@/features/events/EventRail";
import { SelectionActions } from "@/features/exports/SelectionActions";
import { TimelineView } from "@/features/timeline/TimelineView";

/** Three features on one page, which only the app may join. */
export function TimelineWithEvents() {
  return (
    <TimelineView
      below={(camera) => <EventRail camera={camera} className="border-t border-line" />}
      actions={(range, cameras) => <SelectionActions range={range} cameras={cameras} />}
    />
  );
}
