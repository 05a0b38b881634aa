import { Activity, AudioLines, Bell, Bike, Bird, Box as BoxIcon, Bus, Camera, CameraOff, Car, Cat, ClockAlert, Dog, EyeOff, Gauge, GlassWater, Hand, Hourglass, type LucideIcon, Moon, Move, Package, PersonStanding, Truck, Video } from "lucide-react";
import { alertOf, isQuiet } from "@/lib/alerts";
import type { AlertSeverity, NvrEvent } from "@/lib/api/types";
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

/** What is wrong with a camera, and what was heard. */
const otherIcons: Partial<Record<NvrEvent["kind"], Record<string, LucideIcon>>> = {
  camera: { offline: CameraOff, frozen: Hourglass, black: Moon, blurred: Camera, covered: EyeOff, moved: Move, slow: Gauge, clock: ClockAlert },
  sound: { alarm: Bell, smoke_alarm: Bell, fire_alarm: Bell, doorbell: Bell, siren: Bell, glass: GlassWater, glass_breaking: GlassWater, bark: Dog, dog_bark: Dog },
};

const kindIcons: Record<NvrEvent["kind"], LucideIcon> = { object: BoxIcon, motion: Activity, camera: Video, manual: Hand, sound: AudioLines };

const tones: Record<Severity, string> = {
  [Severity.none]: "text-muted",
  [Severity.motion]: "text-muted",
  [Severity.detection]: "text-detection",
  [Severity.alert]: "text-alert",
};

const alertTones: Record<AlertSeverity, string> = { high: "text-alert", normal: "text-detection", low: "text-info" };

/** Where rules decide what is an alert, what they left alone is drawn without alarm. */
export function EventIcon({ event, className }: { event: Pick<NvrEvent, "kind" | "label" | "severity" | "rules">; className?: string }) {
  const Icon = (event.kind === "object" ? icons : otherIcons[event.kind])?.[event.label] ?? kindIcons[event.kind] ?? BoxIcon;
  const alert = alertOf(event);
  const plain = isQuiet(event) && event.kind !== "camera" ? "text-muted" : tones[severityOf(event.kind, event.label)];
  const tone = alert ? (alertTones[alert] ?? plain) : plain;
  return <Icon aria-hidden className={cn("size-4 shrink-0", tone, className)} />;
}
