import type { Metadata } from "next";
import { Suspense } from "react";
import { NotificationsView } from "@/features/notify/NotificationsView";

export const metadata: Metadata = { title: "Notifications" };

export default function NotificationsPage() {
  return (
    <Suspense>
      <NotificationsView />
    </Suspense>
  );
}
