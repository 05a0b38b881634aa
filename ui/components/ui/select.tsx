import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

/** The platform's own select: best on a phone, nothing to load. `label` is read, not shown. */
export function Select({ label, className, children, ...props }: ComponentProps<"select"> & { label: string }) {
  return (
    <span className={cn("relative inline-flex", className)}>
      <select
        data-slot="select"
        aria-label={label}
        className="h-control w-full appearance-none truncate rounded-md border border-line bg-raised pl-2.5 pr-7 text-fg hover:bg-overlay"
        {...props}
      >
        {children}
      </select>
      <ChevronDown className="pointer-events-none absolute right-2 top-1/2 size-3.5 -translate-y-1/2 text-muted" aria-hidden />
    </span>
  );
}
