"use client";
import { Check, Copy } from "lucide-react";
import { useState } from "react";

/** A command to run, with a button that copies it where the browser allows that (not over plain http). */
export function Command({ children }: { children: string }) {
  const [copied, setCopied] = useState(false);
  const canCopy = typeof navigator !== "undefined" && navigator.clipboard !== undefined;
  const copy = async () => {
    await navigator.clipboard.writeText(children);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <span className="inline-flex max-w-full items-center gap-1 rounded-sm border border-line bg-bg pl-2">
      <code className="min-w-0 overflow-x-auto whitespace-pre py-1 pr-2 font-mono text-xs text-fg">{children}</code>
      {canCopy && (
        <button type="button" onClick={() => void copy()} aria-label={copied ? "Copied" : `Copy ${children}`} className="grid size-7 shrink-0 place-items-center text-muted hover:text-fg">
          {copied ? <Check className="size-3.5 text-accent" aria-hidden /> : <Copy className="size-3.5" aria-hidden />}
        </button>
      )}
    </span>
  );
}
