"use client";
import { useQuery } from "@tanstack/react-query";
import { Failure } from "@/components/Notice";
import { Dialog } from "@/components/ui/dialog";
import { useCameraName } from "@/hooks/use-bootstrap";
import { eventQuery } from "@/lib/queries/events";
import { EventDialog } from "./EventDialog";

/** The event that the page's address names, as the links in notifications do. It need not be in the list. */
export function EventByAddress({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery(eventQuery({ id, revision: 0 }));
  const name = useCameraName();
  if (query.isError && !query.data) {
    return (
      <Dialog open onOpenChange={(open) => !open && onClose()} title="This event" className="sm:max-w-md">
        <Failure error={query.error} retry={() => void query.refetch()} />
      </Dialog>
    );
  }
  return <EventDialog event={query.data} cameraName={query.data ? name(query.data.camera) : ""} onClose={onClose} onMove={() => undefined} hasNewer={false} hasOlder={false} />;
}
