"use client";
import { useState } from "react";
import { Input } from "@/components/ui/input";
import { Select } from "@/components/ui/select";

const units = [
  { seconds: 1, name: "seconds" },
  { seconds: 60, name: "minutes" },
  { seconds: 3600, name: "hours" },
] as const;

/** The largest unit in which it is a whole number. */
export function unitOf(seconds: number): number {
  if (seconds === 0) return 60;
  return [...units].reverse().find((u) => seconds % u.seconds === 0)?.seconds ?? 1;
}

/** A span of time as a number and its unit; 0 is an empty field. */
export function SpanInput({ label, value, onChange }: { label: string; value: number; onChange: (seconds: number) => void }) {
  const [unit, setUnit] = useState(() => unitOf(value));
  return (
    <span className="flex items-center gap-1.5">
      <Input type="number" min={0} step={1} aria-label={label} className="w-20!" value={value ? value / unit : ""} onChange={(event) => onChange(Math.round(Number(event.target.value) * unit))} />
      <Select
        className="w-28"
        label={`${label}: unit`}
        value={unit}
        onChange={(event) => {
          const next = Number(event.target.value);
          onChange(Math.round((value / unit) * next));
          setUnit(next);
        }}
      >
        {units.map((u) => (
          <option key={u.seconds} value={u.seconds}>
            {u.name}
          </option>
        ))}
      </Select>
    </span>
  );
}
