"use client";
import { Link2, X } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";
import { useToasts } from "@/hooks/use-toasts";
import { cn } from "@/lib/cn";
import { shareURL } from "@/lib/base";
import { copyText } from "@/lib/save";
import { now } from "@/lib/time/clock";
import { duration } from "@/lib/time/duration";
import { parseStamp, stamp } from "@/lib/time/zone";
import { type Edge, MIN_RANGE, type Range, type Selection } from "./selection";

interface SelectionBarProps {
  selection: Selection;
  /** the address of this place with the selection in it */
  href: (range: Range) => string;
  /** what can be done with the stretch: composed by the page, for it belongs to other features */
  actions?: (range: Range) => ReactNode;
}

/** The selection in figures, which can be typed, and what to do with it. Not there without one. */
export function SelectionBar({ selection, href, actions }: SelectionBarProps) {
  const range = useSyncExternalStore(selection.subscribe, selection.get, selection.get);
  const show = useToasts((s) => s.show);
  if (!range) return null;
  const copy = async () => {
    const link = shareURL(href(range));
    show((await copyText(link)) ? "The link to this selection was copied." : link);
  };
  return (
    <section aria-label="Selection" className="flex shrink-0 flex-wrap items-center gap-x-2 gap-y-1.5 border-t border-line bg-raised px-2 py-1.5 md:px-3">
      <div className="flex items-center gap-1.5 max-md:w-full">
        <TimeField edge="from" range={range} selection={selection} />
        <span aria-hidden className="text-muted">
          –
        </span>
        <TimeField edge="to" range={range} selection={selection} />
      </div>
      <span className="whitespace-nowrap text-xs text-muted md:min-w-16" data-testid="selection-length">
        {duration(range.to - range.from)}
      </span>
      <div className="flex flex-1 flex-wrap items-center justify-end gap-1.5">
        {actions?.(range)}
        <Button onClick={() => void copy()}>
          <Link2 aria-hidden />
          <span className="max-sm:sr-only">Copy link</span>
        </Button>
        <Button variant="ghost" size="icon" aria-label="Clear the selection" title="Clear  Esc" aria-keyshortcuts="Escape" onClick={() => selection.set(undefined)}>
          <X aria-hidden />
        </Button>
      </div>
    </section>
  );
}

const names: Record<Edge, string> = { from: "Start of the selection, date and time", to: "End of the selection, date and time" };

/** A time as text: typed, pasted from a report, or nudged with the arrow keys by a second. */
function TimeField({ edge, range, selection }: { edge: Edge; range: Range; selection: Selection }) {
  const value = stamp(range[edge]);
  const [text, setText] = useState(value);
  const [wrong, setWrong] = useState(false);
  useEffect(() => {
    setText(value);
    setWrong(false);
  }, [value]);
  const take = (t: number | undefined) => {
    const next = t === undefined ? undefined : { ...range, [edge]: Math.min(t, now()) };
    const ok = next !== undefined && next.to - next.from >= MIN_RANGE;
    setWrong(!ok);
    if (ok) {
      selection.set(next);
      setText(stamp(next[edge]));
    }
  };
  const commit = () => text !== value && take(parseStamp(text, range[edge]));
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const step = event.key === "ArrowUp" ? 1_000 : event.key === "ArrowDown" ? -1_000 : 0;
    if (step) {
      event.preventDefault();
      take(range[edge] + step * (event.shiftKey ? 10 : 1));
    } else if (event.key === "Enter") commit();
    else if (event.key === "Escape") setText(value);
  };
  return (
    <input
      aria-label={names[edge]}
      aria-invalid={wrong}
      title={wrong ? "Write it as 2026-11-22 20:41:07; the end comes after the start" : "Arrow up and down: one second, with Shift ten"}
      value={text}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={onKeyDown}
      className={cn("h-control w-[202px] min-w-0 rounded-md border bg-bg px-2 font-medium text-fg max-md:flex-1 max-sm:px-1.5 max-sm:text-xs", wrong ? "border-alert" : "border-line")}
    />
  );
}
