import { cn } from "@/lib/cn";

export function Skeleton({ className }: { className?: string }) {
  return <div data-slot="skeleton" aria-hidden className={cn("animate-breathe rounded-md bg-raised", className)} />;
}
