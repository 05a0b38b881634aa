import type { Metadata } from "next";
import { Suspense } from "react";
import { FacesView } from "@/features/faces/FacesView";

export const metadata: Metadata = { title: "Faces" };

export default function FacesPage() {
  return (
    <Suspense>
      <FacesView />
    </Suspense>
  );
}
