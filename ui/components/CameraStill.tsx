"use client";
import { ImageOff } from "lucide-react";
import { type ReactNode, useState } from "react";
import { cn } from "@/lib/cn";

interface CameraStillProps {
  src: string;
  alt: string;
  /** said where there is no picture; what lies over it stays usable */
  missing: string;
  /** share of the window's height it may take */
  height?: number;
  /** what lies around the picture's box, and has its very size */
  children: (picture: ReactNode) => ReactNode;
  className?: string;
}

/** A picture as large as its place allows, in a box that is exactly as large: for what is drawn over it. */
export function CameraStill({ src, alt, missing, height = 66, children, className }: CameraStillProps) {
  const [ratio, setRatio] = useState(16 / 9);
  const [failed, setFailed] = useState<string>();
  return (
    <div className={cn("mx-auto bg-black", className)} style={{ aspectRatio: ratio, width: `min(100%, ${(ratio * height).toFixed(1)}dvh)` }}>
      {children(
        failed === src ? (
          <span className="absolute inset-0 grid place-items-center p-4 text-center text-muted">
            <span className="flex flex-col items-center gap-2">
              <ImageOff className="size-6" aria-hidden strokeWidth={1.5} />
              {missing}
            </span>
          </span>
        ) : (
          <img
            src={src}
            alt={alt}
            draggable={false}
            onError={() => setFailed(src)}
            onLoad={(event) => {
              const { naturalWidth, naturalHeight } = event.currentTarget;
              if (naturalWidth && naturalHeight) setRatio(naturalWidth / naturalHeight);
            }}
            className="block size-full"
          />
        ),
      )}
    </div>
  );
}
