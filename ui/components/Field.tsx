import { type ReactNode, useId } from "react";
import { cn } from "@/lib/cn";

export interface FieldIds {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

interface FieldProps {
  label: ReactNode;
  help?: ReactNode;
  error?: string;
  required?: boolean;
  className?: string;
  /** the control, which takes the ids */
  children: (ids: FieldIds) => ReactNode;
}

/** A labelled control with its help and what the server says is wrong with it. */
export function Field({ label, help, error, required, className, children }: FieldProps) {
  const id = useId();
  const described = [help ? `${id}-help` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div className={className}>
      <label htmlFor={id} className="mb-1 block text-xs font-medium">
        {label}
        {required && (
          <span className="ml-1 font-normal text-muted" aria-hidden>
            required
          </span>
        )}
      </label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": error ? true : undefined })}
      {help && (
        <p id={`${id}-help`} className="mt-1 text-xs text-muted">
          {help}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} role="alert" className="mt-1 text-xs text-alert">
          {error.charAt(0).toUpperCase() + error.slice(1)}
        </p>
      )}
    </div>
  );
}

/** Several controls that belong together. */
export function Group({ legend, help, children, className }: { legend: ReactNode; help?: ReactNode; children: ReactNode; className?: string }) {
  const id = useId();
  return (
    <fieldset aria-describedby={help ? id : undefined} className={cn("min-w-0", className)}>
      <legend className="mb-1 text-xs font-medium">{legend}</legend>
      {children}
      {help && (
        <p id={id} className="mt-1 text-xs text-muted">
          {help}
        </p>
      )}
    </fieldset>
  );
}
