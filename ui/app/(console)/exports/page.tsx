import type { Metadata } from "next";
import { Suspense } from "react";
import { ExportsView } from "@/features/exports/ExportsView";

export const metadata: Metadata = { title: "Exports" };

export default function ExportsPage() {
  return (
    <Suspense>
      <ExportsView />
    </Suspense>
  );
}
