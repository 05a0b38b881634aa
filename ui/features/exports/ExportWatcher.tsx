"use client";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useToasts } from "@/hooks/use-toasts";
import { exportsQuery, underWay } from "@/lib/queries/exports";
import { progressText } from "./export-model";
import { useWatched } from "./store";

/** Draws nothing: carries the progress of exports started here into their messages, on every page. */
export function ExportWatcher() {
  const jobs = useWatched((s) => s.jobs);
  const forget = useWatched((s) => s.forget);
  const update = useToasts((s) => s.update);
  const { data } = useQuery({ ...exportsQuery(), enabled: Object.keys(jobs).length > 0 });
  useEffect(() => {
    if (!data) return;
    for (const [id, toast] of Object.entries(jobs)) {
      const job = data.find((e) => e.id === id);
      if (job && underWay(job)) {
        update(toast, { text: `Exporting: ${progressText(job)}`, progress: job.progress });
        continue;
      }
      forget(id);
      if (job?.state === "done") update(toast, { text: "The export is ready.", progress: undefined, link: { href: "/exports/", label: "Download" } });
      else if (job?.state === "failed") update(toast, { text: `The export failed${job.error ? `: ${job.error}` : "."}`, tone: "alert", progress: undefined });
      else update(toast, { text: "The export was cancelled.", progress: undefined, link: undefined });
    }
  }, [data, jobs, forget, update]);
  return null;
}
