"use client";
import { HardDrive, Unplug } from "lucide-react";
import Link from "next/link";
import { useEffect, useState } from "react";
import { useClock } from "@/hooks/use-clock";
import { useRealtimeStatus } from "@/hooks/use-realtime";
import { useSystem } from "@/hooks/use-system";
import { bytes } from "@/lib/format";
import { cn } from "@/lib/cn";
import { clock, dayName, zoneName } from "@/lib/time/zone";
import { ModeControl } from "./ModeControl";
import { POLL_MS } from "./use-live-data";

/** Right end of the top bar: is the data live, how full is the disk, what time is it at the site. */
export function StatusBar() {
  return (
    <div className="flex shrink-0 items-center gap-2">
      <Away />
      <ModeControl />
      <Storage />
      <Clock />
    </div>
  );
}

/** A dropped socket is only worth saying when it does not come back at once. */
function Away() {
  const status = useRealtimeStatus();
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (status === "open") return setLate(false);
    const timer = setTimeout(() => setLate(true), 2500);
    return () => clearTimeout(timer);
  }, [status]);
  if (!late) return null;
  return (
    <span role="status" title={`The connection that brings news was lost. Until it is back, pages ask every ${POLL_MS / 1000} seconds.`} className="inline-flex h-7 items-center gap-1.5 rounded-md border border-detection/40 bg-detection/10 px-2 text-xs text-detection">
      <Unplug className="size-3.5" aria-hidden />
      <span className="max-sm:sr-only">Not live, reconnecting</span>
    </span>
  );
}

function Storage() {
  const storage = useSystem().data?.storage;
  if (!storage || storage.total_bytes <= 0) return null;
  const used = 1 - storage.free_bytes / storage.total_bytes;
  return (
    <Link
      href="/system/storage/"
      prefetch={false}
      title={`Recordings take ${bytes(storage.recordings_bytes)}; ${bytes(storage.free_bytes)} of ${bytes(storage.total_bytes)} are free`}
      className={cn("inline-flex h-7 items-center gap-1.5 rounded-md border border-line bg-raised px-2 text-xs text-muted hover:text-fg max-md:hidden", used > 0.95 && "border-alert/50 text-alert")}
    >
      <HardDrive className="size-3.5" aria-hidden />
      Rec {bytes(storage.recordings_bytes)} · disk {Math.round(used * 100)} %
    </Link>
  );
}

function Clock() {
  const now = useClock();
  if (!now) return null;
  return (
    <time dateTime={new Date(now).toISOString()} title={`${dayName(now)}, ${zoneName()}`} className="min-w-[8ch] text-right text-sm font-medium">
      {clock(now)}
    </time>
  );
}
