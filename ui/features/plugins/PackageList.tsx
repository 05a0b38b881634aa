"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleAlert, ExternalLink, History, ShieldCheck, Trash2, X } from "lucide-react";
import { useState } from "react";
import { Confirm } from "@/components/Confirm";
import { CopyButton } from "@/components/CopyButton";
import { Section } from "@/components/Section";
import { Badge } from "@/components/ui/badge";
import { Button, buttonClass } from "@/components/ui/button";
import { Switch } from "@/components/ui/switch";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { Package, PackageVersion, PluginList } from "@/lib/api/plugin-types";
import { trustOf, whole } from "@/lib/notify";
import { approve, enablePlugin, removePlugin, removeVersion, rollBack } from "@/lib/queries/plugins";
import { dateTime } from "@/lib/time/zone";
import { ReviewDialog } from "./ReviewDialog";
import { UploadButton } from "./UploadButton";

interface Chosen {
  id: string;
  version: string;
}

/** Installed programs: who vouches for each, what it may do, which version runs. */
export function PackageList({ list }: { list: PluginList }) {
  const [review, setReview] = useState<Chosen>();
  const [refused, setRefused] = useState("");
  // What somebody has to decide or look at comes first.
  const sorted = [...list.plugins].sort((a, b) => rank(b) - rank(a) || a.name.localeCompare(b.name));
  return (
    <Section title="Plugins" action={<UploadButton onInstalled={(r) => setReview({ id: r.plugin.id, version: r.version.version })} onRefused={setRefused} />}>
      {refused && (
        <p role="alert" className="flex items-start gap-2 border-b border-line bg-alert/8 py-1.5 pl-4 pr-2">
          <CircleAlert className="mt-2 size-4 shrink-0 text-alert" aria-hidden />
          <span className="min-w-0 flex-1 break-words py-1.5">{refused}</span>
          <Button variant="ghost" size="icon" aria-label="Dismiss" onClick={() => setRefused("")}>
            <X aria-hidden />
          </Button>
        </p>
      )}
      <ul aria-label="Plugins">
        {sorted.map((p) => (
          <PackageRow key={p.id} plugin={p} onReview={(version) => setReview({ id: p.id, version })} />
        ))}
      </ul>
      <p className="border-t border-line px-4 py-2 text-xs text-muted">
        This machine runs programs for {list.platform}. {list.allow_unsigned ? "Plugins that nobody signed may be approved, as plugins.allow_unsigned says." : "Plugins that nobody signed cannot be approved; plugins.allow_unsigned in config.yaml would allow it."}
      </p>
      {review && <ReviewDialog key={`${review.id} ${review.version}`} id={review.id} version={review.version} onClose={() => setReview(undefined)} />}
    </Section>
  );
}

const waits = (p: Package) => p.versions.some((v) => v.state === "pending");
const rank = (p: Package) => (p.modified || (p.problem && p.active) ? 3 : waits(p) ? 2 : p.trust === "core" ? 0 : 1);

function PackageRow({ plugin: p, onReview }: { plugin: Package; onReview: (version: string) => void }) {
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  const [removing, setRemoving] = useState<Chosen>();
  const fail = (error: unknown) => void show(sentence(error), "alert");
  const enable = useMutation({ mutationFn: (on: boolean) => enablePlugin(client, p.id, on), onError: fail });
  const earlier = earlierVersion(p);
  const back = useMutation({ mutationFn: () => (p.previous || !earlier ? rollBack(client, p.id) : approve(client, p.id, earlier.version, earlier.sha256)), onSuccess: (now) => show(`${p.name} runs version ${now.active} again.`), onError: fail });
  const shown = p.versions.find((v) => v.version === p.active) ?? p.versions[0];
  const others = p.versions.filter((v) => v.version !== p.active);
  const trust = trustOf(p.trust);
  const core = p.trust === "core";
  return (
    <li className="border-b border-line px-4 py-3 last:border-b-0 max-sm:px-3" data-testid="package" data-package={p.id}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
        <h3 className="font-semibold">{p.name}</h3>
        <Badge tone={trust.look} title={trust.text}>
          {trust.name}
        </Badge>
        {p.modified && <Badge tone="alert">Changed on disk</Badge>}
        <span className="min-w-0 truncate text-xs text-muted">
          {p.active ? `version ${p.active}` : "no version is approved"}
          {!core && ` · ${p.id}`}
          {shown?.signer_name && ` · signed by ${shown.signer_name}`}
        </span>
        <span className="flex-1" />
        {!core && p.active && <Switch checked={p.enabled} disabled={enable.isPending} onCheckedChange={(on) => enable.mutate(on)} aria-label={`${p.name} may run`} />}
      </div>
      {p.problem && (
        <p className="mt-1 flex gap-2">
          <CircleAlert className="mt-0.5 size-4 shrink-0 text-detection" aria-hidden />
          {whole(p.problem)}
        </p>
      )}
      {shown && <May version={shown} />}
      <p className="mt-1 text-xs text-muted">{p.notifiers.length === 0 ? "No notifier uses it." : `Used by ${p.notifiers.join(", ")}.`}</p>
      {others.length > 0 && (
        <ul className="mt-2 space-y-1.5" aria-label={`Other versions of ${p.name}`}>
          {others.map((v) => (
            <OtherVersion key={v.version} version={v} upgrade={p.active !== ""} onReview={() => onReview(v.version)} onRemove={() => setRemoving({ id: p.id, version: v.version })} />
          ))}
        </ul>
      )}
      {!core && (
        <div className="mt-2 flex flex-wrap gap-2">
          {shown?.homepage && /^https?:/.test(shown.homepage) && (
            <a href={shown.homepage} target="_blank" rel="noreferrer" className={buttonClass({})}>
              <ExternalLink aria-hidden />
              Homepage
            </a>
          )}
          {earlier && (
            <Button disabled={back.isPending} onClick={() => back.mutate()}>
              <History aria-hidden />
              {back.isPending ? "Starting it once…" : `Back to ${earlier.version}`}
            </Button>
          )}
          <Button variant="ghost" onClick={() => setRemoving({ id: p.id, version: "" })}>
            <Trash2 aria-hidden />
            Remove
          </Button>
        </div>
      )}
      <Confirm
        open={removing !== undefined}
        onClose={() => setRemoving(undefined)}
        title={removing?.version ? `Remove version ${removing.version}?` : `Remove ${p.name}?`}
        action="Remove"
        onConfirm={() => (removing?.version ? removeVersion(client, p.id, removing.version) : removePlugin(client, p.id))}
      >
        {removing?.version ? "Its files are deleted. The version that runs stays." : "All its versions are deleted. It can be installed again from its bundle."}
      </Confirm>
    </li>
  );
}

/** What to go back to. A failed upgrade leaves no version before the one that runs; one that was approved and ran is known all the same. */
function earlierVersion(p: Package): PackageVersion | undefined {
  if (p.previous) return p.versions.find((v) => v.version === p.previous);
  const ran = p.versions.filter((v) => v.version !== p.active && v.state === "approved" && v.sha256 !== "");
  return ran.sort((a, b) => b.approved_at - a.approved_at)[0];
}

/** What a version may do, in plain words. */
function May({ version }: { version: PackageVersion }) {
  if (version.permissions.length === 0) return <p className="mt-1 text-muted">It may do nothing but write its log.</p>;
  return (
    <details className="mt-1">
      <summary className="inline-block py-0.5 text-muted hover:text-fg">
        May {version.permissions.length === 1 ? "do one thing" : `do ${version.permissions.length} things`}: {version.permissions.map((p) => lower(p.text)).join("; ")}
      </summary>
      <dl className="mt-1 space-y-0.5 pl-4 text-xs">
        {version.permissions.map((p) => (
          <div key={p.name} className="flex flex-wrap gap-x-2">
            <dt>{whole(p.text)}</dt>
            <dd className="font-mono text-muted">{p.name}</dd>
          </div>
        ))}
        {version.sha256 && (
          <div className="flex items-center gap-2">
            <dt className="text-muted">SHA-256</dt>
            <dd className="min-w-0 break-all font-mono text-muted">{version.sha256}</dd>
            <CopyButton text={version.sha256} label="Copy the SHA-256" className="size-6" />
          </div>
        )}
      </dl>
    </details>
  );
}

const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "");

interface OtherVersionProps {
  version: PackageVersion;
  /** another version runs */
  upgrade: boolean;
  onReview: () => void;
  onRemove: () => void;
}

function OtherVersion({ version: v, upgrade, onReview, onRemove }: OtherVersionProps) {
  const words = { pending: "waits for approval", approved: "was approved before", rolled_back: "was rolled back" }[v.state];
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-md border border-line bg-bg px-3 py-1.5">
      <span className="min-w-0 flex-1 basis-48">
        <b className="font-medium">Version {v.version}</b> {words}
        <span className="text-xs text-muted">
          {v.installed_at > 0 && ` · installed ${dateTime(v.installed_at)}${v.installed_by ? ` by ${v.installed_by}` : ""}`}
          {v.reason && ` · ${whole(v.reason)}`}
        </span>
      </span>
      <Button variant={v.state === "pending" ? "primary" : "outline"} onClick={onReview}>
        <ShieldCheck aria-hidden />
        {v.state === "pending" ? (upgrade ? "Review upgrade" : "Review") : "Review again"}
      </Button>
      <Button variant="ghost" size="icon" aria-label={`Remove version ${v.version}`} onClick={onRemove}>
        <Trash2 aria-hidden />
      </Button>
    </li>
  );
}
