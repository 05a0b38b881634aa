import type { Metadata } from "next";
import { StorageView } from "@/features/storage/StorageView";

export const metadata: Metadata = { title: "Storage" };

export default function StoragePage() {
  return <StorageView />;
}
