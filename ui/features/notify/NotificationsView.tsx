"use client";
import { useRouter, useSearchParams } from "next/navigation";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { BrowserPush } from "./BrowserPush";
import { DeliveryHistory } from "./DeliveryHistory";
import { RouteList } from "./RouteList";
import { SnoozeList } from "./SnoozeList";

const tabs = [
  { value: "routes", label: "Routes", title: "Who hears what, when and how", admin: true },
  { value: "deliveries", label: "Deliveries", title: "What was told, and what was not" },
  { value: "snoozes", label: "Snoozes", title: "Who is left in peace, and until when" },
  { value: "browser", label: "Browser", title: "Alerts in this browser" },
] as const;
type Tab = (typeof tabs)[number]["value"];

/** Page "Notifications": which alerts reach whom, and what became of them. */
export function NotificationsView() {
  const router = useRouter();
  const asked = useSearchParams().get("tab");
  const user = useBootstrap().data?.user;
  if (!user) return <Skeleton className="m-4 h-48" />;
  const admin = user.role === "admin";
  const mine = tabs.filter((t) => admin || !("admin" in t));
  const tab: Tab = mine.find((t) => t.value === asked)?.value ?? mine[0]!.value;
  const select = <Segmented label="Shown" value={tab} options={mine} onChange={(next) => router.replace(next === mine[0]!.value ? "/notifications/" : `/notifications/?tab=${next}`)} className="md:h-7" />;
  return (
    <>
      <HeaderSlot>
        <div className="max-md:hidden">{select}</div>
      </HeaderSlot>
      <div className="mx-auto max-w-5xl space-y-6 p-4 max-sm:p-3">
        <div className="flex md:hidden">{select}</div>
        {tab === "routes" && <RouteList />}
        {tab === "deliveries" && <DeliveryHistory admin={admin} />}
        {tab === "snoozes" && <SnoozeList admin={admin} />}
        {tab === "browser" && <BrowserPush />}
      </div>
    </>
  );
}
