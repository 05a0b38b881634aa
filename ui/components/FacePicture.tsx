"use client";
import { UserRound } from "lucide-react";
import { useState } from "react";
import { serverURL } from "@/lib/base";
import { cn } from "@/lib/cn";

interface FacePictureProps {
  /** as the server names it; without one, or when it is gone, a symbol */
  url?: string;
  /** empty where the name stands beside it */
  alt: string;
  className?: string;
}

/** A face in a square of the size its place gives. */
export function FacePicture({ url, alt, className }: FacePictureProps) {
  const [failed, setFailed] = useState<string>();
  return (
    <span className={cn("grid shrink-0 place-items-center overflow-hidden rounded-md bg-overlay text-muted", className)}>
      {url && failed !== url ? (
        <img src={serverURL(url)} alt={alt} loading="lazy" decoding="async" draggable={false} onError={() => setFailed(url)} className="size-full object-cover" />
      ) : (
        <UserRound className="size-1/2" aria-hidden={alt === ""} aria-label={alt || undefined} role={alt ? "img" : undefined} strokeWidth={1.5} />
      )}
    </span>
  );
}
