"use client";
import { type ReactNode, useState } from "react";
import { Button } from "@/components/ui/button";
import { Chip } from "@/components/ui/chip";
import { type Draft, isMask } from "@/lib/areas";
import { cn } from "@/lib/cn";
import { isObjectLabel, labelName } from "@/lib/format";

/** What every detector of ours knows; the site's own labels come on top. */
const COMMON = ["person", "bicycle", "car", "motorcycle", "bus", "truck", "cat", "dog"];

interface AreaFormProps {
  draft: Draft;
  /** that have been seen */
  labels: readonly string[];
  problems: readonly string[];
  onChange: (by: Partial<Draft>) => void;
}

/** What there is to say about one area besides its shape. */
export function AreaForm({ draft, labels, problems, onChange }: AreaFormProps) {
  return (
    <div className="space-y-3 px-3 pb-3 pt-1">
      {problems.length > 0 && (
        <div role="alert" className="text-xs text-alert">
          <ul className="space-y-0.5">
            {problems.map((problem) => (
              <li key={problem}>{problem.charAt(0).toUpperCase() + problem.slice(1)}.</li>
            ))}
          </ul>
        </div>
      )}
      {!isMask(draft.kind) && (
        <Field label="Name" hint="a-z, 0-9 and _; topics and rules go by it">
          <input value={draft.name} maxLength={48} spellCheck={false} autoCapitalize="none" onChange={(e) => onChange({ name: e.target.value })} className={input} />
        </Field>
      )}
      {draft.kind !== "motion_mask" && <Labels draft={draft} labels={labels} onChange={onChange} />}
      {draft.kind === "zone" && (
        <>
          <div className="grid grid-cols-2 gap-3">
            <Field label="Inertia" hint="frames inside, and out again">
              <Amount value={draft.inertia} step={1} max={100} onChange={(inertia) => onChange({ inertia })} />
            </Field>
            <Field label="Loitering" hint="seconds inside until it counts">
              <Amount value={draft.loitering} step={1} max={3600} onChange={(loitering) => onChange({ loitering })} />
            </Field>
          </div>
          <Speed draft={draft} onChange={onChange} />
        </>
      )}
    </div>
  );
}

const input = "h-control w-full rounded-md border border-line bg-bg px-2 font-medium";

function Field({ label, hint, children }: { label: string; hint?: string; children: ReactNode }) {
  return (
    <label className="block min-w-0">
      <span className="text-xs font-medium">{label}</span>
      {children}
      {hint && <span className="mt-0.5 block text-2xs text-muted">{hint}</span>}
    </label>
  );
}

/** A number that may be being typed: what cannot be read is NaN, which the area's problems then name. */
function Amount({ value, step, max, onChange }: { value: number; step: number; max: number; onChange: (value: number) => void }) {
  return <input type="number" inputMode="decimal" min={0} max={max} step={step} value={Number.isNaN(value) ? "" : value} onChange={(e) => onChange(e.target.value === "" ? NaN : Number(e.target.value))} className={input} />;
}

function Labels({ draft, labels, onChange }: Pick<AreaFormProps, "draft" | "labels" | "onChange">) {
  const [text, setText] = useState("");
  const known = [...new Set([...COMMON, ...labels.filter(isObjectLabel), ...draft.labels])];
  const toggle = (label: string) => onChange({ labels: draft.labels.includes(label) ? draft.labels.filter((l) => l !== label) : [...draft.labels, label] });
  const add = () => {
    const label = text.trim().toLowerCase();
    if (label && !draft.labels.includes(label)) onChange({ labels: [...draft.labels, label] });
    setText("");
  };
  const what = draft.kind === "object_mask" ? "What is ignored here" : draft.kind === "line" ? "What counts when it crosses" : "What can be in it";
  return (
    <fieldset>
      <legend className="text-xs font-medium">
        {what} <span className="font-normal text-muted">{draft.labels.length === 0 && "(everything)"}</span>
      </legend>
      <div className="mt-1 flex flex-wrap gap-1">
        {known.map((label) => (
          <Chip key={label} pressed={draft.labels.includes(label)} onClick={() => toggle(label)} className="h-7! px-2! max-md:h-9!">
            {labelName(label)}
          </Chip>
        ))}
      </div>
      <div className="mt-1.5 flex gap-1.5">
        <input aria-label="Another label" placeholder="Another label" value={text} onChange={(e) => setText(e.target.value)} onKeyDown={(e) => e.key === "Enter" && add()} className={cn(input, "min-w-0 flex-1 font-normal placeholder:text-muted")} />
        <Button onClick={add} disabled={!text.trim()}>
          Add
        </Button>
      </div>
    </fieldset>
  );
}

function Speed({ draft, onChange }: Pick<AreaFormProps, "draft" | "onChange">) {
  const measured = draft.lengths.length > 0;
  const four = draft.points.length === 4;
  return (
    <fieldset>
      <label className="flex min-h-8 items-center gap-2">
        <input type="checkbox" checked={measured} disabled={!measured && !four} onChange={(e) => onChange({ lengths: e.target.checked ? [5, 5, 5, 5] : [] })} className="size-4 accent-[var(--color-accent)]" />
        <span className="text-xs font-medium">Measure speed</span>
        {!four && <span className="text-2xs text-muted">needs an area of 4 corners</span>}
      </label>
      {measured && (
        <div className="mt-1 grid grid-cols-4 gap-1.5">
          {[0, 1, 2, 3].map((i) => (
            <label key={i}>
              <span className="text-2xs text-muted">
                {i + 1} to {((i + 1) % 4) + 1}, m
              </span>
              <Amount value={draft.lengths[i] ?? NaN} step={0.1} max={1000} onChange={(length) => onChange({ lengths: [0, 1, 2, 3].map((k) => (k === i ? length : (draft.lengths[k] ?? NaN))) })} />
            </label>
          ))}
        </div>
      )}
    </fieldset>
  );
}
