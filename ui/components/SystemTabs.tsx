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

/** The pages of "System": in the top bar, or below it on a phone, whose bar has no room for them. */
export function SystemTabs() {
  return (
    <>
      <HeaderSlot>
        <div className="max-md:hidden">
          <Tabs className="h-7" />
        </div>
      </HeaderSlot>
      <div className="flex px-3 pt-3 md:hidden">
        <Tabs className="h-control w-full" />
      </div>
    </>
  );
}

function Tabs({ className }: { className: string }) {
  const pathname = usePathname();
  return (
    <nav aria-label="System" className={cn("inline-flex rounded-md border border-line bg-surface p-0.5", className)}>
      {tabs.map((tab) => {
        const current = pathname.replace(/\/?$/, "/") === tab.href;
        return (
          <Link key={tab.href} href={tab.href} prefetch={false} aria-current={current ? "page" : undefined} className={cn("inline-flex items-center justify-center rounded-sm px-2.5 text-xs font-medium max-md:flex-1", tab.phone && "md:hidden", current ? "bg-overlay text-fg" : "text-muted hover:text-fg")}>
            {tab.label}
          </Link>
        );
      })}
    </nav>
  );
}
