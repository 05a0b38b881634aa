"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Field } from "@/components/Field";
import { Select } from "@/components/ui/select";
import { Input, Textarea } from "@/components/ui/input";
import { useDebounced } from "@/hooks/use-debounced";
import { sentence } from "@/lib/api/errors";
import { previewQuery } from "@/lib/queries/deliveries";

const examples = [
  { value: "new", label: "when it begins" },
  { value: "update", label: "when it changes" },
  { value: "end", label: "when it ends" },
  { value: "digest", label: "several at once" },
] as const;

interface TemplateEditorProps {
  title: string;
  text: string;
  onChange: (change: { title?: string; text?: string }) => void;
}

/** Title and text of what is told, with what the server makes of them beside. */
export function TemplateEditor({ title, text, onChange }: TemplateEditorProps) {
  const [phase, setPhase] = useState("new");
  const typed = useDebounced(useMemo(() => ({ title, text, phase }), [title, text, phase]), 300);
  const preview = useQuery({ ...previewQuery(typed.title, typed.text, typed.phase), placeholderData: keepPreviousData });
  const error = preview.isError ? sentence(preview.error) : undefined;
  const of = (field: "title" | "text") => (error?.toLowerCase().startsWith(field) ? error : undefined);
  return (
    <div className="space-y-4">
      <Field label="Title" error={of("title")} help="Fields such as {{.Subject}}, {{.Camera}}, {{.Time}}, {{.Zones}}. Empty: the usual words.">
        {(ids) => <Input maxLength={2000} spellCheck={false} className="font-mono text-xs" placeholder="{{.Subject}} on {{.Camera}}" value={title} onChange={(event) => onChange({ title: event.target.value })} {...ids} />}
      </Field>
      <Field label="Text" error={of("text")}>
        {(ids) => <Textarea rows={3} maxLength={2000} spellCheck={false} className="font-mono text-xs" value={text} onChange={(event) => onChange({ text: event.target.value })} {...ids} />}
      </Field>
      <div aria-live="polite" className="rounded-md border border-line bg-bg p-3" data-testid="preview">
        <div className="mb-1 flex flex-wrap items-center gap-2 text-xs text-muted">
          What is told
          <Select label="Example" value={phase} onChange={(event) => setPhase(event.target.value)}>
            {examples.map((e) => (
              <option key={e.value} value={e.value}>
                {e.label}
              </option>
            ))}
          </Select>
        </div>
        {error ? (
          <p className="text-alert">{of("title") || of("text") ? "It cannot be shown before the words are right." : error}</p>
        ) : preview.data ? (
          <>
            <p className="break-words font-semibold">{preview.data.title}</p>
            <p className="whitespace-pre-wrap break-words">{preview.data.text}</p>
          </>
        ) : (
          <p className="text-muted">Loading…</p>
        )}
      </div>
    </div>
  );
}
