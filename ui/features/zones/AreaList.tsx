"use client";
import { CircleAlert, Pentagon, RotateCcw, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { Notice } from "@/components/Notice";
import { Button } from "@/components/ui/button";
import type { Area } from "@/lib/api/types";
import { type Draft, kindName } from "@/lib/areas";
import { cn } from "@/lib/cn";

const swatches: Record<Area["kind"], string> = { zone: "border-accent bg-accent/25", line: "border-info bg-info/25", motion_mask: "border-dashed border-muted bg-muted/25", object_mask: "border-detection bg-detection/25" };

interface AreaListProps {
  drafts: readonly Draft[];
  problems: ReadonlyMap<string, string[]>;
  selected: string | undefined;
  onSelect: (key: string) => void;
  onRemove: (key: string) => void;
  /** gives up what was drawn; absent where nothing was */
  onReset?: () => void;
  /** the form of the chosen one, shown in its place */
  children: ReactNode;
}

export function AreaList({ drafts, problems, selected, onSelect, onRemove, onReset, children }: AreaListProps) {
  return (
    <section aria-labelledby="areas" className="border-b border-line">
      <div className="flex h-11 items-center justify-between border-b border-line pl-3 pr-1">
        <h2 id="areas" className="text-sm font-semibold">
          Areas and lines
        </h2>
        {onReset && (
          <Button variant="ghost" onClick={onReset}>
            <RotateCcw aria-hidden />
            As configured
          </Button>
        )}
      </div>
      {drafts.length === 0 && (
        <Notice icon={Pentagon} title="Nothing is drawn yet" className="py-8">
          A zone says where something is, a line which way it goes; masks are what does not count.
        </Notice>
      )}
      <ul>
        {drafts.map((draft) => {
          const open = draft.key === selected;
          const wrong = problems.get(draft.key)?.[0];
          return (
            <li key={draft.key} data-testid="area" className={cn("border-b border-line last:border-b-0", open && "bg-raised")}>
              <div className="flex items-center">
                <button type="button" aria-expanded={open} onClick={() => onSelect(draft.key)} className="flex min-h-11 min-w-0 flex-1 items-center gap-2.5 px-3 text-left outline-offset-[-2px] hover:bg-raised">
                  <span aria-hidden className={cn("size-4 shrink-0 rounded-sm border-2", swatches[draft.kind])} />
                  <span className="min-w-0 flex-1 truncate font-medium">{draft.name || kindName[draft.kind]}</span>
                  {wrong && <CircleAlert className="size-4 shrink-0 text-alert" aria-label="Something is wrong with it" />}
                  <span className="shrink-0 text-xs text-muted">{draft.name ? kindName[draft.kind] : `${draft.points.length} corners`}</span>
                </button>
                <Button variant="ghost" size="icon" aria-label={`Remove ${draft.name || kindName[draft.kind]}`} onClick={() => onRemove(draft.key)}>
                  <Trash2 aria-hidden />
                </Button>
              </div>
              {open && children}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
