import type { Metadata } from "next";
import { SystemView } from "@/features/system/SystemView";

export const metadata: Metadata = { title: "System" };

export default function SystemPage() {
  return <SystemView />;
}
