"use client";
import { Bookmark, Download } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { useHotkeys } from "@/hooks/use-hotkeys";

// Loaded when they are wanted: the timeline is to be there first.
const ExportDialog = dynamic(() => import("./ExportDialog").then((module) => module.ExportDialog));
const KeepDialog = dynamic(() => import("./KeepDialog").then((module) => module.KeepDialog));

interface SelectionActionsProps {
  range: { from: number; to: number };
  cameras: string[];
}

/** What can be done with a selected stretch of the timeline. */
export function SelectionActions({ range, cameras }: SelectionActionsProps) {
  const [open, setOpen] = useState<"export" | "keep">();
  useHotkeys({ e: () => setOpen("export") });
  const dialog = { range, cameras, onClose: () => setOpen(undefined) };
  return (
    <>
      <Button variant="primary" title="Export  E" aria-keyshortcuts="e" onClick={() => setOpen("export")}>
        <Download aria-hidden />
        Export
      </Button>
      <Button title="Protect from deletion" onClick={() => setOpen("keep")}>
        <Bookmark aria-hidden />
        Keep
      </Button>
      {open === "export" && <ExportDialog {...dialog} />}
      {open === "keep" && <KeepDialog {...dialog} />}
    </>
  );
}
