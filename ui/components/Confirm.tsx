"use client";
import { type ReactNode, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { sentence } from "@/lib/api/errors";

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** what will be gone, and what will not */
  children: ReactNode;
  action: string;
  /** the other button */
  keep?: string;
  /** The dialog stays, with the server's sentence, if this is refused. */
  onConfirm: () => Promise<unknown>;
}

/** Asked before footage or what was made of it is given up; everything else can simply be done. */
export function Confirm({ open, onClose, title, children, action, keep = "Keep it", onConfirm }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const close = () => {
    setError(undefined);
    onClose();
  };
  const confirm = () => {
    setBusy(true);
    onConfirm()
      .then(close, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog open={open} onOpenChange={(next) => !next && close()} title={title} className="sm:max-w-md">
      <div className="px-4 py-4">{children}</div>
      {error !== undefined && (
        <p role="alert" className="px-4 pb-3 text-alert">
          {sentence(error)}
        </p>
      )}
      <div className="flex justify-end gap-2 border-t border-line px-4 py-3">
        <Button onClick={close}>{keep}</Button>
        <Button variant="danger" disabled={busy} onClick={confirm}>
          {action}
        </Button>
      </div>
    </Dialog>
  );
}
