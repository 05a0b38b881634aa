import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

/** A filter that is on or off. */
export function Chip({ pressed, className, ...props }: ComponentProps<"button"> & { pressed: boolean }) {
  return (
    <button
      type="button"
      data-slot="chip"
      aria-pressed={pressed}
      className={cn(
        "inline-flex h-control shrink-0 items-center gap-1.5 whitespace-nowrap rounded-md border px-2.5 text-xs font-medium",
        pressed ? "border-accent/50 bg-accent/10 text-accent" : "border-line bg-raised text-muted hover:bg-overlay hover:text-fg",
        className,
      )}
      {...props}
    />
  );
}
