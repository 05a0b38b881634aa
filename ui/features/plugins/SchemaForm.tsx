"use client";
import { Plus, Trash2, X } from "lucide-react";
import { useId } from "react";
import { Field, Group } from "@/components/Field";
import { TextList } from "@/components/TextList";
import { Button } from "@/components/ui/button";
import { Input, Textarea } from "@/components/ui/input";
import { Select } from "@/components/ui/select";
import { Switch } from "@/components/ui/switch";
import { type Draft, emptyDraft, type Entry, entries, errorAt, helpOf, isRecord, isSecretSet, kindOf, type Schema, type SecretEdit, settingName, valueSchema } from "@/lib/schema-form";

interface FormContext {
  errors: ReadonlyMap<string, string>;
  secretsSet: readonly string[];
  /** the notifier exists, so that its secrets may be kept */
  existing: boolean;
}

interface FieldsProps extends FormContext {
  schema: Schema;
  draft: Draft;
  onChange: (draft: Draft) => void;
  /** of the object that holds the fields, with a point at its end; empty for the settings themselves */
  prefix?: string;
}

/** The fields of a plugin's settings. What does not count for a choice made above is not shown. */
export function SchemaFields({ schema, draft, onChange, prefix = "", ...context }: FieldsProps) {
  return (
    <div className="space-y-4">
      {ordered(schema).map(([name, field]) => {
        const help = helpOf(schema, name, draft);
        if (!help.shown) return null;
        const props = { name, path: prefix + name, schema: field, help: help.text, required: schema.required?.includes(name) ?? false, value: draft[name], onChange: (value: unknown) => onChange({ ...draft, [name]: value }), ...context };
        return field["x-secret"] ? <SecretField key={name} {...props} /> : <ValueField key={name} {...props} />;
      })}
    </div>
  );
}

/** What must be filled in comes first: the others often follow from it. */
function ordered(schema: Schema): [string, Schema][] {
  const must = (name: string) => Number(schema.required?.includes(name) ?? false);
  return Object.entries(schema.properties ?? {}).sort(([a], [b]) => must(b) - must(a));
}

interface ValueProps extends FormContext {
  name: string;
  path: string;
  schema: Schema;
  help: string;
  required: boolean;
  value: unknown;
  onChange: (value: unknown) => void;
  /** the browser must not offer to remember it */
  hidden?: boolean;
}

const LONG = /template|json|certificate|\bpem\b/i;
const asText = (value: unknown) => (typeof value === "string" ? value : "");

function ValueField({ name, path, schema, help, required, value, onChange, hidden, ...context }: ValueProps) {
  const label = schema.title ?? settingName(name);
  const error = errorAt(context.errors, path);
  const kind = kindOf(schema);
  switch (kind) {
    case "boolean":
      return <BooleanField label={label} help={help} error={error} value={value === true} onChange={onChange} />;
    case "enum":
      return (
        <Field label={label} help={help} error={error} required={required}>
          {(ids) => (
            <Select label={label} className="w-full" required={required} value={asText(value)} onChange={(event) => onChange(event.target.value)} {...ids}>
              {(!required || value === "") && <option value="">{required ? "Choose one" : "Default"}</option>}
              {schema.enum?.map((option) => (
                <option key={String(option)} value={String(option)}>
                  {String(option)}
                </option>
              ))}
            </Select>
          )}
        </Field>
      );
    case "number":
      return (
        <Field label={label} help={[help, limits(schema)].filter(Boolean).join(" ")} error={error} required={required}>
          {(ids) => <Input type="number" inputMode="decimal" className="max-w-40" required={required} min={schema.minimum} max={schema.maximum} step={schema.type === "integer" ? 1 : "any"} value={asText(value)} onChange={(event) => onChange(event.target.value)} {...ids} />}
        </Field>
      );
    case "list":
      return <ListField label={label} path={path} schema={schema} help={help} error={error} value={value} onChange={onChange} {...context} />;
    case "map":
      return <MapField label={label} schema={schema} help={help} error={error} value={value} onChange={onChange} hidden={hidden} />;
    case "object":
      return (
        <Group legend={label} help={help}>
          <div className="border-l border-line pl-3">
            <SchemaFields schema={schema} draft={isRecord(value) ? value : {}} onChange={onChange} prefix={`${path}.`} {...context} />
          </div>
        </Group>
      );
    case "text":
    case "unknown": {
      const shared = { required, value: asText(value), maxLength: schema.maxLength, autoComplete: "off", spellCheck: false };
      return (
        <Field label={label} help={kind === "unknown" ? `${help} Written as JSON.`.trim() : help} error={error} required={required}>
          {(ids) => {
            if (LONG.test(help) || kind === "unknown") return <Textarea rows={3} className="font-mono text-xs" onChange={(event) => onChange(event.target.value)} {...shared} {...ids} />;
            return <Input type={hidden ? "password" : "text"} onChange={(event) => onChange(event.target.value)} {...shared} {...ids} {...(hidden ? { autoComplete: "new-password" } : {})} />;
          }}
        </Field>
      );
    }
  }
}

function limits({ minimum, maximum }: Schema): string {
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}.`;
  if (minimum !== undefined) return `At least ${minimum}.`;
  return maximum === undefined ? "" : `At most ${maximum}.`;
}

function BooleanField({ label, help, error, value, onChange }: { label: string; help: string; error?: string; value: boolean; onChange: (value: boolean) => void }) {
  const id = useId();
  return (
    <div>
      <div className="flex min-h-control items-center gap-3">
        <Switch id={id} checked={value} onCheckedChange={onChange} aria-describedby={help ? `${id}-help` : undefined} />
        <label htmlFor={id} className="text-xs font-medium">
          {label}
        </label>
      </div>
      {help && (
        <p id={`${id}-help`} className="text-xs text-muted">
          {help}
        </p>
      )}
      {error && (
        <p role="alert" className="text-xs text-alert">
          {error}
        </p>
      )}
    </div>
  );
}

interface RowsProps {
  label: string;
  schema: Schema;
  help: string;
  error?: string;
  value: unknown;
  onChange: (value: unknown) => void;
}

function ListField({ label, path, schema, help, error, value, onChange, ...context }: RowsProps & FormContext & { path: string }) {
  const items = Array.isArray(value) ? (value as unknown[]) : [];
  const item = schema.items ?? {};
  const one = singular(label);
  const plain = ["text", "number", "unknown"].includes(kindOf(item));
  const change = (i: number, next: unknown) => onChange(items.map((v, at) => (at === i ? next : v)));
  return (
    <Group legend={label} help={help}>
      {plain ? (
        <TextList name={one} values={items.map(asText)} onChange={onChange} />
      ) : (
        <>
          {items.map((v, i) => (
            <div key={i} className="mb-2 flex items-start gap-1.5 border-l border-line pl-3">
              <div className="min-w-0 flex-1">
                <ValueField name={`${one} ${i + 1}`} path={`${path}[${i}]`} schema={item} help="" required={false} value={v} onChange={(next) => change(i, next)} {...context} />
              </div>
              <Button variant="ghost" size="icon" aria-label={`Remove ${one.toLowerCase()} ${i + 1}`} onClick={() => onChange(items.filter((_, at) => at !== i))}>
                <X aria-hidden />
              </Button>
            </div>
          ))}
          <Button onClick={() => onChange([...items, emptyDraft(item)])}>
            <Plus aria-hidden />
            Add {one.toLowerCase()}
          </Button>
        </>
      )}
      <Problem text={error} />
    </Group>
  );
}

function MapField({ label, schema, help, error, value, onChange, hidden }: RowsProps & { hidden?: boolean }) {
  const rows = entries(value);
  const item = valueSchema(schema);
  const one = singular(label);
  const change = (i: number, next: Partial<Entry>) => onChange(rows.map((row, at) => (at === i ? { ...row, ...next } : row)));
  return (
    <Group legend={label} help={help}>
      <ul className="space-y-1.5 empty:hidden">
        {rows.map((row, i) => (
          <li key={i} className="flex gap-1.5">
            <Input className="basis-2/5" placeholder="Name" aria-label={`Name of ${one.toLowerCase()} ${i + 1}`} value={row.key} onChange={(event) => change(i, { key: event.target.value })} />
            <Input type={hidden ? "password" : "text"} autoComplete={hidden ? "new-password" : "off"} placeholder="Value" aria-label={`Value of ${one.toLowerCase()} ${i + 1}`} value={asText(row.value)} onChange={(event) => change(i, { value: event.target.value })} />
            <Button variant="ghost" size="icon" aria-label={`Remove ${one.toLowerCase()} ${i + 1}`} onClick={() => onChange(rows.filter((_, at) => at !== i))}>
              <X aria-hidden />
            </Button>
          </li>
        ))}
      </ul>
      <Button className={rows.length > 0 ? "mt-1.5" : undefined} onClick={() => onChange([...rows, { key: "", value: emptyDraft(item) }])}>
        <Plus aria-hidden />
        Add {one.toLowerCase()}
      </Button>
      <Problem text={error} />
    </Group>
  );
}

function Problem({ text }: { text: string | undefined }) {
  if (!text) return null;
  return (
    <p role="alert" className="mt-1 text-xs text-alert">
      {text.charAt(0).toUpperCase() + text.slice(1)}
    </p>
  );
}

const singular = (label: string) => (/[^s]s$/.test(label) ? label.slice(0, -1) : label);

/** A secret is never shown again: it stays, is replaced as a whole, or is removed. */
function SecretField(props: ValueProps) {
  const { name, path, schema, help, required, value, onChange, secretsSet, existing, errors } = props;
  const edit = value as SecretEdit; // made by objectDraft
  const set = existing && isSecretSet(secretsSet, path);
  const label = schema.title ?? settingName(name);
  if ("value" in edit || !set) {
    const typed = "value" in edit ? edit.value : emptyDraft(schema);
    return (
      <div>
        <ValueField {...props} hidden required={required} value={typed} onChange={(next) => onChange({ value: next } satisfies SecretEdit)} />
        {set && (
          <Button variant="ghost" className="mt-1" onClick={() => onChange({ keep: true } satisfies SecretEdit)}>
            Keep the one that is set
          </Button>
        )}
      </div>
    );
  }
  const cleared = "clear" in edit;
  return (
    <Group legend={label} help={help}>
      <div className="flex flex-wrap items-center gap-2">
        <span className="text-muted">{cleared ? "Will be removed when you save." : "Set, and not shown again."}</span>
        <Button aria-label={`Replace ${label}`} onClick={() => onChange({ value: emptyDraft(schema) } satisfies SecretEdit)}>
          Replace
        </Button>
        {!required && (
          <Button variant="ghost" aria-label={cleared ? `Keep ${label}` : `Remove ${label}`} onClick={() => onChange(cleared ? ({ keep: true } satisfies SecretEdit) : ({ clear: true } satisfies SecretEdit))}>
            {!cleared && <Trash2 aria-hidden />}
            {cleared ? "Keep it" : "Remove"}
          </Button>
        )}
      </div>
      <Problem text={errorAt(errors, path)} />
    </Group>
  );
}
