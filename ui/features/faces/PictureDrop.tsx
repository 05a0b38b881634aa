"use client";
import { Check, CircleAlert, ImagePlus, LoaderCircle, X } from "lucide-react";
import { useEffect, useState } from "react";
import { cn } from "@/lib/cn";
import type { Picture } from "./upload";

interface PictureDropProps {
  pictures: readonly Picture[];
  onAdd: (files: File[]) => void;
  onRemove: (picture: Picture) => void;
  disabled?: boolean;
}

/** Pictures are dropped, pasted or chosen here; each shows itself and what the server said of it. */
export function PictureDrop({ pictures, onAdd, onRemove, disabled }: PictureDropProps) {
  const [over, setOver] = useState(false);
  return (
    <div
      onDragOver={(event) => {
        event.preventDefault();
        setOver(!disabled);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (!disabled) onAdd([...event.dataTransfer.files]);
      }}
      onPaste={(event) => !disabled && event.clipboardData.files.length > 0 && onAdd([...event.clipboardData.files])}
    >
      <label className={cn("flex min-h-24 cursor-pointer flex-col items-center justify-center gap-1 rounded-lg border border-dashed px-4 py-3 text-center focus-within:outline-2 focus-within:outline-accent", over ? "border-accent bg-accent/10" : "border-muted/50 bg-bg hover:border-muted", disabled && "pointer-events-none opacity-45")}>
        <ImagePlus className="size-5 text-muted" aria-hidden strokeWidth={1.5} />
        <span className="font-medium">
          <span className="max-sm:hidden">Drop pictures here, or choose them</span>
          <span className="sm:hidden">Choose or take pictures</span>
        </span>
        <span className="text-xs text-muted">JPEG or PNG, with this person’s face only, large and from the front</span>
        <input
          type="file"
          accept="image/jpeg,image/png"
          multiple
          disabled={disabled}
          aria-label="Pictures"
          className="sr-only"
          onChange={(event) => {
            onAdd([...(event.target.files ?? [])]);
            event.target.value = ""; // the same file may be chosen again
          }}
        />
      </label>
      {pictures.length > 0 && (
        <ul aria-label="Chosen pictures" className="mt-3 space-y-2">
          {pictures.map((picture) => (
            <Row key={picture.key} picture={picture} onRemove={() => onRemove(picture)} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Row({ picture, onRemove }: { picture: Picture; onRemove: () => void }) {
  const [url, setURL] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(picture.file);
    setURL(made);
    return () => URL.revokeObjectURL(made);
  }, [picture.file]);
  const { state, text, warning } = picture;
  return (
    <li data-testid="picture" data-state={state} className="flex items-start gap-3">
      {url && <img src={url} alt="" className="size-14 shrink-0 rounded-md bg-black object-cover" />}
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">{picture.file.name}</p>
        <p role={state === "failed" ? "alert" : undefined} className={cn("flex items-start gap-1.5", state === "failed" ? "text-alert" : state === "done" ? "text-accent" : "text-muted")}>
          {state === "failed" && <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />}
          {state === "done" && <Check className="mt-0.5 size-4 shrink-0" aria-hidden />}
          {state === "sending" && <LoaderCircle className="mt-0.5 size-4 shrink-0 animate-spin motion-reduce:animate-none" aria-hidden />}
          {text}
        </p>
        {warning && <p className="text-detection">{warning}</p>}
      </div>
      {state !== "sending" && state !== "done" && (
        <button type="button" onClick={onRemove} aria-label={`Leave out ${picture.file.name}`} className="grid size-control shrink-0 place-items-center rounded-md text-muted hover:bg-raised hover:text-fg">
          <X className="size-4" aria-hidden />
        </button>
      )}
    </li>
  );
}
