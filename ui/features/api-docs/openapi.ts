// The parts of an OpenAPI 3.1 document that the reference shows, read without trust: what is missing is left out.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  default?: unknown;
  examples?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

interface Content {
  schema?: Schema;
}

export interface OperationObject {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Record<string, Content> };
  responses?: Record<string, { description?: string; content?: Record<string, Content> }>;
  security?: Record<string, string[]>[];
}

export interface Document {
  info?: { title?: string; version?: string; description?: string };
  tags?: { name: string; description?: string }[];
  security?: Record<string, string[]>[];
  paths?: Record<string, Record<string, OperationObject>>;
  components?: { schemas?: Record<string, Schema> };
}

export interface Operation extends OperationObject {
  id: string;
  method: string;
  path: string;
}

const methods = ["get", "post", "put", "patch", "delete"];

/** Operations by tag, in the order of the document; what has no tag comes last. */
export function byTag(document: Document): { tag: string; description?: string; operations: Operation[] }[] {
  const groups = new Map<string, Operation[]>((document.tags ?? []).map((t) => [t.name, []]));
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of methods) {
      const operation = item[method];
      if (!operation) continue;
      const tag = operation.tags?.[0] ?? "Other";
      const id = operation.operationId ?? `${method}-${path.replace(/\W+/g, "-")}`;
      groups.set(tag, [...(groups.get(tag) ?? []), { ...operation, id, method, path }]);
    }
  }
  return [...groups]
    .filter(([, operations]) => operations.length > 0)
    .map(([tag, operations]) => ({ tag, description: document.tags?.find((t) => t.name === tag)?.description, operations }));
}

export const refName = (ref: string): string => ref.split("/").pop() ?? ref;

export function resolve(document: Document, schema: Schema | undefined): Schema | undefined {
  return schema?.$ref ? document.components?.schemas?.[refName(schema.$ref)] : schema;
}

/** "string (date-time)", "array of Camera", "integer, 1 to 500": one line. */
export function typeText(schema: Schema | undefined): string {
  if (!schema) return "any";
  if (schema.$ref) return refName(schema.$ref);
  const types = (Array.isArray(schema.type) ? schema.type : [schema.type ?? (schema.properties ? "object" : "any")]).filter((t) => t !== "null");
  let text = types.join(" or ");
  if (types.includes("array")) text = `array of ${typeText(schema.items)}`;
  else if (types.includes("object") && typeof schema.additionalProperties === "object") text = `map to ${typeText(schema.additionalProperties)}`;
  if (schema.format) text += ` (${schema.format})`;
  if (schema.enum) text += `: ${schema.enum.map((v) => JSON.stringify(v)).join(" | ")}`;
  if (schema.minimum !== undefined || schema.maximum !== undefined) text += `, ${schema.minimum ?? ""}…${schema.maximum ?? ""}`;
  return text;
}

/** An example value; `depth` ends types that hold themselves. */
export function example(document: Document, schema: Schema | undefined, depth = 0): unknown {
  const s = resolve(document, schema);
  if (!s || depth > 4) return null;
  if (s.examples?.length) return s.examples[0];
  if (s.default !== undefined) return s.default;
  if (s.enum?.length) return s.enum[0];
  const type = Array.isArray(s.type) ? s.type.find((t) => t !== "null") : s.type;
  if (type === "object" || s.properties) {
    return Object.fromEntries(
      Object.entries(s.properties ?? {})
        .filter(([name]) => name !== "$schema")
        .map(([name, property]) => [name, example(document, property, depth + 1)]),
    );
  }
  if (type === "array") return [example(document, s.items, depth + 1)];
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return s.minimum ?? 1;
  return s.format === "date-time" ? "2026-01-31T12:00:00.000Z" : "text";
}

export function jsonContent(content: Record<string, Content> | undefined): Content | undefined {
  return content && (content["application/json"] ?? content["application/problem+json"]);
}

/** A command that can be pasted: quoted for a shell, token and path values as variables. */
export function curl(document: Document, operation: Operation, origin: string): string {
  const query = (operation.parameters ?? [])
    .filter((p) => p.in === "query" && p.required)
    .map((p) => `${p.name}=${String(example(document, p.schema))}`)
    .join("&");
  const lines = [`curl ${operation.method === "get" ? "" : `-X ${operation.method.toUpperCase()} `}"${origin}${operation.path.replace(/\{(\w+)\}/g, (_, name: string) => `$${name.toUpperCase()}`)}${query ? `?${query}` : ""}"`];
  const isPublic = (operation.security ?? document.security)?.length === 0;
  if (!isPublic) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  const body = jsonContent(operation.requestBody?.content);
  if (body) {
    lines.push(`-H "Content-Type: application/json"`);
    lines.push(`-d '${JSON.stringify(example(document, body.schema)).replaceAll("'", "'\\''")}'`);
  }
  return lines.join(" \\\n  ");
}
