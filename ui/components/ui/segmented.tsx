import { cn } from "@/lib/cn";

interface SegmentedProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string; title?: string }[];
  onChange: (value: T) => void;
  className?: string;
}

/** One of a few, all in sight. Buttons with aria-pressed: each is one stop, as the tiles beside them are. */
export function Segmented<T extends string>({ label, value, options, onChange, className }: SegmentedProps<T>) {
  return (
    <div role="group" aria-label={label} data-slot="segmented" className={cn("inline-flex h-control rounded-md border border-line bg-surface p-0.5", className)}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          title={option.title}
          onClick={() => onChange(option.value)}
          className={cn("min-w-7 rounded-sm px-2 text-xs font-medium", option.value === value ? "bg-overlay text-fg" : "text-muted hover:text-fg")}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
