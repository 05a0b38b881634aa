"use client";
import { Badge, type Tone } from "@/components/ui/badge";
import type { PluginState } from "@/lib/api/types";
import { Section } from "@/components/Section";

const tones: Record<string, Tone> = { running: "live", ready: "live", starting: "warn", backing_off: "warn", failed: "alert", incompatible: "alert" };

export function PluginTable({ plugins }: { plugins: PluginState[] }) {
  return (
    <Section title="Plugins">
      {plugins.length === 0 ? (
        <p className="px-4 py-3 text-muted">None is configured. Notifiers such as “webhook” go under plugins: in config.yaml.</p>
      ) : (
        <ul>
          {plugins.map((plugin) => (
            <li key={plugin.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2.5 last:border-b-0">
              <span className="font-medium">{plugin.name || plugin.id}</span>
              <span className="text-xs text-muted">{plugin.version}</span>
              <Badge tone={tones[plugin.state] ?? "neutral"}>{plugin.state.replaceAll("_", " ")}</Badge>
              {plugin.reason && <span className="text-xs text-muted">{plugin.reason}</span>}
              <span className="ml-auto text-xs text-muted">
                {plugin.delivered} delivered
                {plugin.failed > 0 && <span className="text-alert"> · {plugin.failed} failed</span>}
                {plugin.restarts > 0 && ` · ${plugin.restarts} restarts`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
