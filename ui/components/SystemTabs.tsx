"use client";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { HeaderSlot } from "@/components/HeaderSlot";
import { cn } from "@/lib/cn";

const tabs: { href: string; label: string; phone?: boolean }[] = [
  { href: "/system/", label: "Overview" },
  { href: "/system/storage/", label: "Storage" },
  { href: "/system/plugins/", label: "Plugins" },
  { href: "/notifications/", label: "Alerts", phone: true }, // a page of its own where the rail has room for it
];

// On a phone the bar is narrower than the tabs, which then scroll.
const intoView = (link: HTMLAnchorElement | null) => link?.parentElement?.scrollTo?.({ left: link.offsetLeft - link.parentElement.offsetLeft - 24 });

/** The pages of "System", in the top bar. */
export function SystemTabs() {
  const pathname = usePathname();
  return (
    <HeaderSlot>
      <nav aria-label="System" className="inline-flex h-control min-w-0 overflow-x-auto rounded-md border border-line bg-surface p-0.5 md:h-7">
        {tabs.map((tab) => {
          const current = pathname.replace(/\/?$/, "/") === tab.href;
          return (
            <Link key={tab.href} ref={current ? intoView : undefined} href={tab.href} prefetch={false} aria-current={current ? "page" : undefined} className={cn("inline-flex shrink-0 items-center rounded-sm px-2.5 text-xs font-medium max-sm:px-2", tab.phone && "md:hidden", current ? "bg-overlay text-fg" : "text-muted hover:text-fg")}>
              {tab.label}
            </Link>
          );
        })}
      </nav>
    </HeaderSlot>
  );
}
