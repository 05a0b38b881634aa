"use client";
import { AudioLines, Cctv, Siren, X } from "lucide-react";
import { EventIcon } from "@/components/EventIcon";
import { Button } from "@/components/ui/button";
import { Chip } from "@/components/ui/chip";
import { Select } from "@/components/ui/select";
import type { Bootstrap } from "@/lib/api/types";
import { isObjectLabel, labelName } from "@/lib/format";
import type { EventFilter } from "@/lib/queries/events";
import { now } from "@/lib/time/clock";
import { addDays, dayLabel, dayStart, isoDay, parseDay } from "@/lib/time/zone";
import { toggled } from "./filter";
import { PersonSelect } from "./PersonSelect";

/** Labels that most people look for; the others are in the list only once they have happened. */
const FIRST = ["person", "car", "dog", "cat", "bicycle", "package"];
const MAX_LABELS = 8;

interface FilterBarProps {
  boot: Bootstrap;
  filter: EventFilter;
  onChange: (filter: EventFilter) => void;
}

export function FilterBar({ boot, filter, onChange }: FilterBarProps) {
  const chosen = filter.label?.split(",") ?? [];
  const labels = [...FIRST.filter((l) => boot.labels.includes(l)), ...boot.labels.filter((l) => !FIRST.includes(l) && isObjectLabel(l))];
  const shown = [...new Set([...labels.slice(0, MAX_LABELS), ...chosen])];
  const more = labels.filter((l) => !shown.includes(l));
  const active = Object.values(filter).some(Boolean);
  const set = (change: EventFilter) => onChange({ ...filter, ...change });
  return (
    <div role="group" aria-label="Filters" className="flex items-center gap-1.5 overflow-x-auto border-b border-line bg-surface px-3 py-2 [scrollbar-width:none]">
      {boot.cameras.length > 1 && (
        <Select label="Camera" value={filter.camera ?? ""} onChange={(e) => set({ camera: e.target.value || undefined })} className="max-w-44 shrink-0">
          <option value="">All cameras</option>
          {boot.cameras.map((camera) => (
            <option key={camera.id} value={camera.id}>
              {camera.name}
            </option>
          ))}
        </Select>
      )}
      <DaySelect filter={filter} set={set} />
      <Chip pressed={filter.alerts === "true"} onClick={() => set({ alerts: filter.alerts ? undefined : "true" })}>
        <Siren className="size-4" aria-hidden />
        Alerts only
      </Chip>
      <ZoneSelect boot={boot} filter={filter} set={set} />
      <PersonSelect value={filter.person} onChange={(person) => set({ person })} />
      {shown.map((label) => (
        <Chip key={label} pressed={chosen.includes(label)} onClick={() => set({ label: toggled(filter.label, label) })}>
          <EventIcon event={{ kind: "object", label }} />
          {labelName(label)}
        </Chip>
      ))}
      {more.length > 0 && (
        <Select label="More labels" value="" onChange={(e) => set({ label: toggled(filter.label, e.target.value) })} className="shrink-0">
          <option value="">More</option>
          {more.map((label) => (
            <option key={label} value={label}>
              {labelName(label)}
            </option>
          ))}
        </Select>
      )}
      <Chip pressed={filter.kind === "motion"} onClick={() => set({ kind: filter.kind === "motion" ? undefined : "motion" })}>
        <EventIcon event={{ kind: "motion", label: "" }} />
        Motion
      </Chip>
      <Chip pressed={filter.kind === "sound"} onClick={() => set({ kind: filter.kind === "sound" ? undefined : "sound" })}>
        <AudioLines className="size-4" aria-hidden />
        Sounds
      </Chip>
      <Chip pressed={filter.kind === "camera"} onClick={() => set({ kind: filter.kind === "camera" ? undefined : "camera" })}>
        <Cctv className="size-4" aria-hidden />
        Camera trouble
      </Chip>
      {active && (
        <Button variant="ghost" onClick={() => onChange({})}>
          <X aria-hidden />
          Clear
        </Button>
      )}
    </div>
  );
}

/** Zones of the chosen cameras, as far as the server tells them, and always the one that is chosen. */
function ZoneSelect({ boot, filter, set }: { boot: Bootstrap; filter: EventFilter; set: (change: EventFilter) => void }) {
  const cameras = boot.cameras.filter((c) => !filter.camera || c.id === filter.camera);
  const known = cameras.flatMap((c) => c.areas ?? []).filter((area) => area.kind === "zone");
  const names = [...new Set([...known.map((zone) => zone.name), ...(filter.zones ? [filter.zones] : [])])].sort();
  if (names.length === 0) return null;
  return (
    <Select label="Zone" value={filter.zones ?? ""} onChange={(e) => set({ zones: e.target.value || undefined })} className="max-w-40 shrink-0">
      <option value="">Any zone</option>
      {names.map((name) => (
        <option key={name} value={name}>
          {name.includes(",") ? name : labelName(name)}
        </option>
      ))}
    </Select>
  );
}

function DaySelect({ filter, set }: { filter: EventFilter; set: (change: EventFilter) => void }) {
  const today = dayStart(now());
  const days = Array.from({ length: 7 }, (_, i) => addDays(today, -i));
  const value = filter.from ? isoDay(Date.parse(filter.from)) : "";
  const known = value === "" || days.some((day) => isoDay(day) === value);
  return (
    <Select
      label="Day"
      value={value}
      onChange={(e) => {
        const day = parseDay(e.target.value);
        set(day === undefined ? { from: undefined, to: undefined } : { from: new Date(day).toISOString(), to: new Date(addDays(day, 1)).toISOString() });
      }}
      className="shrink-0"
    >
      <option value="">Any day</option>
      {!known && <option value={value}>{value}</option>}
      {days.map((day) => (
        <option key={day} value={isoDay(day)}>
          {dayLabel(day)}
        </option>
      ))}
    </Select>
  );
}
