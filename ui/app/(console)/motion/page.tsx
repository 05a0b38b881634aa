import type { Metadata } from "next";
import { Suspense } from "react";
import { MotionView } from "@/features/motion/MotionView";

export const metadata: Metadata = { title: "Motion search" };

export default function MotionPage() {
  return (
    <Suspense>
      <MotionView />
    </Suspense>
  );
}
