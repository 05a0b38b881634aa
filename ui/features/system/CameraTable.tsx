"use client";
import Link from "next/link";
import { StatusDot } from "@/components/LiveVideo";
import { useClock } from "@/hooks/use-clock";
import type { Camera } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { bitrate, cameraProblem, streamSummary } from "@/lib/format";
import { cameraHref } from "@/lib/links";
import { duration } from "@/lib/time/duration";
import { Section } from "@/components/Section";

const tones = { online: "live", starting: "wait", offline: "bad", disabled: "off" } as const;

export function CameraTable({ cameras }: { cameras: Camera[] }) {
  const now = useClock();
  if (cameras.length === 0) {
    return (
      <Section title="Cameras">
        <p className="px-4 py-3 text-muted">None yet. Add one to config.yaml; config.example.yaml shows how.</p>
      </Section>
    );
  }
  return (
    <Section title="Cameras">
      <ul>
        {cameras.map((camera) => {
          const main = camera.streams.find((s) => s.role === "main");
          const rate = camera.streams.reduce((sum, s) => sum + (s.bitrate ?? 0), 0);
          return (
            <li key={camera.id} className="relative grid grid-cols-[auto_1fr_auto] items-baseline gap-x-3 gap-y-0.5 border-b border-line px-4 py-2.5 last:border-b-0 hover:bg-raised md:grid-cols-[auto_12rem_9rem_1fr_auto]">
              <StatusDot tone={tones[camera.state] ?? "off"} className="self-center" />
              <Link href={cameraHref(camera.id)} prefetch={false} className="truncate font-medium after:absolute after:inset-0">
                {camera.name}
              </Link>
              <span className={cn("text-xs max-md:text-right", camera.state === "offline" ? "text-alert" : "text-muted")}>
                {camera.state}
                {camera.since && now > 0 && ` ${duration(now - Date.parse(camera.since))}`}
              </span>
              <span className="min-w-0 truncate text-xs text-muted max-md:col-span-2 max-md:col-start-2">
                {camera.state === "online" && camera.problems?.map((p) => (
                  <span key={p.problem} title={p.detail} className="mr-2 text-detection">
                    {cameraProblem(p.problem).title}
                  </span>
                ))}
                {camera.state === "online" ? [main && streamSummary(main), rate > 0 && bitrate(rate)].filter(Boolean).join(" · ") : camera.reason}
              </span>
              <span className="text-xs text-muted max-md:col-span-2 max-md:col-start-2">
                {camera.recording ? "recording" : <span className="text-detection">not recording</span>}
                {" · "}
                {camera.detecting ? "detecting" : "not detecting"}
              </span>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
