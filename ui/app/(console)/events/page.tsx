import type { Metadata } from "next";
import { Suspense } from "react";
import { EventList } from "@/features/events/EventList";

export const metadata: Metadata = { title: "Events" };

export default function EventsPage() {
  return (
    <Suspense>
      <EventList />
    </Suspense>
  );
}
