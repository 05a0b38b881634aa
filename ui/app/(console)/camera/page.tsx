"use client";
import { useSearchParams } from "next/navigation";
import { Suspense } from "react";
import { CameraView } from "@/features/camera/CameraView";
import { EventRail } from "@/features/events/EventRail";

function Camera() {
  const id = useSearchParams().get("id");
  return <CameraView id={id} aside={id && <EventRail camera={id} className="border-t border-line md:min-h-0 md:flex-1" />} />;
}

export default function CameraPage() {
  return (
    <Suspense>
      <Camera />
    </Suspense>
  );
}
