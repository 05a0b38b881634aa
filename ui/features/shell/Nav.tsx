"use client";
import { CircleHelp, LogOut } from "lucide-react";
import Link from "next/link";
import type { ReactNode } from "react";
import { Mark } from "@/components/Wordmark";
import { useSystem } from "@/hooks/use-system";
import { api } from "@/lib/api/client";
import { cn } from "@/lib/cn";
import { isCurrent, nav, type NavItem } from "./nav";

function Hint({ children }: { children: ReactNode }) {
  return (
    <span
      aria-hidden
      className="pointer-events-none absolute left-full top-1/2 z-30 ml-2 -translate-y-1/2 whitespace-nowrap rounded-sm border border-line bg-overlay px-2 py-1 text-xs text-fg opacity-0 group-hover:opacity-100 group-focus-visible:opacity-100"
    >
      {children}
    </span>
  );
}

const railItem = "group relative grid size-9 place-items-center rounded-md text-muted hover:bg-raised hover:text-fg";

/** Warnings of the server are worth a dot wherever one is. */
function useWarnings(): number {
  return useSystem().data?.warnings?.length ?? 0;
}

export function Rail({ pathname, onHelp }: { pathname: string; onHelp: () => void }) {
  const warnings = useWarnings();
  return (
    <nav aria-label="Main" className="fixed inset-y-0 left-0 z-30 flex w-12 flex-col items-center gap-1 border-r border-line bg-surface py-1.5 max-md:hidden">
      <Link href="/" prefetch={false} aria-label="Nightjar, live view" className="mb-1 grid h-7 w-9 place-items-center">
        <Mark className="h-[18px] w-7 text-accent" />
      </Link>
      {nav.map((item) => {
        const current = isCurrent(item, pathname);
        return (
          <Link
            key={item.href}
            href={item.href}
            prefetch={false}
            aria-label={item.label}
            aria-current={current ? "page" : undefined}
            aria-keyshortcuts={`g ${item.key}`}
            className={cn(railItem, current && "bg-accent/12 text-accent hover:bg-accent/12 hover:text-accent")}
          >
            {current && <span aria-hidden className="absolute inset-y-1 -left-1.5 w-0.5 rounded-full bg-accent" />}
            <item.icon className="size-[18px]" aria-hidden strokeWidth={1.75} />
            <WarningDot item={item} count={warnings} />
            <Hint>
              {item.label} <kbd className="ml-1 font-mono text-muted">g {item.key}</kbd>
            </Hint>
          </Link>
        );
      })}
      <div className="flex-1" />
      <button type="button" onClick={onHelp} aria-label="Keyboard shortcuts" aria-keyshortcuts="?" className={railItem}>
        <CircleHelp className="size-[18px]" aria-hidden strokeWidth={1.75} />
        <Hint>
          Shortcuts <kbd className="ml-1 font-mono text-muted">?</kbd>
        </Hint>
      </button>
      <button type="button" onClick={() => void api.logout()} aria-label="Sign out" className={railItem}>
        <LogOut className="size-[18px]" aria-hidden strokeWidth={1.75} />
        <Hint>Sign out</Hint>
      </button>
    </nav>
  );
}

export function BottomBar({ pathname }: { pathname: string }) {
  const warnings = useWarnings();
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 grid h-(--bottombar) grid-cols-5 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {nav
        .filter((item) => !item.desktopOnly)
        .map((item) => {
          const current = isCurrent(item, pathname);
          return (
            <Link
              key={item.href}
              href={item.href}
              prefetch={false}
              aria-current={current ? "page" : undefined}
              className={cn("relative flex flex-col items-center justify-center gap-0.5 text-2xs font-medium", current ? "text-accent" : "text-muted")}
            >
              <span className="relative">
                <item.icon className="size-5" aria-hidden strokeWidth={1.75} />
                <WarningDot item={item} count={warnings} />
              </span>
              {item.label}
            </Link>
          );
        })}
    </nav>
  );
}

function WarningDot({ item, count }: { item: NavItem; count: number }) {
  if (item.href !== "/system/" || count === 0) return null;
  return (
    <>
      <span aria-hidden className="absolute right-1 top-1 size-2 max-md:-right-1 max-md:-top-0.5 rounded-full border border-surface bg-detection" />
      <span className="sr-only">, {count === 1 ? "one warning" : `${count} warnings`}</span>
    </>
  );
}
