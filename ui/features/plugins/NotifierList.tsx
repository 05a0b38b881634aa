"use client";
import { useQuery } from "@tanstack/react-query";
import { BellRing, Plus } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Notice } from "@/components/Notice";
import { Section } from "@/components/Section";
import { Button, buttonClass } from "@/components/ui/button";
import type { Notifier, Package } from "@/lib/api/plugin-types";
import { queuesQuery } from "@/lib/queries/deliveries";
import { NotifierDialog } from "./NotifierDialog";
import { NotifierRow } from "./NotifierRow";

/** The configured notifiers, each a process of its own. */
export function NotifierList({ notifiers, plugins }: { notifiers: Notifier[]; plugins: Package[] }) {
  const queues = useQuery(queuesQuery()).data;
  const [editing, setEditing] = useState<string>();
  const usable = plugins.filter((p) => p.active !== "" && p.enabled);
  const edited = notifiers.find((n) => n.id === editing);
  const add = (
    <Button variant="primary" disabled={usable.length === 0} onClick={() => setEditing("")}>
      <Plus aria-hidden />
      Add notifier
    </Button>
  );
  return (
    <Section title="Notifiers" action={
        <>
          <Link href="/notifications/" prefetch={false} className={buttonClass({})}>
            Routes
          </Link>
          {notifiers.length > 0 && add}
        </>
      }>
      {notifiers.length === 0 ? (
        <Notice icon={BellRing} title="Nobody is told of anything yet" action={add}>
          A notifier carries alerts to people: by Telegram, e-mail, push, a webhook or MQTT.
        </Notice>
      ) : (
        <ul aria-label="Notifiers">
          {notifiers.map((n) => (
            <NotifierRow key={n.id} notifier={n} queue={queues?.find((q) => q.notifier === n.id)} onEdit={() => setEditing(n.id)} />
          ))}
        </ul>
      )}
      {editing !== undefined && (editing === "" || edited) && <NotifierDialog key={editing} notifier={edited} plugins={usable} taken={notifiers.map((n) => n.id)} onClose={() => setEditing(undefined)} />}
    </Section>
  );
}
