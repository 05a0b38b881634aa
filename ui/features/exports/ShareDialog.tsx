"use client";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Segmented } from "@/components/ui/segmented";
import { Select } from "@/components/ui/select";
import { sentence } from "@/lib/api/errors";
import type { Export, ShareLink } from "@/lib/api/recording-types";
import { shareURL } from "@/lib/base";
import { bytes } from "@/lib/format";
import { copyText } from "@/lib/save";
import { shareExport } from "@/lib/queries/exports";
import { dateTime } from "@/lib/time/zone";
import { lifetimes } from "./export-model";

const options = lifetimes.map((l) => ({ value: String(l.seconds), label: l.label }));

/** Makes a link to one file that works without signing in until it expires. */
export function ShareDialog({ job, file: first, onClose }: { job: Export; file: string; onClose: () => void }) {
  const [file, setFile] = useState(first);
  const [seconds, setSeconds] = useState(options[1]!.value);
  const [link, setLink] = useState<ShareLink>();
  const [copied, setCopied] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const change = (apply: () => void) => {
    apply();
    setLink(undefined); // it was for other terms
    setCopied(false);
  };
  const create = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const made = await shareExport(job.id, file, Number(seconds));
      setLink(made);
      setCopied(await copyText(shareURL(made.url)));
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const url = link && shareURL(link.url);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Share by link" description="A link to one file of this export" className="sm:max-w-lg">
      <div className="space-y-4 px-4 py-4">
        <p className="text-muted">Whoever has the link can download the file without signing in, until it expires or the export is deleted.</p>
        {job.files.length > 1 && (
          <Select label="File" value={file} onChange={(event) => change(() => setFile(event.target.value))} className="w-full">
            {job.files.map((f) => (
              <option key={f.name} value={f.name}>
                {f.name} ({bytes(f.bytes)})
              </option>
            ))}
          </Select>
        )}
        <div className="flex items-center gap-3">
          <span aria-hidden className="text-xs font-medium text-muted">
            Works for
          </span>
          <Segmented label="Works for" value={seconds} options={options} onChange={(value) => change(() => setSeconds(value))} />
        </div>
        {url && (
          <div>
            <div className="flex gap-2">
              <input readOnly aria-label="Link" value={url} onFocus={(event) => event.target.select()} className="h-control min-w-0 flex-1 rounded-md border border-line bg-bg px-2.5 font-mono text-xs text-fg" />
              <Button onClick={() => void copyText(url).then(setCopied)}>Copy</Button>
            </div>
            <p role="status" className="mt-1.5 text-xs text-muted">
              {copied ? "Copied. " : ""}Works until {dateTime(link.expires_at)}.
            </p>
          </div>
        )}
        {error !== undefined && (
          <p role="alert" className="text-alert">
            {sentence(error)}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{url ? "Done" : "Cancel"}</Button>
          {!url && (
            <Button variant="primary" disabled={busy || !file} onClick={() => void create()}>
              Create and copy link
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}
