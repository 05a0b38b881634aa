"use client";
import type { ReadonlyURLSearchParams } from "next/navigation";
import { useEffect, useRef } from "react";
import { parseInstant } from "@/lib/links";
import type { Session } from "./session";

/** Writes the query of an address into the bar, at each change that is told and every few seconds. */
export function useWrittenAddress(href: () => string, subscribe: (write: () => void) => () => void, onWrite?: (query: string) => void): void {
  const latest = useRef({ href, onWrite });
  useEffect(() => {
    latest.current = { href, onWrite };
  });
  useEffect(() => {
    let last = "";
    const write = () => {
      const query = new URLSearchParams(latest.current.href().split("?")[1] ?? "").toString();
      if (query === last) return;
      last = query;
      latest.current.onWrite?.(query);
      window.history.replaceState(null, "", `${window.location.pathname}?${query}`);
    };
    const off = subscribe(write);
    const timer = setInterval(write, 5_000);
    return () => {
      off();
      clearInterval(timer);
    };
  }, [subscribe]);
}

/** Follows a link to another place while the page is open. `href` is the address of where one is. */
export function useAddress(session: Session, params: ReadonlyURLSearchParams, href: () => string, subscribe: (write: () => void) => () => void): void {
  const address = params.toString();
  // The router reports our own writes late, one render each: those are not links, and must not move anything.
  const written = useRef<string[]>([address]);
  useEffect(() => {
    if (written.current.includes(address)) return;
    written.current = [address];
    const link = new URLSearchParams(address);
    const t = parseInstant(link.get("t"));
    const camera = link.get("camera") ?? undefined;
    if (t === undefined) session.goLive(camera);
    else session.seek(t, camera, link.get("play") === "1");
  }, [session, address]);
  useWrittenAddress(href, subscribe, (query) => {
    // A link to play is forgotten as soon as we moved on, so that the same one works again.
    written.current = [...written.current.slice(-50).filter((a) => !a.includes("play=")), query];
  });
}
