import { Skeleton } from "@/components/ui/skeleton";
import type { MotionSearch } from "@/lib/api/types";
import { clock, dayLabel, isoDay } from "@/lib/time/zone";
import { momentsOf } from "./moments";

/** The whole range at a glance: when something moved, and what was not searched. The list says the same in words. */
export function Strip({ answer, now }: { answer: MotionSearch; now: number }) {
  const { from, to } = answer;
  const at = (t: number) => `${(Math.min(1, Math.max(0, (t - from) / (to - from))) * 100).toFixed(3)}%`;
  const wide = (a: number, b: number) => `${((Math.min(b, to) - Math.max(a, from)) / (to - from)) * 100}%`;
  const day = (t: number) => (isoDay(from) === isoDay(to) ? clock(t, false) : `${dayLabel(t)} ${clock(t, false)}`);
  return (
    <div aria-hidden className="px-3 py-2">
      <div className="relative h-7 overflow-hidden rounded-sm border border-line bg-overlay">
        {answer.unknown.start.map((start, i) => (
          <span key={`u${start}`} className="absolute inset-y-0 bg-[repeating-linear-gradient(135deg,#0a0c0f_0_4px,#262d38_4px_6px)]" style={{ left: at(start), width: wide(start, answer.unknown.end[i] ?? start) }} />
        ))}
        {momentsOf(answer).map((m) => (
          <span key={m.start} className="absolute bottom-0 min-w-0.5 bg-detection" style={{ left: at(m.start), width: wide(m.start, m.end), height: `${30 + 70 * Math.sqrt(m.share)}%` }} />
        ))}
        {now < to && <span className="absolute inset-y-0 right-0 bg-bg/80" style={{ left: at(now) }} />}
      </div>
      <div className="mt-1 flex justify-between text-2xs text-muted">
        <span>{day(from)}</span>
        <span>{day(to)}</span>
      </div>
    </div>
  );
}

/** Its place until the answer is there, so that nothing moves then. */
export function StripSkeleton() {
  return (
    <div aria-hidden className="px-3 py-2">
      <Skeleton className="h-7" />
      <div className="mt-1 text-2xs">&nbsp;</div>
    </div>
  );
}
