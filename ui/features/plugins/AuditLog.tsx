"use client";
import { useQuery } from "@tanstack/react-query";
import { Section } from "@/components/Section";
import { sentence } from "@/lib/api/errors";
import { labelName } from "@/lib/format";
import { auditQuery } from "@/lib/queries/plugins";
import { dateTime } from "@/lib/time/zone";

const SHOWN = 20;

/** Who installed, approved and removed what. */
export function AuditLog() {
  const query = useQuery(auditQuery());
  const steps = query.data ?? [];
  return (
    <Section title="What was changed">
      {query.isError && !query.data ? (
        <p role="alert" className="px-4 py-3 text-alert">
          {sentence(query.error)}
        </p>
      ) : steps.length === 0 ? (
        <p className="px-4 py-3 text-muted">{query.data ? "No plugin was installed, approved or removed yet." : "Loading…"}</p>
      ) : (
        <ol>
          {steps.slice(0, SHOWN).map((s, i) => (
            <li key={`${s.time} ${i}`} className="flex flex-wrap gap-x-3 border-b border-line px-4 py-1.5 text-xs last:border-b-0">
              <span className="w-32 text-muted">{dateTime(s.time)}</span>
              <span className="flex-1 basis-56">
                {labelName(s.action)} {s.plugin} {s.version}
                {s.detail && <span className="text-muted"> · {s.detail}</span>}
              </span>
              {s.by && <span className="text-muted">{s.by}</span>}
            </li>
          ))}
        </ol>
      )}
    </Section>
  );
}
