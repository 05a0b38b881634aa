"use client";
import { useId, useState } from "react";
import { Segmented } from "@/components/ui/segmented";
import { now } from "@/lib/time/clock";
import { parseStamp, stamp } from "@/lib/time/zone";
import { rangeProblem, SPANS } from "./moments";

export interface SearchRange {
  from: number;
  to: number;
}

interface RangeFieldsProps {
  range: SearchRange;
  onChange: (range: SearchRange) => void;
}

const minute = (t: number) => stamp(Math.round(t / 1000) * 1000);

/** How far back, and until when; times are the site's, written as people write them. */
export function RangeFields({ range, onChange }: RangeFieldsProps) {
  const span = SPANS.find((s) => Math.abs(s.ms - (range.to - range.from)) < 1_000)?.value ?? "";
  return (
    <div className="space-y-2">
      <Segmented label="How long" value={span} options={SPANS.map(({ value, label }) => ({ value, label }))} onChange={(value) => onChange({ from: range.to - (SPANS.find((s) => s.value === value)?.ms ?? 0), to: range.to })} className="w-full [&>button]:flex-1" />
      <TimeFields key={`${range.from}-${range.to}`} range={range} onChange={onChange} />
    </div>
  );
}

/** What is typed counts when the field is left or Enter is pressed; anew for each range that comes from elsewhere. */
function TimeFields({ range, onChange }: RangeFieldsProps) {
  const [texts, setTexts] = useState({ from: minute(range.from), to: minute(range.to) });
  const [problem, setProblem] = useState<string>();
  const id = useId();
  const commit = () => {
    const [from, to] = [parseStamp(texts.from, now()), parseStamp(texts.to, now())];
    const wrong = rangeProblem(from, to, now());
    setProblem(wrong);
    if (wrong || from === undefined || to === undefined) return;
    if (minute(from) !== minute(range.from) || minute(to) !== minute(range.to)) onChange({ from, to });
  };
  const field = (which: "from" | "to", label: string) => (
    <label className="block min-w-0">
      <span className="text-xs text-muted">{label}</span>
      <input
        value={texts[which]}
        onChange={(event) => setTexts({ ...texts, [which]: event.target.value })}
        onBlur={commit}
        onKeyDown={(event) => event.key === "Enter" && commit()}
        aria-invalid={problem !== undefined}
        aria-describedby={problem ? id : undefined}
        spellCheck={false}
        className="h-control w-full rounded-md border border-line bg-bg px-2 font-medium aria-invalid:border-alert"
      />
    </label>
  );
  return (
    <>
      <div className="grid grid-cols-2 gap-2">
        {field("from", "From")}
        {field("to", "To")}
      </div>
      {problem && (
        <p id={id} role="alert" className="text-xs text-alert">
          {problem}
        </p>
      )}
    </>
  );
}
