import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const look = "w-full rounded-md border border-line bg-bg px-2.5 text-fg placeholder:text-muted/70 aria-invalid:border-alert disabled:opacity-60";

export function Input({ className, ...props }: ComponentProps<"input">) {
  return <input data-slot="input" className={cn(look, "h-control", className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<"textarea">) {
  return <textarea data-slot="textarea" className={cn(look, "min-h-control py-1.5 leading-5", className)} {...props} />;
}
