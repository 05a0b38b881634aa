"use client";
import { useQuery } from "@tanstack/react-query";
import { CheckCircle2, RotateCw } from "lucide-react";
import { useState } from "react";
import { Failure } from "@/components/Notice";
import { Section } from "@/components/Section";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useCameraName } from "@/hooks/use-bootstrap";
import type { Deletion, RetentionPlan } from "@/lib/api/recording-types";
import { bytes } from "@/lib/format";
import { planQuery } from "@/lib/queries/storage";
import { clock, dayRange } from "@/lib/time/zone";
import { deletionReason } from "./text";

const FIRST = 12;

/** A dry run: what retention would delete at this moment, and why. Nothing is deleted by looking. */
export function PlanTable() {
  const query = useQuery(planQuery());
  return (
    <Section title="What would be deleted now, and why">
      {query.isError && !query.data ? (
        <Failure error={query.error} retry={() => void query.refetch()} className="py-6" />
      ) : !query.data ? (
        <div className="space-y-2 p-4" role="status" aria-busy aria-label="Computing">
          <Skeleton className="h-5" />
          <Skeleton className="h-5" />
        </div>
      ) : (
        <Plan plan={query.data} again={() => void query.refetch()} busy={query.isFetching} />
      )}
    </Section>
  );
}

function Plan({ plan, again, busy }: { plan: RetentionPlan; again: () => void; busy: boolean }) {
  const [all, setAll] = useState(false);
  const shown = all ? plan.deletions : plan.deletions.slice(0, FIRST);
  const files = plan.deletions.reduce((sum, d) => sum + d.files, 0);
  return (
    <>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 max-sm:px-3">
        {plan.deletions.length === 0 ? (
          <p className="flex flex-1 items-center gap-2">
            <CheckCircle2 className="size-4 text-accent" aria-hidden />
            Nothing would be deleted now.
          </p>
        ) : (
          <p className="flex-1 max-sm:basis-full">
            <b className="font-semibold">{bytes(plan.bytes)}</b> in {files.toLocaleString("en-GB")} files
            {plan.held_bytes > 0 && <span className="text-muted">; {bytes(plan.held_bytes)} are kept in spite of their age or the space</span>}
          </p>
        )}
        <span className="text-xs text-muted max-sm:flex-1">as of {clock(plan.at)}</span>
        <Button onClick={again} disabled={busy}>
          <RotateCw aria-hidden />
          Compute again
        </Button>
      </div>
      {plan.notes?.map((note) => (
        <p key={note} className="border-b border-line px-4 py-2 text-detection max-sm:px-3">
          {note}
        </p>
      ))}
      {shown.length > 0 && <Deletions list={shown} />}
      {!all && plan.deletions.length > FIRST && (
        <div className="px-4 py-2">
          <Button variant="ghost" onClick={() => setAll(true)}>
            Show all {plan.deletions.length}
          </Button>
        </div>
      )}
    </>
  );
}

/** A table on a desk; on a phone the same cells, stacked. */
function Deletions({ list }: { list: Deletion[] }) {
  const name = useCameraName();
  return (
    <table className="w-full text-left max-md:block md:[&_td]:px-4 md:[&_td]:py-2 md:[&_th]:px-4 md:[&_th]:py-2">
      <thead className="border-b border-line text-xs text-muted max-md:sr-only">
        <tr>
          {["Camera", "Recorded", "Size", "Why"].map((title) => (
            <th key={title} scope="col" className="font-medium">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="max-md:block">
        {list.map((d) => (
          <tr key={`${d.camera} ${d.stream} ${d.from} ${d.reason}`} className="border-b border-line/60 align-top last:border-b-0 max-md:block max-md:px-3 max-md:py-2">
            <th scope="row" className="whitespace-nowrap font-medium max-md:mr-2 max-md:inline">
              {name(d.camera)}
              {d.stream === "sub" && <span className="ml-1 text-xs font-normal text-muted">small</span>}
            </th>
            <td className="max-md:inline">{dayRange(d.from, d.to)}</td>
            <td className="whitespace-nowrap max-md:float-right">
              {bytes(d.bytes)} <span className="text-xs text-muted max-md:hidden">in {d.files}</span>
            </td>
            <td className="max-md:block max-md:text-xs">
              {deletionReason(d.reason)}
              {d.detail && <span className="block text-xs text-muted">{d.detail}</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
