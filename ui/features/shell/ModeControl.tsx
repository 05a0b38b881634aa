"use client";
import { Check, ChevronDown, House, type LucideIcon, Moon, ShieldCheck } from "lucide-react";
import { Popover } from "@/components/Popover";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useMode } from "@/hooks/use-mode";
import { modeName } from "@/lib/alerts";
import type { Mode } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { MODES } from "@/lib/queries/alerts";

const looks: Record<Mode, { icon: LucideIcon; what: string }> = {
  home: { icon: House, what: "Somebody is here" },
  away: { icon: ShieldCheck, what: "Nobody is here" },
  night: { icon: Moon, what: "Everybody sleeps" },
};

/** The arming mode, which alert rules may ask for. Everybody sees it; an administrator changes it. */
export function ModeControl() {
  const { mode, change } = useMode();
  const viewer = useBootstrap().data?.user.role === "viewer";
  if (!mode) return null;
  const Icon = looks[mode]?.icon ?? House;
  return (
    <Popover
      label="Arming mode"
      className={cn("md:h-7 max-md:px-2.5", mode !== "home" && "border-accent/50 text-accent")}
      panelClassName="left-auto right-0 w-64"
      trigger={
        <>
          <Icon aria-hidden />
          <span className="sr-only">Arming mode: </span>
          <span className="max-sm:sr-only">{modeName(mode)}</span>
          <ChevronDown className="text-muted max-sm:hidden" aria-hidden />
        </>
      }
    >
      {(close) => (
        <>
          <p className="mb-2 text-xs text-muted">{viewer ? "Only an administrator can change the mode." : "Alert rules can ask for a mode. Everyone sees the same one, Home Assistant too."}</p>
          <div role="group" aria-label="Mode" className="space-y-1">
            {MODES.map((option) => (
              <Option
                key={option}
                mode={option}
                current={option === mode}
                disabled={viewer}
                onChoose={() => {
                  if (option !== mode) change.mutate(option);
                  close();
                }}
              />
            ))}
          </div>
        </>
      )}
    </Popover>
  );
}

function Option({ mode, current, disabled, onChoose }: { mode: Mode; current: boolean; disabled: boolean; onChoose: () => void }) {
  const { icon: Icon, what } = looks[mode];
  return (
    <button
      type="button"
      aria-pressed={current}
      disabled={disabled}
      onClick={onChoose}
      className={cn("flex min-h-11 w-full items-center gap-3 rounded-md border px-3 text-left", current ? "border-accent/50 bg-accent/10" : "border-transparent enabled:hover:bg-raised", disabled && !current && "opacity-60")}
    >
      <Icon className={cn("size-5 shrink-0", current ? "text-accent" : "text-muted")} aria-hidden strokeWidth={1.75} />
      <span className="min-w-0 flex-1">
        <span className="block font-medium">{modeName(mode)}</span>
        <span className="block text-xs text-muted">{what}</span>
      </span>
      {current && <Check className="size-4 text-accent" aria-hidden />}
    </button>
  );
}
