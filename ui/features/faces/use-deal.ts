"use client";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useNamed } from "@/hooks/use-faces";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import { assignFaces, deleteFaces, type Who } from "@/lib/queries/faces";
import { count } from "@/lib/faces";
import { personHref } from "@/lib/links";

/** How long a dismissal can be taken back. */
export const UNDO_MS = 6_000;

/** Deals with unknown faces: what is dealt with is out of sight at once, and a dismissal is sent only when it can no longer be taken back. */
export function useDeal() {
  const named = useNamed();
  const show = useToasts((s) => s.show);
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const [waiting, setWaiting] = useState<readonly string[]>([]);
  const held = useRef<{ ids: readonly string[]; timer?: ReturnType<typeof setTimeout> }>({ ids: [] });

  const hide = useCallback(
    async <T,>(ids: readonly string[], work: () => Promise<T>): Promise<T> => {
      setGone((now) => new Set([...now, ...ids]));
      try {
        const result = await work();
        await named();
        return result;
      } finally {
        setGone((now) => new Set([...now].filter((id) => !ids.includes(id))));
      }
    },
    [named],
  );

  const send = useCallback(() => {
    const { ids, timer } = held.current;
    clearTimeout(timer);
    held.current = { ids: [] };
    setWaiting([]);
    if (ids.length > 0) hide(ids, () => deleteFaces([...ids])).catch((error: unknown) => show(sentence(error), "alert"));
  }, [hide, show]);

  const dismiss = useCallback(
    (ids: readonly string[]) => {
      send();
      held.current = { ids, timer: setTimeout(send, UNDO_MS) };
      setWaiting(ids);
    },
    [send],
  );

  const undo = useCallback(() => {
    clearTimeout(held.current.timer);
    held.current = { ids: [] };
    setWaiting([]);
  }, []);

  // Who leaves the page meant it.
  const latest = useRef(send);
  useEffect(() => {
    latest.current = send;
  });
  useEffect(() => () => latest.current(), []);

  const assign = useCallback(
    async (ids: readonly string[], who: Who): Promise<void> => {
      const { person, events } = await hide(ids, () => assignFaces([...ids], who));
      const told = events > 0 ? ` ${count(events, "event")} ${events === 1 ? "says" : "say"} so.` : "";
      show(`${count(ids.length, "face is", "faces are")} ${person.name}’s now.${told}`, "neutral", { link: { href: personHref(person.id), label: "See" } });
    },
    [hide, show],
  );

  const hidden = useMemo(() => new Set([...gone, ...waiting]), [gone, waiting]);
  return { hidden, waiting: waiting.length, assign, dismiss, undo };
}
