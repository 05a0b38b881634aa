"use client";
import { EventRail } from "@/features/events/EventRail";
import { TimelineView } from "@/features/timeline/TimelineView";

/** Two features on one page, which only the app may join. */
export function TimelineWithEvents() {
  return <TimelineView below={(camera) => <EventRail camera={camera} className="border-t border-line" />} />;
}
