"use client";
import { useRouter, useSearchParams } from "next/navigation";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Segmented } from "@/components/ui/segmented";
import { useFaceStatus } from "@/hooks/use-faces";
import { InboxView } from "./InboxView";
import { PeopleView } from "./PeopleView";
import { StatusNotice } from "./StatusNotice";

/** Page "Faces": who is known, and who waits for a name. */
export function FacesView() {
  const router = useRouter();
  const tab = useSearchParams().get("tab") === "unknown" ? "unknown" : "people";
  const waiting = useFaceStatus().data?.inbox;
  return (
    <>
      <HeaderSlot>
        <Segmented
          label="What to show"
          value={tab}
          options={[
            { value: "people", label: "People" },
            { value: "unknown", label: waiting ? `Unknown (${waiting})` : "Unknown", title: "Faces that wait for a name" },
          ]}
          onChange={(next) => router.replace(next === "unknown" ? "/faces/?tab=unknown" : "/faces/")}
          className="md:h-7"
        />
      </HeaderSlot>
      <div className="mx-auto max-w-6xl p-4 max-sm:p-3">
        <StatusNotice />
        {tab === "unknown" ? <InboxView /> : <PeopleView />}
      </div>
    </>
  );
}
