"use client";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Segmented } from "@/components/ui/segmented";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useToasts } from "@/hooks/use-toasts";
import { sentence } from "@/lib/api/errors";
import { addHold } from "@/lib/queries/holds";
import { duration } from "@/lib/time/duration";
import { dayRange } from "@/lib/time/zone";
import { CameraPick } from "./CameraPick";

interface KeepDialogProps {
  range: { from: number; to: number };
  cameras: string[];
  onClose: () => void;
}

/** Keeps footage from being deleted by retention. Is mounted while it is open. */
export function KeepDialog({ range, cameras, onClose }: KeepDialogProps) {
  const admin = useBootstrap().data?.user.role === "admin";
  const client = useQueryClient();
  const show = useToasts((s) => s.show);
  const [chosen, setChosen] = useState(cameras);
  const [kind, setKind] = useState<"favourite" | "legal">("favourite");
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    addHold(client, { kind, cameras: chosen, from: Math.round(range.from), to: Math.round(range.to), note: note.trim() })
      .then(() => {
        show("This footage is kept.", "neutral", { link: { href: "/exports/?tab=kept", label: "Kept" } });
        onClose();
      }, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Keep this footage" description="It is then not deleted when its time is over" className="sm:max-w-lg">
      <form onSubmit={submit} className="space-y-4 px-4 py-4">
        <p>
          <b className="font-medium">{dayRange(range.from, range.to)}</b> <span className="text-muted">({duration(range.to - range.from)})</span>
          <span className="mt-0.5 block text-muted">It stays, however full the disk gets, until someone removes it from the list of what is kept.</span>
        </p>
        <CameraPick chosen={chosen} onChange={setChosen} />
        {admin && (
          <div>
            <Segmented
              label="Kind"
              value={kind}
              onChange={setKind}
              options={[
                { value: "favourite", label: "Favourite" },
                { value: "legal", label: "Legal hold" },
              ]}
            />
            <p className="mt-1 text-xs text-muted">{kind === "legal" ? "Only an administrator can remove a legal hold." : "You or an administrator can remove it again."}</p>
          </div>
        )}
        <label className="block">
          <span className="mb-1.5 block text-xs font-medium text-muted">Note</span>
          <input value={note} maxLength={200} onChange={(event) => setNote(event.target.value)} placeholder="Why it matters, a case number" className="h-control w-full rounded-md border border-line bg-bg px-2.5 text-fg placeholder:text-muted/70" />
        </label>
        {error !== undefined && (
          <p role="alert" className="text-alert">
            {sentence(error)}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" disabled={busy || chosen.length === 0}>
            Keep
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
