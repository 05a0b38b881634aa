import type { Metadata } from "next";
import { Suspense } from "react";
import { PersonWithEvents } from "./PersonWithEvents";

export const metadata: Metadata = { title: "Person" };

export default function PersonPage() {
  return (
    <Suspense>
      <PersonWithEvents />
    </Suspense>
  );
}
