"use client";
import { useQuery } from "@tanstack/react-query";
import { CircleAlert, HardDrive } from "lucide-react";
import type { ReactNode } from "react";
import { Failure } from "@/components/Notice";
import { Section } from "@/components/Section";
import { SystemTabs } from "@/components/SystemTabs";
import { Badge, type Tone } from "@/components/ui/badge";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import type { Archive, Storage, Volume } from "@/lib/api/recording-types";
import { cn } from "@/lib/cn";
import { bytes } from "@/lib/format";
import { storageQuery } from "@/lib/queries/storage";
import { clock, dateTime } from "@/lib/time/zone";
import { CameraUsage } from "./CameraUsage";
import { PlanTable } from "./PlanTable";
import { archiveStates, backlogText, forecastSentence, shares, volumeStates } from "./text";

/** Page "Storage": how full it is, how long footage stays, and what would go now. */
export function StorageView() {
  const query = useQuery(storageQuery());
  const admin = useBootstrap().data?.user.role === "admin";
  const storage = query.data;
  return (
    <>
      <SystemTabs />
      {query.isError && !storage ? (
        <Failure error={query.error} retry={() => void query.refetch()} className="h-full" />
      ) : !storage ? (
        <StorageSkeleton />
      ) : (
        <div className="mx-auto max-w-6xl space-y-6 p-4 max-sm:p-3">
          <Forecast storage={storage} />
          {query.isError && <p className="text-xs text-detection">These figures are from {clock(query.dataUpdatedAt)}: the last request failed.</p>}
          <Volumes volumes={storage.volumes} />
          <CameraUsage cameras={storage.cameras} />
          <ArchiveSection archive={storage.archive} />
          {admin && <PlanTable />}
        </div>
      )}
    </>
  );
}

function Forecast({ storage }: { storage: Storage }) {
  const total = storage.cameras.reduce((sum, c) => sum + c.bytes, 0);
  const perDay = storage.cameras.reduce((sum, c) => sum + c.bytes_per_day, 0);
  const urgent = storage.forecast.limit !== "none" && (storage.forecast.days ?? Infinity) < 1;
  return (
    <div>
      <p className={cn("text-xl font-semibold", urgent && "text-detection")} data-testid="forecast">
        {forecastSentence(storage.forecast)}
      </p>
      <p className="mt-1 text-muted">
        {bytes(total)} recorded, {bytes(perDay)} more each day{storage.held_bytes > 0 && `; ${bytes(storage.held_bytes)} are kept whatever happens`}.
      </p>
      {storage.message && (
        <p role="status" className="mt-2 flex items-start gap-2 text-detection">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" /> {storage.message}
        </p>
      )}
    </div>
  );
}

const volumeTones: Record<Volume["state"], Tone> = { ok: "live", failing: "alert", missing: "alert" };

function Volumes({ volumes }: { volumes: Volume[] }) {
  return (
    <Section title={volumes.length === 1 ? "Volume" : "Volumes, in order of preference"}>
      {volumes.length === 0 ? (
        <p className="px-4 py-3 text-muted">None is set up. record.volumes in config.yaml names the folders to record to.</p>
      ) : (
        <ul>
          {volumes.map((volume) => (
            <VolumeRow key={volume.path} volume={volume} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function VolumeRow({ volume }: { volume: Volume }) {
  const { ours, others } = shares(volume);
  const known = volume.total > 0 && volume.state !== "missing";
  return (
    <li className="border-b border-line px-4 py-3 last:border-b-0 max-sm:px-3" data-testid="volume">
      <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
        <HardDrive className="size-4 shrink-0 text-muted" aria-hidden />
        <span className="min-w-0 break-all font-mono text-xs">{volume.path}</span>
        <Badge tone={volumeTones[volume.state] ?? "neutral"}>{volumeStates[volume.state] ?? volume.state}</Badge>
        {volume.active && <Badge>Recording here</Badge>}
        {known && (
          <span className="ml-auto text-xs text-muted max-sm:ml-6 max-sm:w-full">
            <b className="font-semibold text-fg">{bytes(volume.free)}</b> of {bytes(volume.total)} free
          </span>
        )}
      </div>
      {known && (
        <>
          <div role="img" aria-label={`Recordings ${Math.round(ours * 100)} %, other data ${Math.round(others * 100)} %, free ${Math.round((1 - ours - others) * 100)} %`} className="mt-2 flex h-2 overflow-hidden rounded-full bg-overlay">
            <span className="bg-accent" style={{ width: `${ours * 100}%` }} />
            <span className="bg-[#536580]" style={{ width: `${others * 100}%` }} />
          </div>
          <p className="mt-1.5 flex gap-4 text-xs text-muted">
            <Key colour="bg-accent">Recordings {bytes(volume.recordings_bytes)}</Key>
            <Key colour="bg-[#536580]">Other {bytes(Math.max(0, volume.total - volume.free - volume.recordings_bytes))}</Key>
          </p>
        </>
      )}
      {volume.reason && <Complaint tone={volume.state === "ok" ? "muted" : "alert"}>{volume.reason}</Complaint>}
    </li>
  );
}

function Key({ colour, children }: { colour: string; children: ReactNode }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span aria-hidden className={cn("size-2 rounded-sm", colour)} />
      {children}
    </span>
  );
}

function Complaint({ tone, children }: { tone: "muted" | "alert"; children: ReactNode }) {
  return (
    <p className={cn("mt-1.5 flex items-start gap-1.5 text-xs", tone === "muted" && "text-muted")}>
      {tone === "alert" && <CircleAlert className="mt-px size-3.5 shrink-0 text-alert" aria-hidden />}
      {children}
    </p>
  );
}

const archiveTones: Record<Archive["state"], Tone> = { ok: "live", waiting: "warn", failing: "alert", disabled: "neutral" };

function ArchiveSection({ archive }: { archive: Archive }) {
  return (
    <Section title="Archive">
      <div className="px-4 py-3 max-sm:px-3">
        {!archive.enabled ? (
          <p className="text-muted">Off. With archive.enabled in config.yaml, recordings are also copied to an S3 store.</p>
        ) : (
          <>
            <div className="flex flex-wrap items-center gap-x-6 gap-y-2">
              <Badge tone={archiveTones[archive.state] ?? "neutral"}>{archiveStates[archive.state] ?? archive.state}</Badge>
              <Fact name="Waiting to be copied">{backlogText(archive)}</Fact>
              <Fact name="Copied">{bytes(archive.uploaded_bytes)}</Fact>
              <Fact name="Last copy">{archive.last_upload_at ? dateTime(archive.last_upload_at) : "none yet"}</Fact>
            </div>
            {archive.reason && <Complaint tone={archive.state === "failing" ? "alert" : "muted"}>{archive.reason}</Complaint>}
          </>
        )}
      </div>
    </Section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <p>
      <span className="text-xs text-muted">{name}</span>
      <span className="block font-medium">{children}</span>
    </p>
  );
}

function StorageSkeleton() {
  return (
    <div className="mx-auto max-w-6xl space-y-6 p-4" aria-busy aria-label="Loading" role="status">
      <Skeleton className="h-7 w-96 max-w-full" />
      <Skeleton className="h-28" />
      <Skeleton className="h-56" />
      <Skeleton className="h-20" />
    </div>
  );
}
