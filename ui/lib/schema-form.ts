// A form made from the JSON Schema of a plugin's settings: which fields there are, what is typed into them, and the
// settings that come of it. Secrets are never known here; they are kept, replaced or cleared.
import type { FieldError } from "./api/errors";
import type { Settings } from "./api/plugin-types";

export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  format?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  "x-secret"?: boolean;
}

export type Kind = "text" | "number" | "boolean" | "enum" | "list" | "map" | "object" | "unknown";

/** A row of a map while it is typed. */
export interface Entry {
  key: string;
  value: unknown;
}

/** What a secret's field holds: it stays as it is, is removed, or becomes `value`. */
export type SecretEdit = { keep: true } | { clear: true } | { value: unknown };

export type Draft = Record<string, unknown>;

export function kindOf(schema: Schema): Kind {
  if (schema.enum) return "enum";
  if (schema.type === "string") return "text";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "array") return schema.items ? "list" : "unknown";
  if (schema.type === "object") {
    if (schema.properties) return "object";
    return typeof schema.additionalProperties === "object" ? "map" : "unknown";
  }
  return "unknown";
}

/** The value with which a field begins; `value` is undefined where nothing is set. */
export function toDraft(schema: Schema, value: unknown): unknown {
  const given = value ?? schema.default;
  switch (kindOf(schema)) {
    case "boolean":
      return given === true;
    case "enum":
    case "number":
    case "text":
      return typeof given === "string" ? given : given === undefined ? "" : JSON.stringify(given);
    case "list":
      return Array.isArray(given) ? given.map((item) => toDraft(schema.items ?? {}, item)) : [];
    case "map":
      return isRecord(given) ? Object.entries(given).map(([key, item]): Entry => ({ key, value: toDraft(valueSchema(schema), item) })) : [];
    case "object":
      return objectDraft(schema, isRecord(given) ? given : {});
    case "unknown":
      return given === undefined ? "" : JSON.stringify(given);
  }
}

/** Settings as the fields of a form. */
export function objectDraft(schema: Schema, settings: Settings): Draft {
  return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, field]) => [name, field["x-secret"] ? ({ keep: true } satisfies SecretEdit) : toDraft(field, settings[name])]));
}

/** An empty value of the same shape, for a new row. */
export const emptyDraft = (schema: Schema): unknown => toDraft(schema, undefined);

/** What is typed, as the value to send; undefined where nothing is, which means the default. */
export function fromDraft(schema: Schema, draft: unknown): unknown {
  switch (kindOf(schema)) {
    case "boolean":
      return draft === true;
    case "enum":
      return draft === "" ? undefined : schema.enum?.find((option) => String(option) === draft);
    case "number":
      return typeof draft === "string" && draft.trim() !== "" ? Number(draft) : undefined;
    case "text":
      return draft === "" ? undefined : draft;
    case "list":
      return Array.isArray(draft) ? draft.map((item) => fromDraft(schema.items ?? {}, item)).filter((item) => item !== undefined) : [];
    case "map":
      return Object.fromEntries(entries(draft).filter((e) => e.key !== "").map((e) => [e.key, fromDraft(valueSchema(schema), e.value) ?? ""]));
    case "object":
      return settingsOf(schema, isRecord(draft) ? draft : {});
    case "unknown":
      return parsed(draft);
  }
}

/** The settings to send. Fields that do not count for what was chosen are left out. */
export function settingsOf(schema: Schema, draft: Draft): Settings {
  const out: Settings = {};
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (!helpOf(schema, name, draft).shown) continue;
    if (!field["x-secret"]) {
      const value = fromDraft(field, draft[name]);
      if (value !== undefined) out[name] = value;
      continue;
    }
    const edit = draft[name] as SecretEdit; // made by objectDraft and changed by its field alone
    if ("clear" in edit) out[name] = null;
    else if ("value" in edit) out[name] = fromDraft(field, edit.value) ?? null;
  }
  return out;
}

export interface Help {
  shown: boolean;
  text: string;
}

/**
 * What a setting is for, and whether it counts now. A description may speak of the values of a choice beside it, as
 * "webpush: private key": such a field is shown for that choice only, and of several such parts only the one that counts.
 */
export function helpOf(schema: Schema, name: string, draft: Draft): Help {
  const text = schema.properties?.[name]?.description ?? "";
  for (const [other, field] of Object.entries(schema.properties ?? {})) {
    if (other === name || !field.enum) continue;
    const options = field.enum.map(String).map((o) => o.replace(/[^\w-]/g, "\\$&"));
    const marks = [...text.matchAll(new RegExp(`(^|[.;] )((?:${options.join("|")})(?:, (?:${options.join("|")}))*|[Oo]thers): `, "g"))];
    if (marks.length === 0) continue;
    const chosen = draft[other];
    const parts = marks.map((m, i) => ({ names: m[2]!.split(", "), text: text.slice(m.index + m[0].length, marks[i + 1]?.index ?? text.length) }));
    const part = parts.find((p) => p.names.some((n) => n === chosen)) ?? parts.find((p) => /^others$/i.test(p.names[0]!));
    const lead = text.slice(0, marks[0]!.index + marks[0]![1]!.length).trim();
    return { shown: lead !== "" || part !== undefined, text: [lead, sentence(part?.text ?? "")].filter(Boolean).join(" ") };
  }
  return { shown: true, text };
}

const sentence = (text: string) => {
  const clean = text.trim().replace(/[.;]$/, "");
  return clean && `${clean.charAt(0).toUpperCase()}${clean.slice(1)}.`;
};

const acronyms = new Set(["url", "api", "id", "vapid", "tls", "smtp", "ca", "qos", "http", "ip", "html"]);

/** "vapid_public_key" → "VAPID public key". */
export function settingName(name: string): string {
  const words = name.split(/[_-]+/).map((word) => (acronyms.has(word.toLowerCase()) ? word.toUpperCase() : word));
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const PREFIX = /^body\.settings\.?/;

/** What the server says of each setting, by its path: "url", "smtp.port"; "" is the whole form. */
export function settingErrors(fields: readonly FieldError[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const field of fields) {
    const path = (field.location ?? "").replace(PREFIX, "");
    out.set(path, [out.get(path), field.message].filter(Boolean).join("; "));
  }
  return out;
}

/** What is wrong at a path or below it. */
export function errorAt(errors: ReadonlyMap<string, string>, path: string): string | undefined {
  const found = [...errors].filter(([at]) => at === path || at.startsWith(`${path}.`) || at.startsWith(`${path}[`));
  return found.length === 0 ? undefined : found.map(([at, message]) => (at === path ? message : `${at.slice(path.length + 1)} ${message}`)).join("; ");
}

/** What is said of no field that is shown. */
export function otherErrors(errors: ReadonlyMap<string, string>, schema: Schema, draft: Draft): string[] {
  const shown = Object.keys(schema.properties ?? {}).filter((name) => helpOf(schema, name, draft).shown);
  return [...errors].filter(([at]) => !shown.some((name) => at === name || at.startsWith(`${name}.`) || at.startsWith(`${name}[`))).map(([at, message]) => (at ? `${settingName(at)}: ${message}` : message));
}

/** Whether a secret, or one inside it, has a value. */
export function isSecretSet(set: readonly string[], path: string): boolean {
  return set.some((p) => p === path || p.startsWith(`${path}.`));
}

export const valueSchema = (schema: Schema): Schema => (typeof schema.additionalProperties === "object" ? schema.additionalProperties : { type: "string" });
export const entries = (draft: unknown): Entry[] => (Array.isArray(draft) ? (draft as Entry[]) : []); // made by toDraft
export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(draft: unknown): unknown {
  if (typeof draft !== "string" || draft.trim() === "") return undefined;
  try {
    return JSON.parse(draft) as unknown;
  } catch {
    return draft; // the server says what is wrong with it
  }
}
