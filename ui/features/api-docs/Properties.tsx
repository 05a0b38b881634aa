"use client";
import { type Document, resolve, type Schema, typeText } from "./openapi";

export interface Field {
  name: string;
  note?: string;
  required: boolean;
  schema?: Schema;
  description?: string;
}

interface PropertiesProps {
  document: Document;
  fields: Field[];
  /** a schema whose properties are the fields */
  root?: Schema;
  depth?: number;
}

const MAX_DEPTH = 3;

/** Names, types and meanings; what is itself an object can be opened in place. */
export function Properties({ document, fields, root, depth = 0 }: PropertiesProps) {
  const list = root ? fieldsOf(document, root) : fields;
  if (list.length === 0) return root ? <p className="font-mono text-xs">{typeText(root)}</p> : null;
  return (
    <ul className="divide-y divide-line overflow-hidden rounded-md border border-line bg-surface">
      {list.map((field) => {
        const inner = innerSchema(document, field.schema);
        return (
          <li key={`${field.note ?? ""}${field.name}`} className="px-3 py-2">
            <p className="flex flex-wrap items-baseline gap-x-3">
              <code className="font-mono text-xs font-semibold">{field.name}</code>
              <span className="break-all font-mono text-xs text-muted">{typeText(field.schema)}</span>
              {field.note && <span className="text-xs text-muted">{field.note}</span>}
              {field.required && <span className="text-xs text-detection">required</span>}
            </p>
            {(field.description ?? field.schema?.description) && <p className="mt-0.5 text-xs text-muted">{field.description ?? field.schema?.description}</p>}
            {inner && depth < MAX_DEPTH && (
              <details className="mt-1">
                <summary className="inline-block py-1 text-xs text-info">Fields of {typeText(inner.$ref ? inner : field.schema)}</summary>
                <Properties document={document} fields={[]} root={inner} depth={depth + 1} />
              </details>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function fieldsOf(document: Document, schema: Schema): Field[] {
  const own = resolve(document, schema);
  const resolved = own?.items ? resolve(document, own.items) : own;
  return Object.entries(resolved?.properties ?? {})
    .filter(([name]) => name !== "$schema")
    .map(([name, property]) => ({ name, required: resolved?.required?.includes(name) ?? false, schema: property }));
}

/** The schema behind an object or an array of objects, as it is named. */
function innerSchema(document: Document, schema: Schema | undefined): Schema | undefined {
  const target = schema?.items ?? (typeof schema?.additionalProperties === "object" ? schema.additionalProperties : schema);
  return resolve(document, target)?.properties ? target : undefined;
}
