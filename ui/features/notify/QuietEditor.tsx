"use client";
import { Moon, X } from "lucide-react";
import { Group } from "@/components/Field";
import { Button } from "@/components/ui/button";
import { Chip } from "@/components/ui/chip";
import { Input } from "@/components/ui/input";
import { Select } from "@/components/ui/select";
import type { QuietHours } from "@/lib/api/plugin-types";
import { dayNames, minuteText, parseMinutes } from "@/lib/notify";

const NIGHT: QuietHours = { from: 22 * 60, to: 7 * 60, days: [], action: "silent", except: "high" };
const WEEK = [1, 2, 3, 4, 5, 6, 0];

/** Times of day at which a route does not ring. */
export function QuietEditor({ quiet, onChange }: { quiet: QuietHours[]; onChange: (quiet: QuietHours[]) => void }) {
  return (
    <Group legend="Quiet hours" help={quiet.length > 0 ? "By the recorder's clock. No day chosen: every day. The same time twice: the whole day." : undefined}>
      <ul className="space-y-3 empty:hidden">
        {quiet.map((q, i) => (
          <li key={i} className="border-l border-line pl-3">
            <Row quiet={q} number={i + 1} onChange={(change) => onChange(quiet.map((other, at) => (at === i ? { ...q, ...change } : other)))} onRemove={() => onChange(quiet.filter((_, at) => at !== i))} />
          </li>
        ))}
      </ul>
      <Button className={quiet.length > 0 ? "mt-2" : undefined} onClick={() => onChange([...quiet, NIGHT])}>
        <Moon aria-hidden />
        Add quiet hours
      </Button>
    </Group>
  );
}

interface RowProps {
  quiet: QuietHours;
  number: number;
  onChange: (change: Partial<QuietHours>) => void;
  onRemove: () => void;
}

function Row({ quiet: q, number, onChange, onRemove }: RowProps) {
  const time = (which: "from" | "to", text: string) => {
    const minutes = parseMinutes(text);
    if (minutes !== undefined) onChange({ [which]: minutes });
  };
  return (
    <div className="space-y-2">
      <div className="flex flex-wrap items-center gap-2">
        <Input type="time" aria-label={`Quiet hours ${number} begin`} className="w-28!" value={minuteText(q.from)} onChange={(event) => time("from", event.target.value)} />
        <span className="text-muted">to</span>
        <Input type="time" aria-label={`Quiet hours ${number} end`} className="w-28!" value={minuteText(q.to)} onChange={(event) => time("to", event.target.value)} />
        <Select label={`What happens in quiet hours ${number}`} value={q.action} onChange={(event) => onChange({ action: event.target.value as QuietHours["action"] })}>
          <option value="silent">Tell without a sound</option>
          <option value="hold">Tell when they end</option>
          <option value="drop">Do not tell</option>
        </Select>
        <Select label={`Exception in quiet hours ${number}`} value={q.except} onChange={(event) => onChange({ except: event.target.value as QuietHours["except"] })}>
          <option value="">without exception</option>
          <option value="high">except high alerts</option>
          <option value="normal">except normal and above</option>
          <option value="low">except low and above</option>
        </Select>
        <Button variant="ghost" size="icon" aria-label={`Remove quiet hours ${number}`} onClick={onRemove}>
          <X aria-hidden />
        </Button>
      </div>
      <div role="group" aria-label={`Days of quiet hours ${number}`} className="flex flex-wrap gap-1">
        {WEEK.map((day) => (
          <Chip key={day} pressed={q.days.includes(day)} onClick={() => onChange({ days: q.days.includes(day) ? q.days.filter((d) => d !== day) : [...q.days, day].sort() })}>
            {dayNames[day]}
          </Chip>
        ))}
      </div>
    </div>
  );
}
