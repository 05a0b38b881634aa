"use client";
import { X } from "lucide-react";
import { Dialog as Primitive } from "radix-ui";
import type { KeyboardEvent, ReactNode } from "react";
import { cn } from "@/lib/cn";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  /** Read to screen readers only; a dialog without one is announced by its title alone. */
  description?: string;
  /** Nothing in it takes the focus, so that its scroll area does: keys scroll what focus is in. */
  toRead?: boolean;
  /** buttons beside the one that closes */
  actions?: ReactNode;
  /** of keys in this dialog, not in one that it opens */
  onKeyDown?: (event: KeyboardEvent) => void;
  className?: string;
  children: ReactNode;
}

export function Dialog({ open, onOpenChange, title, description, toRead = false, actions, onKeyDown, className, children }: DialogProps) {
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <Primitive.Overlay className="fixed inset-0 z-40 bg-black/70" />
        <Primitive.Content
          data-slot="dialog"
          onKeyDown={(event) => event.target instanceof Node && event.currentTarget.contains(event.target) && onKeyDown?.(event)}
          {...(description ? {} : { "aria-describedby": undefined })}
          className={cn(
            "fixed inset-x-0 bottom-0 z-50 flex max-h-[92dvh] flex-col border border-line bg-surface outline-none max-sm:rounded-t-lg sm:inset-auto sm:left-1/2 sm:top-1/2 sm:w-[calc(100vw-48px)] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-lg",
            className,
          )}
        >
          <div className="flex min-h-11 items-center gap-2 border-b border-line py-1 pl-4 pr-1.5">
            <Primitive.Title className="min-w-0 flex-1 truncate text-lg font-semibold">{title}</Primitive.Title>
            {actions}
            <Primitive.Close aria-label="Close" className="grid size-control place-items-center rounded-md text-muted hover:bg-raised hover:text-fg">
              <X className="size-4" aria-hidden />
            </Primitive.Close>
          </div>
          {description && <Primitive.Description className="sr-only">{description}</Primitive.Description>}
          <div {...(toRead && { tabIndex: 0, role: "group", "aria-label": description ?? "Text" })} className="min-h-0 flex-1 overflow-y-auto outline-offset-[-2px]">
            {children}
          </div>
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
