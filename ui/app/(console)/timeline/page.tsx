import type { Metadata } from "next";
import { Suspense } from "react";
import { TimelineWithEvents } from "./TimelineWithEvents";

export const metadata: Metadata = { title: "Timeline" };

export default function TimelinePage() {
  return (
    <Suspense>
      <TimelineWithEvents />
    </Suspense>
  );
}
