"use client";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useId, useMemo, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Segmented } from "@/components/ui/segmented";
import { Select } from "@/components/ui/select";
import { Switch } from "@/components/ui/switch";
import { useCameraName } from "@/hooks/use-bootstrap";
import { useDebounced } from "@/hooks/use-debounced";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import type { ExportRequest } from "@/lib/api/recording-types";
import { cn } from "@/lib/cn";
import { bytes } from "@/lib/format";
import { estimateQuery, startExport } from "@/lib/queries/exports";
import { duration } from "@/lib/time/duration";
import { dayRange } from "@/lib/time/zone";
import { CameraPick } from "./CameraPick";
import { emptyForm, estimateKey, estimateText, EVIDENCE, type ExportForm, modes, NO_EVIDENCE, requestOf, SPEEDS } from "./export-model";
import { useWatched } from "./store";

interface ExportDialogProps {
  range: { from: number; to: number };
  cameras: string[];
  onClose: () => void;
}

/** Is mounted while it is open, so that each time it begins with what is selected then. */
export function ExportDialog({ range, cameras, onClose }: ExportDialogProps) {
  const [form, setForm] = useState<ExportForm>(() => emptyForm(cameras));
  const set = (change: Partial<ExportForm>) => setForm({ ...form, ...change });
  const request = useMemo(() => requestOf(form, range), [form, range]);
  const { start, busy, error } = useStart(onClose);
  const timelapse = form.mode === "timelapse";
  const id = useId();
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Export" description="Make files of the selected footage" className="sm:max-w-xl">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (request) start(request);
        }}
        className="space-y-4 px-4 py-4"
      >
        <p className="font-medium">
          {dayRange(range.from, range.to)} <span className="font-normal text-muted">({duration(range.to - range.from)})</span>
        </p>
        <CameraPick chosen={form.cameras} onChange={(chosen) => set({ cameras: chosen })} />
        <Modes form={form} set={set} />
        {timelapse && (
          <Row label="Speed">
            <Select label="Speed" value={String(form.speed)} onChange={(event) => set({ speed: Number(event.target.value) })} className="w-48">
              {SPEEDS.map((speed) => (
                <option key={speed} value={speed}>
                  {speed} ×, {duration((range.to - range.from) / speed)}
                </option>
              ))}
            </Select>
          </Row>
        )}
        <Row label="Quality">
          <Segmented label="Quality" value={form.stream} onChange={(stream) => set({ stream })} options={[{ value: "main", label: "Full" }, { value: "sub", label: "Small" }]} />
        </Row>
        <div className="flex items-start gap-3 rounded-md border border-line bg-raised px-3 py-2.5">
          <div className="min-w-0 flex-1">
            <label htmlFor={`${id}-evidence`} className="font-medium">
              Evidence package
            </label>
            <p id={`${id}-what`} className="text-xs text-muted">
              {timelapse ? NO_EVIDENCE : EVIDENCE}
            </p>
          </div>
          <Switch id={`${id}-evidence`} aria-describedby={`${id}-what`} checked={form.evidence && !timelapse} disabled={timelapse} onCheckedChange={(evidence) => set({ evidence })} className="mt-1" />
        </div>
        <label className="block">
          <span className="mb-1.5 block text-xs font-medium text-muted">Name (optional)</span>
          <input value={form.name} maxLength={100} onChange={(event) => set({ name: event.target.value })} placeholder="What it is about" className="h-control w-full rounded-md border border-line bg-bg px-2.5 text-fg placeholder:text-muted/70" />
        </label>
        <div className="sticky bottom-0 -mx-4 -mb-4 flex flex-wrap items-center gap-x-3 gap-y-2 border-t border-line bg-surface px-4 py-3">
          <div className="min-w-0 flex-1 basis-52">
            <EstimateLine request={request} />
            {error !== undefined && (
              <p role="alert" className="text-alert">
                {sentence(error)}
              </p>
            )}
          </div>
          <Button variant="primary" type="submit" disabled={!request || busy}>
            {busy ? "Starting…" : "Start export"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Row({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex items-center gap-3">
      <span aria-hidden className="w-16 shrink-0 text-xs font-medium text-muted">
        {label}
      </span>
      {children}
    </div>
  );
}

function Modes({ form, set }: { form: ExportForm; set: (change: Partial<ExportForm>) => void }) {
  const name = useId();
  return (
    <fieldset>
      <legend className="mb-1.5 text-xs font-medium text-muted">How</legend>
      <div className="divide-y divide-line overflow-hidden rounded-md border border-line">
        {modes.map((mode) => (
          <label key={mode.value} className={cn("flex cursor-pointer items-start gap-2.5 px-3 py-2", form.mode === mode.value ? "bg-accent/8" : "hover:bg-raised")}>
            <input type="radio" name={name} value={mode.value} checked={form.mode === mode.value} onChange={() => set({ mode: mode.value })} className="mt-1 accent-accent" />
            <span>
              <span className="font-medium">{mode.label}</span>
              <span className="block text-xs text-muted">{mode.what}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

const WAIT_MS = 350;

/** Size before anything is started; the line is always there, so that nothing moves. */
function EstimateLine({ request }: { request: ExportRequest | undefined }) {
  const key = useDebounced(request, WAIT_MS);
  const query = useQuery({ ...estimateQuery(estimateKey(key ?? { cameras: [], from: 0, to: 0, mode: "copy" })), enabled: key !== undefined, placeholderData: keepPreviousData });
  const name = useCameraName();
  if (!request) return <p className="text-muted">Choose a camera.</p>;
  if (query.isError) return <p role="alert" className="text-alert">{sentence(query.error)}</p>;
  if (!query.data) return <p className="animate-breathe text-muted">Computing the size…</p>;
  const { cameras } = query.data;
  return (
    <div aria-live="polite" className={cn((query.isPlaceholderData || key !== request) && "opacity-60")} data-testid="estimate">
      <p>{estimateText(query.data)}</p>
      {cameras.length > 1 && (
        <p className="text-xs text-muted">{cameras.map((c) => `${name(c.id)} ${c.duration_ms > 0 ? bytes(c.bytes) : "nothing"}`).join(" · ")}</p>
      )}
    </div>
  );
}

function useStart(onStarted: () => void) {
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  const watch = useWatched((s) => s.watch);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const start = (request: ExportRequest) => {
    setBusy(true);
    setError(undefined);
    startExport(client, request)
      .then((job) => {
        watch(job.id, show("The export has begun.", "neutral", { progress: 0, link: { href: "/exports/", label: "Exports" } }));
        onStarted();
      }, setError)
      .finally(() => setBusy(false));
  };
  return { start, busy, error };
}
