import { LiveGrid } from "@/features/dashboard/LiveGrid";
import { EventRail } from "@/features/events/EventRail";
import { MiniTimeline } from "@/features/timeline/MiniTimeline";

export default function LivePage() {
  return (
    <div className="flex flex-col md:h-full md:flex-row">
      <div className="flex min-w-0 flex-col md:flex-1">
        <LiveGrid />
        <MiniTimeline className="shrink-0 border-t border-line max-md:hidden" />
      </div>
      <EventRail className="shrink-0 border-line max-md:border-t md:w-64 md:border-l lg:w-[300px]" />
    </div>
  );
}
