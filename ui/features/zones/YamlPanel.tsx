"use client";
import { Check, Copy } from "lucide-react";
import { useMemo, useState } from "react";
import { Command } from "@/components/Command";
import { Button } from "@/components/ui/button";
import { type Draft, yamlOf } from "@/lib/areas";
import { copyText } from "@/lib/save";

interface YamlPanelProps {
  camera: string;
  drafts: readonly Draft[];
  /** how many areas something is wrong with */
  faulty: number;
  /** it differs from what is configured, as far as we know */
  changed: boolean;
}

/** The drawing as config.yaml says it, to be copied: nothing is changed from here. */
export function YamlPanel({ camera, drafts, faulty, changed }: YamlPanelProps) {
  const text = useMemo(() => yamlOf(camera, drafts), [camera, drafts]);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(text))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  if (drafts.length === 0) return null;
  return (
    <section aria-labelledby="yaml" className="p-3">
      <div className="flex items-center justify-between gap-2">
        <h2 id="yaml" className="text-sm font-semibold">
          For config.yaml
        </h2>
        <Button variant={changed ? "primary" : "outline"} disabled={faulty > 0} onClick={() => void copy()}>
          {copied ? <Check aria-hidden /> : <Copy aria-hidden />}
          {copied ? "Copied" : "Copy"}
        </Button>
      </div>
      {faulty > 0 && (
        <p role="status" className="mt-1 text-xs text-alert">
          {faulty === 1 ? "Something is wrong with one area" : `Something is wrong with ${faulty} areas`}; it is marked above.
        </p>
      )}
      <pre tabIndex={0} aria-label="Configuration" data-testid="yaml" className="mt-2 overflow-x-auto rounded-md border border-line bg-bg p-2.5 font-mono text-xs leading-5">
        {text}
      </pre>
      <ol className="mt-3 list-decimal space-y-1.5 pl-5 text-xs text-muted">
        <li>Put this into config.yaml in place of the zones, lines and masks of this camera; its other keys stay.</li>
        <li>
          Check it: <Command>nightjar check -c config.yaml</Command>
        </li>
        <li>Restart Nightjar.</li>
      </ol>
    </section>
  );
}
