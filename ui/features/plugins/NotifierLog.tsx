"use client";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { CopyButton } from "@/components/CopyButton";
import { Skeleton } from "@/components/ui/skeleton";
import { sentence } from "@/lib/api/errors";
import { logQuery } from "@/lib/queries/plugins";

/** What a notifier wrote last, followed while it is open. Scrolled up, it stays where it is. */
export function NotifierLog({ notifier, name }: { notifier: string; name: string }) {
  const query = useQuery(logQuery(notifier));
  const box = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  const text = query.data?.join("\n") ?? "";
  useEffect(() => {
    if (follow.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [text]);
  if (query.isError && !query.data) {
    return (
      <p role="alert" className="mt-2 text-alert">
        {sentence(query.error)}
      </p>
    );
  }
  if (!query.data) return <Skeleton className="mt-2 h-24" />;
  return (
    <div className="relative mt-2 rounded-md border border-line bg-bg">
      {text && <CopyButton text={text} label="Copy the log" className="absolute right-2 top-2 size-7 bg-raised" />}
      <div
        ref={box}
        role="log"
        aria-label={`Log of ${name}`}
        tabIndex={0}
        onScroll={({ currentTarget: el }) => {
          follow.current = el.scrollHeight - el.scrollTop - el.clientHeight < 24;
        }}
        className="max-h-64 overflow-auto p-3 pr-11"
      >
        {text ? <pre className="whitespace-pre-wrap break-words font-mono text-xs">{text}</pre> : <p className="text-muted">It has written nothing yet.</p>}
      </div>
      {query.isError && <p className="px-3 pb-2 text-xs text-detection">The last request for it failed; trying again.</p>}
    </div>
  );
}
