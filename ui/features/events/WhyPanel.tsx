"use client";
import { useQuery } from "@tanstack/react-query";
import { Check, X } from "lucide-react";
import { AlertBadge } from "@/components/AlertBadge";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { conditionName, conditionText, isMadeUp, ruleName, verdictText } from "@/lib/alerts";
import { sentence } from "@/lib/api/errors";
import type { Condition, NvrEvent, Verdict } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { verdictsQuery } from "@/lib/queries/alerts";

/** What each alert rule makes of an event, condition by condition. */
export function WhyPanel({ event, id }: { event: NvrEvent; id: string }) {
  const query = useQuery(verdictsQuery(event));
  return (
    <section id={id} aria-label="Why it is an alert, or none" aria-live="polite" aria-busy={query.isPending} className="border-t border-line bg-bg px-4 py-3" data-testid="why">
      {query.isError && !query.data ? (
        <p role="alert" className="flex flex-wrap items-center gap-3 text-alert">
          {sentence(query.error)}
          <Button onClick={() => void query.refetch()}>Try again</Button>
        </p>
      ) : !query.data ? (
        <div className="space-y-2">
          <Skeleton className="h-4 w-2/3" />
          <Skeleton className="h-4 w-1/2" />
        </div>
      ) : (
        <Verdicts verdicts={query.data.verdicts} fired={query.data.rules} />
      )}
    </section>
  );
}

function Verdicts({ verdicts, fired }: { verdicts: readonly Verdict[]; fired: readonly string[] }) {
  if (verdicts.length === 0 || verdicts.every(isMadeUp)) {
    return <p className="text-muted">No alert rules are configured, so everything that happens is told. Rules are written below “rules” in config.yaml.</p>;
  }
  const gone = fired.filter((rule) => !verdicts.some((v) => v.rule === rule));
  // What made it an alert first, then what nearly did.
  const missing = (v: Verdict) => v.conditions.filter((c) => !c.holds).length;
  const sorted = [...verdicts].sort((a, b) => Number(fired.includes(b.rule)) - Number(fired.includes(a.rule)) || missing(a) - missing(b));
  return (
    <>
      <ul className="space-y-3">
        {sorted.map((verdict) => (
          <Rule key={verdict.rule} verdict={verdict} fired={fired.includes(verdict.rule)} />
        ))}
      </ul>
      {gone.length > 0 && <p className="mt-3 text-xs text-muted">It became an alert by {gone.map((rule) => `“${ruleName(rule)}”`).join(" and ")}, which {gone.length === 1 ? "is" : "are"} no longer in config.yaml.</p>}
      <p className="mt-3 text-xs text-muted">Judged by the rules as they are today.</p>
    </>
  );
}

function Rule({ verdict, fired }: { verdict: Verdict; fired: boolean }) {
  return (
    <li data-testid="verdict" data-fired={fired}>
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="font-semibold">{ruleName(verdict.rule)}</h3>
        {fired ? <AlertBadge severity={verdict.severity} /> : <span className="rounded-sm border border-line px-1.5 text-2xs font-medium text-muted">No alert</span>}
      </div>
      <p className="mt-0.5 text-muted">{verdictText(verdict, fired)}</p>
      <ul className="mt-1.5 space-y-1">
        {verdict.conditions.map((condition) => (
          <ConditionLine key={condition.name} condition={condition} />
        ))}
      </ul>
    </li>
  );
}

function ConditionLine({ condition }: { condition: Condition }) {
  const Icon = condition.holds ? Check : X;
  return (
    <li className="flex items-start gap-2">
      <Icon className={cn("mt-0.5 size-4 shrink-0", condition.holds ? "text-accent" : "text-alert")} aria-hidden />
      <span>
        <span className="sr-only">{condition.holds ? "Holds: " : "Does not hold: "}</span>
        <span className="font-medium">{conditionName(condition)}</span> <span className="text-muted">{conditionText(condition)}</span>
      </span>
    </li>
  );
}
