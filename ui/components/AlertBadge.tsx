import { Bell, BellRing, Siren, type LucideIcon } from "lucide-react";
import { severityName } from "@/lib/alerts";
import type { AlertSeverity } from "@/lib/api/types";
import { cn } from "@/lib/cn";

const looks: Record<AlertSeverity, { icon: LucideIcon; className: string }> = {
  high: { icon: Siren, className: "border-alert bg-[#7a1f24] text-white" },
  normal: { icon: BellRing, className: "border-detection/60 bg-[#3d2c10] text-[#ffc46b]" },
  low: { icon: Bell, className: "border-info/50 bg-[#14283f] text-[#9cc8ff]" },
};

/** How much an alert matters: symbol, word and colour each say it; `compact` leaves the word to who hears it. Opaque, so that it can lie over a picture. */
export function AlertBadge({ severity, compact = false, className }: { severity: AlertSeverity; compact?: boolean; className?: string }) {
  const look = looks[severity] ?? looks.normal;
  return (
    <span data-slot="badge" data-testid="alert-badge" data-severity={severity} title={compact ? severityName(severity) : undefined} className={cn("inline-flex h-5 items-center gap-1 whitespace-nowrap rounded-sm border text-2xs font-semibold", compact ? "px-1" : "px-1.5", look.className, className)}>
      <look.icon className="size-3" aria-hidden />
      <span className={compact ? "sr-only" : undefined}>{severityName(severity)}</span>
    </span>
  );
}
