"use client";
import { useQuery } from "@tanstack/react-query";
import { Download, Search } from "lucide-react";
import { useMemo, useState } from "react";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Failure } from "@/components/Notice";
import { buttonClass } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { apiURL } from "@/lib/base";
import { openapiQuery } from "@/lib/queries/system";
import { byTag, type Document } from "./openapi";
import { OperationCard } from "./OperationCard";

/** Page "API reference", drawn from the server's own description: what it says is what it does. */
export function ApiReference() {
  const query = useQuery(openapiQuery<Document>());
  const [filter, setFilter] = useState("");
  const document = query.data;
  const groups = useMemo(() => {
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    return (document ? byTag(document) : [])
      .map((group) => ({ ...group, operations: group.operations.filter((o) => words.every((w) => `${o.method} ${o.path} ${o.summary ?? ""} ${group.tag}`.toLowerCase().includes(w))) }))
      .filter((group) => group.operations.length > 0);
  }, [document, filter]);
  if (query.isError && !document) return <Failure error={query.error} retry={() => void query.refetch()} className="h-full" />;
  if (!document) return <ReferenceSkeleton />;
  const anchor = (tag: string) => `tag-${tag.replace(/\W+/g, "-").toLowerCase()}`;
  return (
    <div className="mx-auto flex max-w-6xl gap-8 px-4 max-sm:px-3">
      <HeaderSlot>
        <label className="relative max-w-xs flex-1">
          <Search className="pointer-events-none absolute left-2.5 top-1/2 size-3.5 -translate-y-1/2 text-muted" aria-hidden />
          <input type="search" value={filter} onChange={(e) => setFilter(e.target.value)} aria-label="Find an operation" placeholder="Find an operation" className="h-control w-full rounded-md border border-line bg-raised pl-8 pr-2 text-fg placeholder:text-muted md:h-7" />
        </label>
      </HeaderSlot>
      <nav aria-label="Groups" className="sticky top-0 w-40 shrink-0 self-start py-5 max-md:hidden">
        <ul>
          {groups.map((group) => (
            <li key={group.tag}>
              <a href={`#${anchor(group.tag)}`} className="flex h-8 items-center justify-between rounded-md px-2 text-muted hover:bg-raised hover:text-fg">
                {group.tag}
                <span className="text-xs">{group.operations.length}</span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div className="min-w-0 flex-1 py-5">
        <div className="flex flex-wrap items-start justify-between gap-3">
          <p className="max-w-prose text-muted">
            {document.info?.description ?? "Everything this user interface does, it does with these operations."} Errors are problem+json (RFC 9457). Sign in with POST /api/v1/auth/login and send the token as a Bearer token.
          </p>
          <a href={apiURL("openapi.json")} download="nightjar-openapi.json" className={buttonClass({})}>
            <Download aria-hidden />
            openapi.json
          </a>
        </div>
        {groups.length === 0 && <p className="py-12 text-center text-muted">No operation matches “{filter}”.</p>}
        {groups.map((group) => (
          <section key={group.tag} id={anchor(group.tag)} aria-labelledby={`${anchor(group.tag)}-title`} className="scroll-mt-2 pt-6">
            <h2 id={`${anchor(group.tag)}-title`} className="text-lg font-semibold">
              {group.tag}
            </h2>
            {group.description && <p className="text-muted">{group.description}</p>}
            <div className="mt-2 overflow-hidden rounded-lg border border-line">
              {group.operations.map((operation) => (
                <OperationCard key={operation.id} document={document} operation={operation} />
              ))}
            </div>
          </section>
        ))}
      </div>
    </div>
  );
}

function ReferenceSkeleton() {
  return (
    <div className="mx-auto max-w-4xl space-y-3 p-4" aria-busy aria-label="Loading">
      {[0, 1, 2, 3, 4, 5].map((i) => (
        <Skeleton key={i} className="h-11" />
      ))}
    </div>
  );
}
