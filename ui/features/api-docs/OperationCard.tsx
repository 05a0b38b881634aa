"use client";
import { ChevronRight } from "lucide-react";
import { type ReactNode, useState } from "react";
import { cn } from "@/lib/cn";
import { curl, type Document, example, jsonContent, type Operation, type Schema } from "./openapi";
import { Properties } from "./Properties";

const methodTone: Record<string, string> = { get: "text-info", post: "text-accent", put: "text-detection", patch: "text-detection", delete: "text-alert" };

/** One operation; its parts are made when it is opened. */
export function OperationCard({ document, operation }: { document: Document; operation: Operation }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="group border-b border-line bg-surface last:border-b-0" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="flex min-h-11 list-none items-center gap-3 px-3 py-1.5 outline-offset-[-2px] hover:bg-raised [&::-webkit-details-marker]:hidden">
        <ChevronRight className="size-4 shrink-0 text-muted group-open:rotate-90" aria-hidden />
        <span className={cn("w-14 shrink-0 font-mono text-xs font-semibold uppercase", methodTone[operation.method])}>{operation.method}</span>
        <span className="min-w-0 flex-1 sm:flex sm:items-baseline sm:gap-3">
          <code className="break-all font-mono text-xs">{operation.path}</code>
          <span className="block truncate text-xs text-muted sm:ml-auto">{operation.summary}</span>
        </span>
      </summary>
      {open && <Details document={document} operation={operation} />}
    </details>
  );
}

function Details({ document, operation }: { document: Document; operation: Operation }) {
  const body = jsonContent(operation.requestBody?.content);
  const parameters = operation.parameters ?? [];
  return (
    <div className="space-y-5 border-t border-line bg-bg px-4 py-4">
      {operation.description && <p className="max-w-prose whitespace-pre-line">{operation.description}</p>}
      {parameters.length > 0 && (
        <Part title="Parameters">
          <Properties document={document} fields={parameters.map((p) => ({ name: p.name, note: p.in, required: p.required ?? false, schema: p.schema, description: p.description }))} />
        </Part>
      )}
      {body && (
        <Part title="Body">
          <SchemaView document={document} schema={body.schema} />
        </Part>
      )}
      <Part title="Answers">
        {Object.entries(operation.responses ?? {}).map(([status, response]) => (
          <Answer key={status} document={document} status={status} description={response.description} content={response.content} />
        ))}
      </Part>
      <Part title="Example">
        <Code>{curl(document, operation, window.location.origin)}</Code>
      </Part>
    </div>
  );
}

function Answer({ document, status, description, content }: { document: Document; status: string; description?: string; content?: Record<string, { schema?: Schema }> }) {
  const json = jsonContent(content);
  const ok = status.startsWith("2");
  return (
    <div className="mb-3">
      <p>
        <span className={cn("font-mono text-xs font-semibold", ok ? "text-accent" : "text-muted")}>{status}</span> <span className="text-muted">{description}</span>
        {!json && content && <span className="text-muted"> · {Object.keys(content).join(", ")}</span>}
      </p>
      {ok && json && (
        <div className="mt-2 space-y-2">
          <SchemaView document={document} schema={json.schema} />
          <Code>{JSON.stringify(example(document, json.schema), null, 2)}</Code>
        </div>
      )}
    </div>
  );
}

function SchemaView({ document, schema }: { document: Document; schema: Schema | undefined }) {
  return <Properties document={document} fields={[]} root={schema} />;
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-1.5 text-xs font-semibold text-muted">{title}</h3>
      {children}
    </section>
  );
}

function Code({ children }: { children: string }) {
  return (
    <pre tabIndex={0} aria-label="Example" className="max-h-96 overflow-auto rounded-md border border-line bg-surface p-3 font-mono text-xs leading-5">
      {children}
    </pre>
  );
}
