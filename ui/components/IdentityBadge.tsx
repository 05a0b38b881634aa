import { CircleHelp, ScanFace } from "lucide-react";
import type { NvrEvent } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { identityOf } from "@/lib/faces";

/** Who a person is taken to be, over a picture; nothing while nobody was recognised. */
export function IdentityBadge({ event, className }: { event: Pick<NvrEvent, "kind" | "label" | "identity" | "end">; className?: string }) {
  const who = identityOf(event);
  if (!who || who.state === "none") return null;
  const known = who.state === "known";
  const Icon = known ? ScanFace : CircleHelp;
  return (
    <span data-slot="badge" data-testid="identity" data-state={who.state} className={cn("inline-flex h-5 max-w-full items-center gap-1 rounded-sm border px-1.5 text-2xs font-semibold", known ? "border-accent/60 bg-[#0c2b24] text-[#7ff0d0]" : "border-line bg-[#161a21] text-fg", className)}>
      <Icon className="size-3 shrink-0" aria-hidden />
      <span className="truncate">{known ? [who.name, who.sure].filter(Boolean).join(" · ") : "Unknown face"}</span>
    </span>
  );
}
