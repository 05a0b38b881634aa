"use client";
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import type { CoverageDay } from "@/lib/api/recording-types";
import { sentence } from "@/lib/api/errors";
import { cn } from "@/lib/cn";
import { coverageQuery } from "@/lib/queries/playback";
import { duration } from "@/lib/time/duration";
import { dayName, isoDay, monthName, monthStart } from "@/lib/time/zone";
import { coverageText, missingText, moveDay, spokenDay, weeksOf } from "./month";

interface CalendarProps {
  day: number;
  today: number;
  camera: { id: string; name: string };
  onDay: (day: number) => void;
}

const dayNames = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** A month in which the colour of a day says how much of it was recorded. Arrow keys move, Page up and down change the month. */
export function Calendar({ day, today, camera, onDay }: CalendarProps) {
  const [focus, setFocus] = useState(day);
  const [pointed, setPointed] = useState<number>();
  const month = monthStart(focus);
  const query = useQuery(coverageQuery(camera.id, month, monthStart(month, 1)));
  const byDate = new Map(query.data?.map((d) => [d.date, d]));
  const told = pointed ?? focus;
  const grid = useRef<HTMLTableElement>(null);
  const keyed = useRef(true); // the chosen day has the focus when the panel opens
  useEffect(() => {
    if (keyed.current) grid.current?.querySelector<HTMLButtonElement>("button[tabindex='0']")?.focus();
    keyed.current = false;
  }, [focus]);
  const onKeyDown = (event: KeyboardEvent) => {
    const next = moveDay(focus, event.key, today);
    if (next === undefined) return;
    event.preventDefault();
    keyed.current = true;
    setFocus(next);
  };
  const turn = (by: number) => setFocus(Math.min(today, monthStart(month, by)));
  return (
    <div>
      <div className="mb-2 flex items-center">
        <Button variant="ghost" size="icon" aria-label="Previous month" onClick={() => turn(-1)} className="size-8 max-md:size-11">
          <ChevronLeft aria-hidden />
        </Button>
        <p aria-live="polite" className="flex-1 text-center font-semibold">
          {monthName(month)}
        </p>
        <Button variant="ghost" size="icon" aria-label="Next month" disabled={monthStart(month, 1) > today} onClick={() => turn(1)} className="size-8 max-md:size-11">
          <ChevronRight aria-hidden />
        </Button>
      </div>
      <table ref={grid} role="grid" aria-label={monthName(month)} onKeyDown={onKeyDown} onPointerLeave={() => setPointed(undefined)} className={cn("w-full table-fixed border-separate border-spacing-0.5", query.isPending && "animate-breathe")}>
        <thead>
          <tr>
            {dayNames.map((name) => (
              <th key={name} scope="col" className="pb-1 text-2xs font-medium text-muted">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeksOf(month).map((week, i) => (
            <tr key={i}>
              {week.map((t, j) => (
                <td key={j} className="p-0" aria-selected={t === day}>
                  {t !== undefined && (
                    <DayCell t={t} coverage={byDate.get(isoDay(t))} chosen={t === day} focused={t === focus} today={t === today} future={t > today} onDay={onDay} onPoint={setPointed} />
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <DayNote t={told} camera={camera.name} coverage={byDate.get(isoDay(told))} error={query.error} pending={query.isPending} />
    </div>
  );
}

interface DayCellProps {
  t: number;
  coverage: CoverageDay | undefined;
  chosen: boolean;
  focused: boolean;
  today: boolean;
  future: boolean;
  onDay: (t: number) => void;
  onPoint: (t: number) => void;
}

function DayCell({ t, coverage, chosen, focused, today, future, onDay, onPoint }: DayCellProps) {
  const fraction = coverage && coverage.recorded_ms > 0 ? Math.max(0.04, Math.min(1, coverage.fraction)) : 0;
  return (
    <button
      type="button"
      disabled={future}
      tabIndex={focused ? 0 : -1}
      aria-label={future ? undefined : spokenDay(t, coverage)}
      aria-current={today ? "date" : undefined}
      onClick={() => onDay(t)}
      onPointerEnter={() => onPoint(t)}
      style={{ backgroundColor: fraction ? `rgb(45 212 167 / ${(0.06 + 0.26 * fraction).toFixed(2)})` : undefined }}
      className={cn(
        "relative grid h-9 w-full place-items-center overflow-hidden rounded-sm text-xs max-md:h-10",
        future ? "text-muted/40" : fraction ? "text-fg hover:outline hover:outline-1 hover:outline-accent" : "text-muted hover:bg-overlay",
        chosen && "font-bold outline outline-2 -outline-offset-2 outline-accent",
        today && !chosen && "font-bold underline underline-offset-2",
      )}
    >
      {Number(isoDay(t).slice(8))}
      {fraction > 0 && <span aria-hidden className="absolute inset-x-1 bottom-0.5 h-0.5 rounded-full bg-black/40 [&>*]:block [&>*]:h-full [&>*]:rounded-full [&>*]:bg-accent"><span style={{ width: `${fraction * 100}%` }} /></span>}
    </button>
  );
}

/** What the day pointed at is made of; room for two lines, so that nothing moves. */
function DayNote({ t, camera, coverage, error, pending }: { t: number; camera: string; coverage: CoverageDay | undefined; error: unknown; pending: boolean }) {
  if (error) return <p role="alert" className="mt-2 text-xs text-alert">{sentence(error)}</p>;
  const missing = coverage && missingText(coverage);
  return (
    <div className="mt-2 min-h-12 border-t border-line pt-2 text-xs">
      <p>
        <b className="font-semibold">{dayName(t)}</b> · {pending ? "…" : coverage && coverage.recorded_ms > 0 ? `${duration(coverage.recorded_ms)}, ${coverageText(coverage)}` : coverageText(coverage)}
      </p>
      <p className="line-clamp-2 text-muted">{missing ? `Missing: ${missing}` : camera}</p>
    </div>
  );
}
