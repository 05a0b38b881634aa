import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const badge = cva("inline-flex h-5 items-center gap-1.5 whitespace-nowrap rounded-sm border px-1.5 text-2xs font-medium", {
  variants: {
    tone: {
      neutral: "border-line bg-raised text-muted",
      live: "border-accent/35 bg-accent/10 text-accent",
      alert: "border-alert/40 bg-alert/10 text-alert",
      warn: "border-detection/40 bg-detection/10 text-detection",
      info: "border-info/40 bg-info/10 text-info",
    },
  },
  defaultVariants: { tone: "neutral" },
});

export type Tone = NonNullable<VariantProps<typeof badge>["tone"]>;

export function Badge({ className, tone, ...props }: ComponentProps<"span"> & VariantProps<typeof badge>) {
  return <span data-slot="badge" className={cn(badge({ tone }), className)} {...props} />;
}
