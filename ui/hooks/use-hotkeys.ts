"use client";
import { useEffect, useRef } from "react";

export type Hotkeys = Record<string, (event: KeyboardEvent) => void>;

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
}

/**
 * Keys of a page, by `KeyboardEvent.key` ("Shift+ArrowLeft" with the modifier). Silent while someone types, while a dialog
 * is open, and with Ctrl, Alt or Meta, which belong to the browser.
 */
export function useHotkeys(keys: Hotkeys): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
      if (document.querySelector("[data-slot=dialog]")) return;
      const button = event.target instanceof HTMLElement && event.target.matches("button, a, [role=switch]");
      if (button && (event.key === " " || event.key === "Enter")) return; // the focused control's own key
      const name = event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
      const handler = latest.current[name];
      if (!handler) return;
      event.preventDefault();
      handler(event);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
