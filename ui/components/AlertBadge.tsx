import { Bell, BellRing, Siren, type LucideIcon } from "lucide-react";
import { severityName } from "@/lib/alerts";
import type { AlertSeverity } from "@/lib/api/types";
import { cn } from "@/lib/cn";

const looks: Record<AlertSeverity, { icon: LucideIcon; className: string }> = {
  high: { icon: Siren, className: "border-alert bg-[#7a1f24] text-white" },
  normal: { icon: BellRing, className: "border-detection/60 bg-[#3d2c10] text-[#ffc46b]" },
  low: { icon: Bell, className: "border-info/50 bg-[#14283f] text-[#9cc8ff]" },
};

/** How much an alert matters: symbol, word and colour each say it. Opaque, so that it can lie over a picture. */
export function AlertBadge({ severity, className }: { severity: AlertSeverity; className?: string }) {
  const look = looks[severity] ?? looks.normal;
  return (
    <span data-slot="badge" data-testid="alert-badge" data-severity={severity} className={cn("inline-flex h-5 items-center gap-1 whitespace-nowrap rounded-sm border px-1.5 text-2xs font-semibold", look.className, className)}>
      <look.icon className="size-3" aria-hidden />
      {severityName(severity)}
    </span>
  );
}
