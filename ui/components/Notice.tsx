import type { LucideIcon } from "lucide-react";
import { CircleAlert, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { sentence } from "@/lib/api/errors";
import { cn } from "@/lib/cn";

interface NoticeProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  tone?: "neutral" | "alert";
  /** the title is the page's, which has no other */
  heading?: boolean;
  className?: string;
}

/** What a place says when it has nothing to show: what is so, why, and what to do next. */
export function Notice({ icon: Icon, title, children, action, tone = "neutral", heading = false, className }: NoticeProps) {
  const Title = heading ? "h1" : "p";
  return (
    <div className={cn("flex flex-col items-center justify-center gap-2 px-6 py-12 text-center", className)} role={tone === "alert" ? "alert" : undefined}>
      <Icon className={cn("size-6", tone === "alert" ? "text-alert" : "text-muted")} aria-hidden strokeWidth={1.5} />
      <Title className="text-lg font-medium">{title}</Title>
      {children && <div className="max-w-md text-balance text-muted">{children}</div>}
      {action && <div className="mt-2 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}

/** A request failed: the server's own sentence, and a way to ask again. */
export function Failure({ error, retry, className }: { error: unknown; retry?: () => void; className?: string }) {
  return (
    <Notice
      icon={CircleAlert}
      tone="alert"
      title="This could not be loaded"
      className={className}
      action={
        retry && (
          <Button onClick={retry}>
            <RotateCw aria-hidden />
            Try again
          </Button>
        )
      }
    >
      {sentence(error)}
    </Notice>
  );
}
