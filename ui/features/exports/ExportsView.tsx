"use client";
import { useQuery } from "@tanstack/react-query";
import { CalendarRange, Download } from "lucide-react";
import Link from "next/link";
import { useRouter, useSearchParams } from "next/navigation";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Failure, Notice } from "@/components/Notice";
import { buttonClass } from "@/components/ui/button";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { exportsQuery } from "@/lib/queries/exports";
import { clock } from "@/lib/time/zone";
import { ExportRow } from "./ExportRow";
import { KeptList } from "./KeptList";

const tabs = [
  { value: "exports", label: "Exports" },
  { value: "kept", label: "Kept" },
] as const;

/** Page "Exports": files made of footage, and footage that is kept. */
export function ExportsView() {
  const router = useRouter();
  const tab = useSearchParams().get("tab") === "kept" ? "kept" : "exports";
  return (
    <>
      <HeaderSlot>
        <Segmented label="What to show" value={tab} options={tabs} onChange={(next) => router.replace(next === "kept" ? "/exports/?tab=kept" : "/exports/")} className="md:h-7" />
      </HeaderSlot>
      <div className="mx-auto max-w-4xl p-4 max-sm:p-3">{tab === "kept" ? <KeptList /> : <ExportList />}</div>
    </>
  );
}

function ExportList() {
  const query = useQuery(exportsQuery());
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} className="h-full" />;
  if (!query.data) return <ListSkeleton label="Loading exports" />;
  if (query.data.length === 0) {
    return (
      <Notice icon={Download} title="Nothing was exported yet" action={<ToTimeline />}>
        Mark a stretch of time in the timeline with I and O, or with the Select button, and choose Export.
      </Notice>
    );
  }
  return (
    <>
      {query.isError && <p className="mb-2 text-xs text-detection">This list is from {clock(query.dataUpdatedAt)}: the last request failed.</p>}
      <ul aria-label="Exports" className="space-y-3">
        {query.data.map((job) => (
          <ExportRow key={job.id} job={job} />
        ))}
      </ul>
    </>
  );
}

export function ToTimeline() {
  return (
    <Link href="/timeline/" prefetch={false} className={buttonClass({ variant: "primary" })}>
      <CalendarRange aria-hidden />
      Go to the timeline
    </Link>
  );
}

export function ListSkeleton({ label }: { label: string }) {
  return (
    <div className="space-y-3" aria-busy aria-label={label} role="status">
      {[0, 1, 2].map((i) => (
        <Skeleton key={i} className="h-24 rounded-lg" />
      ))}
    </div>
  );
}
