"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Upload, X } from "lucide-react";
import { type ChangeEvent, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { sentence } from "@/lib/api/errors";
import type { PluginReview } from "@/lib/api/plugin-types";
import { upload } from "@/lib/api/upload";
import { bytes } from "@/lib/format";
import { refetchPlugins } from "@/lib/queries/plugins";

const MAX_BYTES = 64 * 2 ** 20;

interface UploadButtonProps {
  onInstalled: (review: PluginReview) => void;
  /** with what to say of it; "" when another try begins */
  onRefused: (reason: string) => void;
}

/** Installs a bundle. It does not run before somebody approves it. */
export function UploadButton({ onInstalled, onRefused }: UploadButtonProps) {
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const abort = useRef<AbortController>(undefined);
  const [share, setShare] = useState<number>();
  const choose = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    event.target.value = ""; // so that the same file can be chosen again
    if (!file) return;
    onRefused("");
    if (file.size > MAX_BYTES) return onRefused(`${file.name} has ${bytes(file.size)}; a bundle may have 64 MB.`);
    abort.current = new AbortController();
    setShare(0);
    try {
      const review = await upload<PluginReview>("plugins", file, setShare, abort.current.signal);
      await refetchPlugins(client);
      onInstalled(review);
    } catch (error) {
      if (!abort.current.signal.aborted) onRefused(`${file.name} was not installed: ${sentence(error)}`);
    } finally {
      setShare(undefined);
    }
  };
  return (
    <>
      <input ref={input} type="file" accept=".tar.gz,.tgz,.njp,application/gzip" hidden aria-label="Bundle of a plugin" onChange={(event) => void choose(event)} />
      {share === undefined ? (
        <Button onClick={() => input.current?.click()}>
          <Upload aria-hidden />
          Install a bundle
        </Button>
      ) : (
        <div className="flex items-center gap-2">
          <Progress value={share} label="Upload of the bundle" className="w-32" />
          <span className="w-20 text-xs text-muted">{share < 1 ? `${Math.round(share * 100)} %` : "Checking…"}</span>
          <Button variant="ghost" size="icon" aria-label="Cancel the upload" onClick={() => abort.current?.abort()}>
            <X aria-hidden />
          </Button>
        </div>
      )}
    </>
  );
}
