import { ArrowUp } from "lucide-react";
import { count } from "@/lib/faces";

interface NewEventsProps {
  count: number;
  onReveal: () => void;
  onPointerEnter: () => void;
  onPointerLeave: () => void;
}

/** Says over a list's top how many events wait to be inserted, and inserts them; takes no room. */
export function NewEvents({ count: n, onReveal, ...pointer }: NewEventsProps) {
  return (
    <div className="relative h-0">
      <div role="status" className="pointer-events-none absolute inset-x-0 top-2 z-10 flex justify-center">
        {n > 0 && (
          <button
            type="button"
            onClick={onReveal}
            {...pointer}
            className="pointer-events-auto inline-flex h-8 items-center gap-1.5 rounded-full bg-accent px-3 text-xs font-semibold text-on-accent shadow-[0_2px_8px_rgb(0_0_0/0.6)] max-sm:h-11 max-sm:px-4"
          >
            <ArrowUp className="size-3.5" aria-hidden />
            {count(n, "new event")}
          </button>
        )}
      </div>
    </div>
  );
}
