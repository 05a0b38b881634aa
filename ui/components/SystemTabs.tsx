"use client";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { HeaderSlot } from "@/components/HeaderSlot";
import { cn } from "@/lib/cn";

const tabs = [
  { href: "/system/", label: "Overview" },
  { href: "/system/storage/", label: "Storage" },
];

/** The pages of "System", in the top bar. */
export function SystemTabs() {
  const pathname = usePathname();
  return (
    <HeaderSlot>
      <nav aria-label="System" className="inline-flex h-control rounded-md border border-line bg-surface p-0.5 md:h-7">
        {tabs.map((tab) => {
          const current = pathname.replace(/\/?$/, "/") === tab.href;
          return (
            <Link key={tab.href} href={tab.href} prefetch={false} aria-current={current ? "page" : undefined} className={cn("inline-flex items-center rounded-sm px-2.5 text-xs font-medium", current ? "bg-overlay text-fg" : "text-muted hover:text-fg")}>
              {tab.label}
            </Link>
          );
        })}
      </nav>
    </HeaderSlot>
  );
}
