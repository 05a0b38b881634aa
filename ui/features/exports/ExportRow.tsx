"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Download, FileCheck2, FileText, Film, Info, type LucideIcon, Play, Share2, Trash2, X } from "lucide-react";
import Link from "next/link";
import { type ReactNode, useState } from "react";
import { Confirm } from "@/components/Confirm";
import { CopyButton } from "@/components/CopyButton";
import { Badge, type Tone } from "@/components/ui/badge";
import { Button, buttonClass } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { useBootstrap, useCameraName } from "@/hooks/use-bootstrap";
import type { Export, ExportFile, ExportState } from "@/lib/api/recording-types";
import { serverURL } from "@/lib/base";
import { bytes } from "@/lib/format";
import { timelineHref } from "@/lib/links";
import { deleteExport, underWay } from "@/lib/queries/exports";
import { duration } from "@/lib/time/duration";
import { dateTime, dayRange } from "@/lib/time/zone";
import { modeName, progressText, stateNames } from "./export-model";
import { ShareDialog } from "./ShareDialog";

const tones: Record<ExportState, Tone> = { queued: "neutral", running: "info", done: "live", failed: "alert", cancelled: "neutral" };

/** One export: what it is of, how far it is, its files, and what can be done with them. */
export function ExportRow({ job }: { job: Export }) {
  const name = useCameraName();
  const [asking, setAsking] = useState<{ share: string } | "delete">();
  const client = useQueryClient();
  const user = useBootstrap().data?.user;
  const mine = user?.role === "admin" || user?.name === job.created_by;
  const running = underWay(job);
  const cameras = job.cameras.map(name).join(", ");
  const title = job.name || cameras;
  return (
    <li className="rounded-lg border border-line bg-surface" data-testid="export" data-state={job.state}>
      <div className="flex items-start gap-3 px-4 pb-2 pt-3 max-sm:px-3">
        <div className="min-w-0 flex-1">
          <h2 className="flex flex-wrap items-center gap-x-2 gap-y-1">
            <span className="min-w-0 truncate font-semibold">{title}</span>
            <Badge tone={tones[job.state]}>{stateNames[job.state] ?? job.state}</Badge>
            {job.evidence && <Badge tone="info">Evidence</Badge>}
          </h2>
          <p className="mt-0.5">
            {dayRange(job.from, job.to)} <span className="text-muted">· {duration(job.to - job.from)}</span>
          </p>
          <Facts>
            {job.name && cameras}
            {modeName(job)}
            {job.stream === "sub" && "small stream"}
            {job.bytes > 0 && bytes(job.bytes)}
            {job.created_by && `by ${job.created_by}`}
            {job.state === "done" && job.expires_at && `until ${dateTime(job.expires_at)}`}
          </Facts>
        </div>
        <div className="flex shrink-0 items-center gap-0.5">
          <Link href={timelineHref({ camera: job.cameras[0], t: job.from, range: job })} prefetch={false} aria-label={`Show ${title} in the timeline`} title="Show in the timeline" className={buttonClass({ variant: "ghost", size: "icon" })}>
            <Play aria-hidden />
          </Link>
          {mine && (
            <Button variant="ghost" size="icon" aria-label={running ? `Cancel ${title}` : `Delete ${title}`} title={running ? "Cancel" : "Delete"} onClick={() => setAsking("delete")}>
              {running ? <X aria-hidden /> : <Trash2 aria-hidden />}
            </Button>
          )}
        </div>
      </div>
      {running && (
        <div className="px-4 pb-3 max-sm:px-3">
          <Progress value={job.progress} label={`Progress of ${title}`} />
          <p className="mt-1 text-xs text-muted">{progressText(job)}</p>
        </div>
      )}
      {job.state === "failed" && (
        <p role="alert" className="px-4 pb-3 text-alert max-sm:px-3">
          {job.error || "It failed without a reason being given."}
        </p>
      )}
      {job.notes?.map((note) => (
        <p key={note} className="flex items-start gap-1.5 px-4 pb-2 text-xs text-detection max-sm:px-3">
          <Info className="mt-px size-3.5 shrink-0" aria-hidden />
          {note}
        </p>
      ))}
      {job.state === "done" && <Files job={job} onShare={(file) => setAsking({ share: file })} />}
      {typeof asking === "object" && <ShareDialog job={job} file={asking.share} onClose={() => setAsking(undefined)} />}
      <Confirm
        open={asking === "delete"}
        onClose={() => setAsking(undefined)}
        title={running ? "Cancel this export?" : "Delete this export?"}
        action={running ? "Cancel the export" : "Delete"}
        onConfirm={() => deleteExport(client, job.id)}
      >
        {running ? "What was made so far is thrown away." : "Its files are deleted, and links to them stop working."} The recording itself stays.
      </Confirm>
    </li>
  );
}

function Facts({ children }: { children: ReactNode[] }) {
  return <p className="mt-0.5 text-xs text-muted">{children.filter(Boolean).map((fact, i) => (i ? <span key={i}> · {fact}</span> : <span key={i}>{fact}</span>))}</p>;
}

const fileIcons: Record<ReturnType<typeof fileKind>, LucideIcon> = { video: Film, proof: FileCheck2, text: FileText };

function fileKind(name: string): "video" | "proof" | "text" {
  if (/\.(mp4|mkv|mov)$/i.test(name)) return "video";
  return /(\.zip|\.sig|\.json)$/i.test(name) ? "proof" : "text";
}

function Files({ job, onShare }: { job: Export; onShare: (file: string) => void }) {
  const name = useCameraName();
  if (job.files.length === 0) return <p className="px-4 pb-3 text-muted max-sm:px-3">It has no files.</p>;
  return (
    <ul aria-label="Files" className="border-t border-line">
      {job.files.map((file) => (
        <FileRow key={file.name} file={file} camera={file.camera && job.cameras.length > 1 ? name(file.camera) : undefined} onShare={() => onShare(file.name)} />
      ))}
    </ul>
  );
}

function FileRow({ file, camera, onShare }: { file: ExportFile; camera: string | undefined; onShare: () => void }) {
  const Icon = fileIcons[fileKind(file.name)];
  return (
    <li className="flex items-center gap-2.5 border-b border-line/60 px-4 py-1 last:border-b-0 max-sm:px-3">
      <Icon className="size-4 shrink-0 text-muted" aria-hidden />
      <div className="min-w-0 flex-1 py-1">
        <p className="truncate">
          {file.name}
          {camera && <span className="text-muted"> · {camera}</span>}
        </p>
        <p className="flex items-center gap-1 text-xs text-muted">
          {bytes(file.bytes)}
          {file.sha256 && (
            <>
              <span className="min-w-0 truncate font-mono text-2xs" title={`SHA-256 ${file.sha256}`}>
                · SHA-256 {file.sha256.slice(0, 12)}…
              </span>
              <CopyButton text={file.sha256} label={`Copy the SHA-256 of ${file.name}`} className="size-6 max-md:size-11" />
            </>
          )}
        </p>
      </div>
      <Button variant="ghost" size="icon" aria-label={`Share ${file.name} by link`} title="Share by link" onClick={onShare}>
        <Share2 aria-hidden />
      </Button>
      <a href={serverURL(file.url)} download={file.name} aria-label={`Download ${file.name}`} className={buttonClass({})}>
        <Download aria-hidden />
        <span className="max-sm:sr-only">Download</span>
      </a>
    </li>
  );
}
