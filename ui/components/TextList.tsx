"use client";
import { Plus, X } from "lucide-react";
import { useRef } from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";

interface TextListProps {
  /** of one entry, as "Recipient" */
  name: string;
  values: readonly string[];
  onChange: (values: string[]) => void;
  placeholder?: string;
  /** offered while typing */
  suggestions?: readonly string[];
  id?: string;
}

/** Texts, one per row; the last row is taken away with its button. */
export function TextList({ name, values, onChange, placeholder, suggestions = [], id }: TextListProps) {
  const root = useRef<HTMLDivElement>(null);
  const list = suggestions.length > 0 && id ? `${id}-list` : undefined;
  const add = () => {
    onChange([...values, ""]);
    requestAnimationFrame(() => root.current?.querySelector<HTMLInputElement>("li:last-child input")?.focus());
  };
  return (
    <div ref={root}>
      <ul className="space-y-1.5 empty:hidden">
        {values.map((value, i) => (
          <li key={i} className="flex gap-1.5">
            <Input value={value} list={list} placeholder={placeholder} aria-label={`${name} ${i + 1}`} onChange={(event) => onChange(values.map((v, at) => (at === i ? event.target.value : v)))} />
            <Button variant="ghost" size="icon" aria-label={`Remove ${name.toLowerCase()} ${i + 1}`} onClick={() => onChange(values.filter((_, at) => at !== i))}>
              <X aria-hidden />
            </Button>
          </li>
        ))}
      </ul>
      {list && (
        <datalist id={list}>
          {suggestions.map((s) => (
            <option key={s} value={s} />
          ))}
        </datalist>
      )}
      <Button className={values.length > 0 ? "mt-1.5" : undefined} onClick={add}>
        <Plus aria-hidden />
        Add {name.toLowerCase()}
      </Button>
    </div>
  );
}
