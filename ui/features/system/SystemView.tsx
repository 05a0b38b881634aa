"use client";
import { CheckCircle2, CircleAlert, LogOut, TriangleAlert } from "lucide-react";
import Link from "next/link";
import type { ReactNode } from "react";
import { Command } from "@/components/Command";
import { Failure } from "@/components/Notice";
import { SystemTabs } from "@/components/SystemTabs";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button, buttonClass } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useClock } from "@/hooks/use-clock";
import { useSystem } from "@/hooks/use-system";
import { api } from "@/lib/api/client";
import type { Bootstrap, Detector, System, Warning } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { bytes } from "@/lib/format";
import { duration } from "@/lib/time/duration";
import { clock, sinceTime } from "@/lib/time/zone";
import { CameraTable } from "./CameraTable";
import { PasswordForm } from "./PasswordForm";
import { PluginTable } from "./PluginTable";
import { Section } from "@/components/Section";

/** Page "System": is everything working, and if not, which command helps. */
export function SystemView() {
  const query = useSystem();
  const boot = useBootstrap().data;
  const system = query.data;
  return (
    <>
      <SystemTabs />
      <Overview query={query} boot={boot} system={system} />
    </>
  );
}

function Overview({ query, boot, system }: { query: ReturnType<typeof useSystem>; boot: Bootstrap | undefined; system: System | undefined }) {
  if (query.isError && !system) return <Failure error={query.error} retry={() => void query.refetch()} className="h-full" />;
  if (!system || !boot) return <SystemSkeleton />;
  return (
    <div className="mx-auto max-w-6xl space-y-6 p-4 max-sm:p-3">
      <Warnings system={system} detector={boot.detector} />
      {query.isError && <p className="text-xs text-detection">These figures are from {clock(query.dataUpdatedAt)}: the last request failed.</p>}
      <div className="grid gap-px overflow-hidden rounded-lg border border-line bg-line sm:grid-cols-2 lg:grid-cols-4">
        <Figure name="Cameras online" value={`${system.cameras_online} / ${boot.cameras.length}`} />
        <StorageFigure storage={system.storage} />
        <DetectorFigure detector={{ ...boot.detector, ...system.detector }} />
        <Uptime system={system} />
      </div>
      <CameraTable cameras={boot.cameras} />
      <Section title="Services">
        <ul>
          <Service name="Database" state={system.database.state} reason={system.database.reason} />
          <Service name="MQTT" state={!system.mqtt.enabled ? "disabled" : system.mqtt.connected ? "connected" : "disconnected"} reason={system.mqtt.enabled ? system.mqtt.reason : "Set mqtt.enabled and mqtt.broker in config.yaml to tell Home Assistant what happens"} />
        </ul>
      </Section>
      <PluginTable plugins={system.plugins ?? []} />
      <Section title="Account">
        <div className="flex flex-wrap items-center gap-3 border-b border-line px-4 py-3">
          <span className="flex-1">
            Signed in as <b className="font-semibold">{boot.user.name}</b> <Badge className="ml-1">{boot.user.role}</Badge>
          </span>
          <Link href="/api-docs/" prefetch={false} className={buttonClass({})}>
            API reference
          </Link>
          <Button onClick={() => void api.logout()}>
            <LogOut aria-hidden />
            Sign out
          </Button>
        </div>
        <PasswordForm />
      </Section>
    </div>
  );
}

/** The detector's own complaint comes first, unless the server lists it already. */
function Warnings({ system, detector }: { system: System; detector: Detector }) {
  const list: Warning[] = [...(system.warnings ?? [])];
  const told = list.some((w) => w.code.startsWith("detector") || w.code.includes("model") || w.message === detector.message);
  if (!told && (detector.state === "motion_only" || detector.state === "failed") && detector.message) {
    list.unshift({ code: `detector_${detector.state}`, message: detector.message, fix: detector.fix });
  }
  if (list.length === 0) {
    return (
      <p className="flex items-center gap-2 text-muted">
        <CheckCircle2 className="size-4 text-accent" aria-hidden />
        Nothing needs your attention.
      </p>
    );
  }
  return (
    <ul aria-label="Warnings" className="space-y-2">
      {list.map((warning) => (
        <li key={`${warning.code} ${warning.message}`} className="flex flex-wrap items-center gap-x-3 gap-y-2 rounded-lg border border-detection/40 bg-detection/8 px-4 py-3">
          <TriangleAlert className="size-4 shrink-0 text-detection" aria-hidden />
          <span className="min-w-0 flex-1 basis-60">{warning.message}</span>
          {warning.fix && <Command>{warning.fix}</Command>}
        </li>
      ))}
    </ul>
  );
}

function Figure({ name, value, children }: { name: string; value: ReactNode; children?: ReactNode }) {
  return (
    <div className="bg-surface px-4 py-3">
      <p className="text-xs text-muted">{name}</p>
      <p className="mt-0.5 text-2xl font-semibold">{value}</p>
      {children && <div className="mt-1 text-xs text-muted">{children}</div>}
    </div>
  );
}

function StorageFigure({ storage }: { storage: System["storage"] }) {
  const total = Math.max(1, storage.total_bytes);
  const ours = Math.min(1, storage.recordings_bytes / total);
  const others = Math.max(0, Math.min(1 - ours, (total - storage.free_bytes - storage.recordings_bytes) / total));
  return (
    <Figure name="Recordings" value={bytes(storage.recordings_bytes)}>
      <div role="img" aria-label={`${bytes(storage.free_bytes)} of ${bytes(total)} free`} className="mb-1 mt-1.5 flex h-1.5 overflow-hidden rounded-full bg-overlay">
        <span className="bg-accent" style={{ width: `${ours * 100}%` }} />
        <span className="bg-[#536580]" style={{ width: `${others * 100}%` }} />
      </div>
      {bytes(storage.free_bytes)} of {bytes(total)} free
      <span className="block truncate" title={storage.path}>
        in {storage.path}
      </span>
    </Figure>
  );
}

const detectorNames: Record<Detector["state"], string> = { ready: "Ready", motion_only: "Motion only", failed: "Failed", disabled: "Off" };

function DetectorFigure({ detector }: { detector: Detector }) {
  const figures = [detector.inference_ms ? `${detector.inference_ms.toFixed(0)} ms per picture` : "", detector.fps ? `${detector.fps.toFixed(1)} pictures/s` : ""].filter(Boolean).join(" · ");
  return (
    <Figure name="Detector" value={<span className={cn(detector.state === "failed" && "text-alert", detector.state === "motion_only" && "text-detection")}>{detectorNames[detector.state] ?? detector.state}</span>}>
      {detector.model && <span className="block truncate">{detector.model}</span>}
      {figures || detector.message}
    </Figure>
  );
}

function Uptime({ system }: { system: System }) {
  const now = useClock();
  const started = Date.parse(system.started_at);
  return (
    <Figure name="Running for" value={now ? duration(now - started) : "–"}>
      Nightjar {system.version}
      <span className="block">since {sinceTime(started)}</span>
    </Figure>
  );
}

const good = /^(ok|ready|running|connected|online|up)$/;

function Service({ name, state, reason }: { name: string; state: string; reason?: string }) {
  const tone: Tone = good.test(state) ? "live" : state === "disabled" ? "neutral" : "alert";
  return (
    <li className="flex items-start gap-3 border-b border-line px-4 py-2.5 last:border-b-0">
      <span className="w-24 shrink-0 font-medium">{name}</span>
      <Badge tone={tone}>{state}</Badge>
      {reason && (
        <span className={cn("min-w-0 text-xs leading-5", tone === "alert" ? "text-fg" : "text-muted")}>
          {tone === "alert" && <CircleAlert className="mr-1 inline size-3.5 text-alert" aria-hidden />}
          {reason}
        </span>
      )}
    </li>
  );
}

function SystemSkeleton() {
  return (
    <div className="mx-auto max-w-6xl space-y-6 p-4" aria-busy aria-label="Loading">
      <Skeleton className="h-6 w-64" />
      <Skeleton className="h-24" />
      <Skeleton className="h-48" />
      <Skeleton className="h-24" />
    </div>
  );
}
