import { type ReactNode, useId } from "react";

interface SectionProps {
  title: string;
  /** what can be done with all of it, beside the title */
  action?: ReactNode;
  children: ReactNode;
}

export function Section({ title, action, children }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <h2 id={id} className="flex-1 text-sm font-semibold">
          {title}
        </h2>
        {action}
      </div>
      <div className="overflow-hidden rounded-lg border border-line bg-surface">{children}</div>
    </section>
  );
}
