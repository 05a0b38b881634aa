"use client";
import { TriangleAlert } from "lucide-react";
import { Command } from "@/components/Command";
import { useFaceStatus } from "@/hooks/use-faces";
import { statusNotice } from "@/lib/faces";

/** Says that nobody is recognised just now, why, and what to do; the library can be tidied all the same. */
export function StatusNotice() {
  const { data } = useFaceStatus();
  const notice = data && statusNotice(data);
  if (!notice) return null;
  return (
    <section aria-label="Face recognition" data-testid="face-status" className="mb-4 flex items-start gap-3 rounded-lg border border-detection/40 bg-detection/10 px-4 py-3">
      <TriangleAlert className="mt-0.5 size-4 shrink-0 text-detection" aria-hidden />
      <div className="min-w-0">
        <p className="font-semibold">{notice.title}</p>
        <p>{notice.text}</p>
        {notice.advice && <p>{notice.advice}</p>}
        {notice.command && (
          <p className="mt-1.5 flex flex-wrap items-center gap-x-2 gap-y-1">
            Run <Command>{notice.command}</Command> and restart Nightjar.
          </p>
        )}
        {data.state !== "starting" && <p className="mt-1 text-muted">Until then nobody new is recognised and pictures cannot be added. What is here can be looked at, named and deleted.</p>}
      </div>
    </section>
  );
}
