"use client";
import { type ReactNode, useEffect, useState } from "react";
import { createPortal } from "react-dom";

export const HEADER_SLOT = "header-slot";

/** Puts a page's own controls into the top bar, which the shell draws. */
export function HeaderSlot({ children }: { children: ReactNode }) {
  const [target, setTarget] = useState<Element | null>(null);
  useEffect(() => setTarget(document.getElementById(HEADER_SLOT)), []);
  return target && createPortal(children, target);
}
