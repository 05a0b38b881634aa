"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Minus, Plus, ShieldAlert, ShieldCheck } from "lucide-react";
import type { ReactNode } from "react";
import { CopyButton } from "@/components/CopyButton";
import { Failure } from "@/components/Notice";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { Permission, PluginReview } from "@/lib/api/plugin-types";
import { trustOf, whole } from "@/lib/notify";
import { approve, reviewQuery } from "@/lib/queries/plugins";

/** What there is to decide before a program may run: who made it, what it may do, and which bytes exactly. */
export function ReviewDialog({ id, version, onClose }: { id: string; version: string; onClose: () => void }) {
  const query = useQuery(reviewQuery(id, version));
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={query.data ? `${query.data.plugin.name} ${version}` : id} description="Decide whether this program may run" className="sm:max-w-xl">
      {query.isError && !query.data ? <Failure error={query.error} retry={() => void query.refetch()} /> : query.data ? <Review review={query.data} onClose={onClose} /> : <Skeleton className="m-4 h-48" />}
    </Dialog>
  );
}

function Review({ review, onClose }: { review: PluginReview; onClose: () => void }) {
  const { plugin, version, from } = review;
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  const decide = useMutation({
    mutationFn: () => approve(client, plugin.id, version.version, version.sha256),
    onSuccess: (now) => {
      show(`${now.name} ${now.active} may run.`);
      onClose();
    },
  });
  const trust = trustOf(version.trust);
  const Icon = trust.look === "live" ? ShieldCheck : ShieldAlert;
  const kept = version.permissions.filter((p) => !review.added.some((a) => a.name === p.name));
  return (
    <div data-testid="review">
      <div className="space-y-4 px-4 py-4">
        <p className="flex gap-2">
          <Icon className={trust.look === "live" ? "mt-0.5 size-4 shrink-0 text-accent" : "mt-0.5 size-4 shrink-0 text-detection"} aria-hidden />
          <span>
            <b className="font-semibold">{trust.name}</b>
            {version.signer_name && ` by ${version.signer_name}`}. <span className="text-muted">{trust.text}</span>
            {version.signer && !version.signer_name && <span className="text-muted"> The key is {version.signer}.</span>}
          </span>
        </p>
        {review.signer_changed && (
          <p role="alert" className="rounded-md border border-detection/40 bg-detection/8 px-3 py-2">
            Version {from}, which runs now, was signed with another key. Ask its author whether that is right.
          </p>
        )}
        {from ? (
          <>
            <Permissions title={`It asks for more than version ${from}`} list={review.added} tone="more" />
            <Permissions title={`It no longer asks for`} list={review.removed} tone="less" />
            {review.added.length + review.removed.length === 0 && <p>It asks for nothing that version {from} has not.</p>}
            <Permissions title="It may still" list={kept} />
          </>
        ) : version.permissions.length > 0 ? (
          <Permissions title="It may then" list={version.permissions} />
        ) : (
          <p>It may do nothing but write its log.</p>
        )}
        <dl className="grid grid-cols-2 gap-x-4 gap-y-2 sm:grid-cols-3">
          <Fact name="Platforms">{version.platforms.join(", ") || "–"}</Fact>
          <Fact name="Memory">{version.memory_mb > 0 ? `${version.memory_mb} MB` : "the usual"}</Fact>
          <Fact name="Licence">{version.licence || "not named"}</Fact>
        </dl>
        <div>
          <p className="text-xs text-muted">SHA-256 of the program, which is what you approve</p>
          <p className="flex items-center gap-1 break-all font-mono text-xs">
            {version.sha256 || "It has no program for this machine."}
            {version.sha256 && <CopyButton text={version.sha256} label="Copy the SHA-256" className="size-7" />}
          </p>
        </div>
        {decide.isError && (
          <p role="alert" className="rounded-md border border-alert/40 bg-alert/8 px-3 py-2">
            {sentence(decide.error)}
          </p>
        )}
      </div>
      <div className="flex justify-end gap-2 border-t border-line px-4 py-3">
        <Button onClick={onClose}>Not now</Button>
        <Button variant="primary" disabled={decide.isPending || version.sha256 === ""} onClick={() => decide.mutate()}>
          <ShieldCheck aria-hidden />
          {decide.isPending ? "Starting it once…" : from ? `Upgrade from ${from}` : "Approve"}
        </Button>
      </div>
    </div>
  );
}

const marks = {
  more: { icon: Plus, className: "text-detection", word: "New: " },
  less: { icon: Minus, className: "text-accent", word: "Gone: " },
} as const;

function Permissions({ title, list, tone }: { title: string; list: readonly Permission[]; tone?: keyof typeof marks }) {
  if (list.length === 0) return null;
  const mark = tone && marks[tone];
  return (
    <div>
      <h3 className="mb-1 flex items-center gap-2 font-semibold">
        {title}
        {tone === "more" && <Badge tone="warn">{list.length} new</Badge>}
      </h3>
      <ul className="space-y-1">
        {list.map((p) => (
          <li key={p.name} className="flex items-start gap-2">
            {mark ? <mark.icon className={`mt-0.5 size-4 shrink-0 ${mark.className}`} aria-hidden /> : <span className="mt-2 size-1.5 shrink-0 rounded-full bg-muted" aria-hidden />}
            <span>
              {mark && <span className="sr-only">{mark.word}</span>}
              {whole(p.text)} <span className="break-all font-mono text-xs text-muted">{p.name}</span>
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-muted">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
