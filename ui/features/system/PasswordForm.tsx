"use client";
import { type FormEvent, useId, useState } from "react";
import { Button } from "@/components/ui/button";
import { useToasts } from "@/hooks/use-toasts";
import { api } from "@/lib/api/client";
import { sentence } from "@/lib/api/errors";
import { fieldText } from "@/lib/form";

const field = "mt-1 h-control w-full rounded-md border border-line bg-bg px-2.5 text-fg";

/** Change of one's own password; the server judges its strength and says what is wrong with it. */
export function PasswordForm() {
  const id = useId();
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const show = useToasts((s) => s.show);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const current = fieldText(data, "current");
    const fresh = fieldText(data, "new");
    if (!current || !fresh) return setError("Enter the password of now and the new one.");
    setBusy(true);
    setError(undefined);
    try {
      await api.request<void>("POST", "auth/password", { current, new: fresh });
      form.reset();
      show("The password was changed.");
    } catch (failure) {
      setError(sentence(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="flex flex-wrap items-end gap-3 px-4 py-3" aria-label="Change password">
      <div className="min-w-40 flex-1">
        <label htmlFor={`${id}-current`} className="text-xs font-medium">
          Password now
        </label>
        <input id={`${id}-current`} name="current" type="password" autoComplete="current-password" className={field} />
      </div>
      <div className="min-w-40 flex-1">
        <label htmlFor={`${id}-new`} className="text-xs font-medium">
          New password
        </label>
        <input id={`${id}-new`} name="new" type="password" autoComplete="new-password" className={field} />
      </div>
      <Button type="submit" disabled={busy}>
        Change password
      </Button>
      {error && (
        <p role="alert" className="w-full text-alert">
          {error}
        </p>
      )}
    </form>
  );
}
