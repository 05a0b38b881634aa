import type { Metadata } from "next";
import { Suspense } from "react";
import { ZonesView } from "@/features/zones/ZonesView";

export const metadata: Metadata = { title: "Zones" };

export default function ZonesPage() {
  return (
    <Suspense>
      <ZonesView />
    </Suspense>
  );
}
