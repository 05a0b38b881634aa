import type { Metadata } from "next";
import { ApiReference } from "@/features/api-docs/ApiReference";

export const metadata: Metadata = { title: "API reference" };

export default function ApiDocsPage() {
  return <ApiReference />;
}
