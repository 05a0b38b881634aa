"use client";
import { Switch as Primitive } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

export function Switch({ className, ...props }: ComponentProps<typeof Primitive.Root>) {
  return (
    <Primitive.Root
      data-slot="switch"
      className={cn(
        "relative h-5 w-9 shrink-0 rounded-full border border-line bg-overlay transition-colors duration-100 after:absolute after:-inset-3 after:content-[''] data-[state=checked]:border-accent data-[state=checked]:bg-accent disabled:opacity-45",
        className,
      )}
      {...props}
    >
      <Primitive.Thumb className="block size-3.5 translate-x-0.5 rounded-full bg-muted transition-transform duration-100 data-[state=checked]:translate-x-[18px] data-[state=checked]:bg-on-accent" />
    </Primitive.Root>
  );
}
