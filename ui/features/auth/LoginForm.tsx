"use client";
import { CircleAlert, Eye, EyeOff } from "lucide-react";
import { useRouter, useSearchParams } from "next/navigation";
import { type FormEvent, useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { Wordmark } from "@/components/Wordmark";
import { api } from "@/lib/api/client";
import { sentence } from "@/lib/api/errors";
import { fieldText } from "@/lib/form";
import { nextPath } from "./next-path";

const field = "h-11 w-full rounded-md border border-line bg-bg px-3 text-[16px] text-fg placeholder:text-muted sm:h-10 sm:text-sm";

export function LoginForm() {
  const router = useRouter();
  const target = nextPath(useSearchParams().get("next"));
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [shown, setShown] = useState(false);

  useEffect(() => {
    // Someone with a valid session (or behind Home Assistant) has nothing to do here.
    api.refresh().then(
      (signedIn) => signedIn && router.replace(target),
      (failure: unknown) => setError(sentence(failure)),
    );
  }, [router, target]);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const username = fieldText(data, "username").trim();
    const password = fieldText(data, "password");
    if (!username || !password) return setError("Enter your name and your password.");
    setBusy(true);
    setError(undefined);
    try {
      await api.login(username, password);
      router.replace(target);
    } catch (failure) {
      setError(sentence(failure));
      setBusy(false);
    }
  };

  return (
    <main className="grid min-h-dvh place-items-center px-4 pb-[12vh] pt-8">
      <div className="w-full max-w-[360px]">
        <Wordmark className="mb-6 justify-center" />
        <form onSubmit={(event) => void submit(event)} noValidate aria-labelledby="login-title" className="rounded-lg border border-line bg-surface p-6">
          <h1 id="login-title" className="text-xl font-semibold">
            Sign in
          </h1>
          <p className="mt-0.5 text-muted">to your recorder</p>
          <label htmlFor="username" className="mt-5 block text-xs font-medium">
            Name
          </label>
          <input id="username" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} autoFocus className={`${field} mt-1.5`} />
          <label htmlFor="password" className="mt-4 block text-xs font-medium">
            Password
          </label>
          <div className="relative mt-1.5">
            <input id="password" name="password" type={shown ? "text" : "password"} autoComplete="current-password" className={`${field} pr-11`} />
            <button
              type="button"
              aria-label={shown ? "Hide password" : "Show password"}
              onClick={() => setShown(!shown)}
              className="absolute inset-y-0 right-0 grid w-11 place-items-center rounded-md text-muted hover:text-fg"
            >
              {shown ? <EyeOff className="size-4" aria-hidden /> : <Eye className="size-4" aria-hidden />}
            </button>
          </div>
          {error && (
            <p role="alert" className="mt-4 flex gap-2 rounded-md border border-alert/40 bg-alert/10 px-3 py-2">
              <CircleAlert className="mt-0.5 size-4 shrink-0 text-alert" aria-hidden />
              {error}
            </p>
          )}
          <Button type="submit" variant="primary" size="wide" disabled={busy} className="mt-5 h-11 w-full sm:h-10">
            {busy ? "Signing in…" : "Sign in"}
          </Button>
        </form>
        <p className="mt-4 text-center text-xs text-muted">
          The first administrator’s password is printed where Nightjar was started.
        </p>
      </div>
    </main>
  );
}
