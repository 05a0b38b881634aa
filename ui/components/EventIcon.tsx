import { Activity, Bike, Bird, Bus, Car, Cat, Dog, Hand, type LucideIcon, Package, PersonStanding, Truck, Video, Box as BoxIcon } from "lucide-react";
import type { NvrEvent } from "@/lib/api/types";
import { cn } from "@/lib/cn";
import { Severity, severityOf } from "@/lib/timeline/decode";

const icons: Record<string, LucideIcon> = {
  person: PersonStanding,
  car: Car,
  truck: Truck,
  bus: Bus,
  bicycle: Bike,
  motorcycle: Bike,
  dog: Dog,
  cat: Cat,
  bird: Bird,
  package: Package,
  suitcase: Package,
  backpack: Package,
};

const kindIcons: Record<NvrEvent["kind"], LucideIcon> = { object: BoxIcon, motion: Activity, camera: Video, manual: Hand };

const tones: Record<Severity, string> = {
  [Severity.none]: "text-muted",
  [Severity.motion]: "text-muted",
  [Severity.detection]: "text-detection",
  [Severity.alert]: "text-alert",
};

export function EventIcon({ event, className }: { event: Pick<NvrEvent, "kind" | "label">; className?: string }) {
  const Icon = (event.kind === "object" ? icons[event.label] : undefined) ?? kindIcons[event.kind] ?? BoxIcon;
  return <Icon aria-hidden className={cn("size-4 shrink-0", tones[severityOf(event.kind, event.label)], className)} />;
}
