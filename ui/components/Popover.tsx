"use client";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/cn";

interface PopoverProps {
  /** content of the button */
  trigger: ReactNode;
  /** name of the panel, and of the button where its content says too little */
  label: string;
  className?: string;
  panelClassName?: string;
  children: (close: () => void) => ReactNode;
}

/** A panel below its button. It closes with Escape, with a press elsewhere, and when the focus goes on. */
export function Popover({ trigger, label, className, panelClassName, children }: PopoverProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  const close = () => {
    setOpen(false);
    document.getElementById(`${id}-button`)?.focus();
  };
  useEffect(() => {
    if (!open) return;
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside, true);
    return () => document.removeEventListener("pointerdown", outside, true);
  }, [open]);
  return (
    <div
      ref={root}
      className="relative"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.preventDefault();
        close();
      }}
      onBlur={(event) => {
        if (open && event.relatedTarget instanceof Node && !root.current?.contains(event.relatedTarget)) setOpen(false);
      }}
    >
      <Button id={`${id}-button`} aria-haspopup="dialog" aria-expanded={open} aria-controls={open ? id : undefined} onClick={() => setOpen(!open)} className={className}>
        {trigger}
      </Button>
      {open && (
        // The slot's name keeps the page's shortcuts silent while it is open.
        <div id={id} role="dialog" aria-label={label} data-slot="dialog" className={cn("absolute left-0 top-full z-40 mt-1 rounded-lg border border-line bg-surface p-3 shadow-[0_12px_32px_#000a]", panelClassName)}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
