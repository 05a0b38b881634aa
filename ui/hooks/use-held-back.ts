"use client";
import { type FocusEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";

interface Item {
  id: string;
  start: string;
}

/** What a list showed when somebody began to read it. */
interface Frozen {
  list: string;
  ids: ReadonlySet<string>;
  oldest: number;
}

/** Scrolled less than this the top of a list is in sight. */
const TOP_PX = 4;

const freeze = (list: string, items: readonly Item[]): Frozen => ({ list, ids: new Set(items.map((i) => i.id)), oldest: Math.min(...items.map((i) => Date.parse(i.start))) });

/**
 * Keeps a list that grows at its top from moving under the eyes, the pointer or the focus of who reads it: what is new waits
 * until it is asked for, or nobody reads. `list` names what is listed, another one begins anew; `busy` counts as reading.
 */
export function useHeldBack<T extends Item>(items: T[] | undefined, list: string, busy = false) {
  const area = useRef<HTMLDivElement>(null);
  const [inside, setInside] = useState(false);
  const [focused, setFocused] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  const [frozen, setFrozen] = useState<Frozen>();
  useEffect(() => {
    const onScroll = ({ target }: Event) => {
      if (target instanceof Element && target.contains(area.current)) setScrolled(target.scrollTop > TOP_PX);
    };
    document.addEventListener("scroll", onScroll, { capture: true, passive: true });
    return () => document.removeEventListener("scroll", onScroll, { capture: true });
  }, []);

  const reading = inside || focused || scrolled || busy;
  const current = frozen?.list === list ? frozen : undefined;
  // An empty list has nothing that could move.
  if (reading && !current && items && items.length > 0) setFrozen(freeze(list, items));
  if (!reading && frozen) setFrozen(undefined);

  // Older ones are added at the end, which moves nothing.
  const shown = useMemo(() => (reading && current ? items?.filter((i) => current.ids.has(i.id) || Date.parse(i.start) <= current.oldest) : items), [items, current, reading]);
  const onPointerEnter = useCallback(() => setInside(true), []);
  const onPointerLeave = useCallback(() => setInside(false), []);
  return {
    shown,
    held: (items?.length ?? 0) - (shown?.length ?? 0),
    reveal: () => {
      setInside(false); // what is pressed goes away, which no pointer leaves
      setFrozen(items && freeze(list, items));
    },
    /** of the list */
    area: {
      ref: area,
      onPointerEnter,
      onPointerLeave,
      onFocus: () => setFocused(true),
      onBlur: (event: FocusEvent) => setFocused(event.currentTarget.contains(event.relatedTarget)),
    },
    /** of what reveals: on the way to it the list must not move */
    way: { onPointerEnter, onPointerLeave },
  };
}
