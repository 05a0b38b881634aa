"use client";
import { PersonEvents } from "@/features/events/PersonEvents";
import { PersonView } from "@/features/faces/PersonView";

/** Two features on one page, which only the app may join. */
export function PersonWithEvents() {
  return <PersonView events={(person) => <PersonEvents person={person} />} />;
}
