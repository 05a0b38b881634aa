import type { ReactNode } from "react";
import { ExportWatcher } from "@/features/exports/ExportWatcher";
import { Shell } from "@/features/shell/Shell";

export default function ConsoleLayout({ children }: { children: ReactNode }) {
  return (
    <Shell>
      {children}
      <ExportWatcher />
    </Shell>
  );
}
