import { Bell, Braces, CalendarRange, Download, LayoutGrid, ListVideo, type LucideIcon, ScanFace, ScanSearch, ServerCog } from "lucide-react";

export interface NavItem {
  href: string;
  label: string;
  icon: LucideIcon;
  /** second key after "g" */
  key: string;
  /** not in the phone's bar, where there is room for five */
  desktopOnly?: boolean;
}

export const nav: readonly NavItem[] = [
  { href: "/", label: "Live", icon: LayoutGrid, key: "l" },
  { href: "/timeline/", label: "Timeline", icon: CalendarRange, key: "t" },
  { href: "/events/", label: "Events", icon: ListVideo, key: "e" },
  { href: "/motion/", label: "Motion search", icon: ScanSearch, key: "m", desktopOnly: true },
  { href: "/faces/", label: "Faces", icon: ScanFace, key: "f", desktopOnly: true },
  { href: "/exports/", label: "Exports", icon: Download, key: "x" },
  { href: "/notifications/", label: "Notifications", icon: Bell, key: "n", desktopOnly: true },
  { href: "/system/", label: "System", icon: ServerCog, key: "s" },
  { href: "/api-docs/", label: "API", icon: Braces, key: "a", desktopOnly: true },
];

/** Title of the page at a path; a camera's page is named by its own header. */
export function titleOf(pathname: string): string {
  if (pathname.startsWith("/camera")) return ""; // its name is known to the page, which puts it into the bar itself
  if (pathname.startsWith("/faces/person")) return ""; // a name, too
  if (pathname.startsWith("/api-docs")) return "API reference";
  if (pathname.startsWith("/zones")) return "Zones";
  return nav.find((item) => (item.href === "/" ? pathname === "/" : pathname.startsWith(item.href.slice(0, -1))))?.label ?? "Nightjar";
}

export function isCurrent(item: NavItem, pathname: string): boolean {
  if (item.href === "/") return pathname === "/" || pathname.startsWith("/camera") || pathname.startsWith("/zones");
  return pathname.startsWith(item.href.slice(0, -1));
}
