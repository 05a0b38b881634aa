import { cn } from "@/lib/cn";

export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="4 6 26 18" className={className} aria-hidden>
      <path d="M5 19c4.500-8 12-10.500 22-8.500-4 1.200-6.500 3.200-8.300 6.200-2.300 3.900-6.200 6-11.200 5.300 2-.7 3.300-1.700 4.200-3-2.300.9-4.500.9-6.700 0z" fill="currentColor" />
    </svg>
  );
}

export function Wordmark({ className }: { className?: string }) {
  return (
    <div className={cn("flex items-center gap-2.5", className)}>
      <Mark className="h-6 w-8 text-accent" />
      <span className="text-xl font-semibold tracking-tight">Nightjar</span>
    </div>
  );
}
