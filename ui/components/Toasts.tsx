"use client";
import { X } from "lucide-react";
import Link from "next/link";
import { Progress } from "@/components/ui/progress";
import { useToasts } from "@/hooks/use-toasts";
import { cn } from "@/lib/cn";

export function Toasts() {
  const { toasts, dismiss } = useToasts();
  return (
    <div aria-live="polite" className="pointer-events-none fixed inset-x-3 bottom-[calc(var(--bottombar)+12px)] z-50 flex flex-col items-center gap-2 sm:left-auto sm:right-3 sm:items-end">
      {toasts.map((toast) => (
        <div
          key={toast.id}
          className={cn("pointer-events-auto flex max-w-md items-start gap-2 rounded-md border bg-overlay py-1 pl-3 pr-1 shadow-[0_8px_24px_#000a]", toast.tone === "alert" ? "border-alert/60" : "border-line", toast.progress !== undefined && "w-80 max-w-full")}
        >
          <div className="min-w-0 flex-1 py-1.5">
            <p>{toast.text}</p>
            {toast.progress !== undefined && <Progress value={toast.progress} label={toast.text} className="mt-1.5 bg-bg" />}
          </div>
          {toast.link && (
            <Link href={toast.link.href} prefetch={false} onClick={() => dismiss(toast.id)} className="shrink-0 rounded-sm px-1.5 py-1.5 font-medium text-accent hover:underline">
              {toast.link.label}
            </Link>
          )}
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(toast.id)} className="grid size-8 shrink-0 place-items-center rounded-sm text-muted hover:text-fg">
            <X className="size-4" aria-hidden />
          </button>
        </div>
      ))}
    </div>
  );
}
