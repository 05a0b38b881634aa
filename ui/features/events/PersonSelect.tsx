"use client";
import { Select } from "@/components/ui/select";
import { useFaceStatus, usePersons } from "@/hooks/use-faces";
import { ANYBODY, STRANGERS } from "@/lib/faces";

/** Whose events; not offered where nobody is known and faces are not looked for. */
export function PersonSelect({ value, onChange }: { value?: string; onChange: (person: string | undefined) => void }) {
  const persons = usePersons().data ?? [];
  const state = useFaceStatus().data?.state;
  const off = state === undefined || state === "disabled" || state === "missing";
  if (off && persons.length === 0 && !value) return null;
  const strange = value !== undefined && value !== ANYBODY && value !== STRANGERS && !persons.some((p) => p.id === value);
  return (
    <Select label="Person" value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined)} className="max-w-40 shrink-0">
      <option value="">Any person</option>
      <option value={ANYBODY}>Anybody known</option>
      <option value={STRANGERS}>Strangers</option>
      {strange && <option value={value}>{value.includes(",") ? "Several persons" : "Somebody unknown"}</option>}
      {persons.map((person) => (
        <option key={person.id} value={person.id}>
          {person.name}
        </option>
      ))}
    </Select>
  );
}
