import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const button = cva(
  "inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-colors duration-100 disabled:pointer-events-none disabled:opacity-45 [&_svg]:size-4 [&_svg]:shrink-0",
  {
    variants: {
      variant: {
        primary: "bg-accent text-on-accent hover:bg-[#4ce0b9]",
        outline: "border border-line bg-raised text-fg hover:bg-overlay",
        ghost: "text-muted hover:bg-raised hover:text-fg",
        pressed: "border border-accent/50 bg-accent/10 text-accent hover:bg-accent/20",
        danger: "border border-alert/60 bg-alert/15 text-[#ff8585] hover:bg-alert/25",
        overlay: "border border-white/20 bg-black/60 text-white hover:bg-black/85",
      },
      size: { default: "h-control px-3", icon: "size-control", wide: "h-10 px-4 text-sm" },
    },
    defaultVariants: { variant: "outline", size: "default" },
  },
);

type ButtonProps = ComponentProps<"button"> & VariantProps<typeof button>;

export function Button({ className, variant, size, type = "button", ...props }: ButtonProps) {
  return <button data-slot="button" type={type} className={cn(button({ variant, size }), className)} {...props} />;
}

/** The look of a button for what is a link. */
export const buttonClass = button;
