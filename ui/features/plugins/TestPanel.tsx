"use client";
import { useMutation } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, Send } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Field } from "@/components/Field";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { sentence } from "@/lib/api/errors";
import type { Verdict } from "@/lib/api/plugin-types";
import { whole } from "@/lib/notify";
import { testNotifier } from "@/lib/queries/plugins";
import { duration } from "@/lib/time/duration";

const openings: Record<Verdict["class"], string> = {
  ok: "Told: the example arrived at the channel.",
  retry_after: "Not yet: the channel asks to wait.",
  permanent: "Refused: the channel does not take it.",
  bad_config: "The settings are not right.",
};

/** Sends an example, and says in a sentence what became of it. */
export function TestPanel({ notifier }: { notifier: string }) {
  const [recipient, setRecipient] = useState("");
  const test = useMutation({ mutationFn: () => testNotifier(notifier, recipient.trim()) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    test.mutate();
  };
  return (
    <form onSubmit={submit} className="mt-2 rounded-md border border-line bg-bg p-3" aria-label="Send an example">
      <div className="flex flex-wrap items-end gap-2">
        <Field label="Recipient" className="min-w-52 flex-1">
          {(ids) => <Input value={recipient} maxLength={256} placeholder="Empty: the one of the settings" onChange={(event) => setRecipient(event.target.value)} {...ids} />}
        </Field>
        <Button type="submit" variant="primary" disabled={test.isPending}>
          <Send aria-hidden />
          {test.isPending ? "Sending…" : "Send an example"}
        </Button>
      </div>
      <div aria-live="polite">
        {test.isError && <Result good={false} text={sentence(test.error)} />}
        {test.data && <Result good={test.data.class === "ok"} text={[openings[test.data.class], whole(test.data.detail), test.data.retry_after_ms > 0 && `It may be tried again in ${duration(test.data.retry_after_ms)}.`].filter(Boolean).join(" ")} />}
      </div>
    </form>
  );
}

function Result({ good, text }: { good: boolean; text: string }) {
  const Icon = good ? CircleCheck : CircleAlert;
  return (
    <p className="mt-2 flex gap-2" data-testid="verdict">
      <Icon className={good ? "mt-0.5 size-4 shrink-0 text-accent" : "mt-0.5 size-4 shrink-0 text-alert"} aria-hidden />
      {text}
    </p>
  );
}
