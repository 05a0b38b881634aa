"use client";
import { useQuery } from "@tanstack/react-query";
import { Lock } from "lucide-react";
import { Failure, Notice } from "@/components/Notice";
import { SystemTabs } from "@/components/SystemTabs";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { notifiersQuery, pluginsQuery } from "@/lib/queries/plugins";
import { clock } from "@/lib/time/zone";
import { AuditLog } from "./AuditLog";
import { KeyList } from "./KeyList";
import { NotifierList } from "./NotifierList";
import { PackageList } from "./PackageList";

/** Page "Plugins": who carries alerts to people, how each fares, and which programs may run. */
export function PluginsView() {
  const user = useBootstrap().data?.user;
  return (
    <>
      <SystemTabs />
      {user && user.role !== "admin" ? (
        <Notice icon={Lock} title="For administrators" className="h-full">
          Plugins are programs that run on the recorder, so only an administrator sees and changes them.
        </Notice>
      ) : (
        <Content />
      )}
    </>
  );
}

function Content() {
  const notifiers = useQuery(notifiersQuery());
  const plugins = useQuery(pluginsQuery());
  const failed = [notifiers, plugins].find((q) => q.isError && !q.data);
  if (failed) return <Failure error={failed.error} retry={() => void Promise.all([notifiers.refetch(), plugins.refetch()])} className="h-full" />;
  if (!notifiers.data || !plugins.data) return <PluginsSkeleton />;
  return (
    <div className="mx-auto max-w-6xl space-y-6 p-4 max-sm:p-3">
      {notifiers.isError && <p className="text-xs text-detection">These states are from {clock(notifiers.dataUpdatedAt)}: the last request failed.</p>}
      <NotifierList notifiers={notifiers.data} plugins={plugins.data.plugins} />
      <PackageList list={plugins.data} />
      <KeyList keys={plugins.data.keys} />
      <AuditLog />
    </div>
  );
}

function PluginsSkeleton() {
  return (
    <div className="mx-auto max-w-6xl space-y-6 p-4" role="status" aria-busy aria-label="Loading">
      <Skeleton className="h-40" />
      <Skeleton className="h-64" />
    </div>
  );
}
