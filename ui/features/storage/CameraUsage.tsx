"use client";
import Link from "next/link";
import { Section } from "@/components/Section";
import { useCameraName } from "@/hooks/use-bootstrap";
import type { CameraStorage } from "@/lib/api/recording-types";
import { bytes } from "@/lib/format";
import { timelineHref } from "@/lib/links";
import { now } from "@/lib/time/clock";
import { duration } from "@/lib/time/duration";
import { dateTime } from "@/lib/time/zone";
import { forecastShort } from "./text";

/** What each camera takes and for how long its footage stays. */
export function CameraUsage({ cameras }: { cameras: CameraStorage[] }) {
  const name = useCameraName();
  const largest = Math.max(1, ...cameras.map((c) => c.bytes));
  const sorted = [...cameras].sort((a, b) => b.bytes - a.bytes);
  return (
    <Section title="Cameras">
      {sorted.length === 0 ? (
        <p className="px-4 py-3 text-muted">Nothing was recorded yet.</p>
      ) : (
        <table className="w-full text-left [&_td]:px-4 [&_td]:py-2 max-sm:[&_td]:px-3 [&_th]:px-4 [&_th]:py-2 max-sm:[&_th]:px-3">
          <thead className="border-b border-line text-xs text-muted">
            <tr>
              <th scope="col" className="font-medium">
                Camera
              </th>
              <th scope="col" className="text-right font-medium">
                Takes
              </th>
              <th scope="col" className="text-right font-medium">
                Each day
              </th>
              <th scope="col" className="font-medium max-md:hidden">
                Oldest footage
              </th>
              <th scope="col" className="text-right font-medium">
                Oldest goes in
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((camera) => (
              <tr key={camera.id} className="border-b border-line/60 last:border-b-0">
                <th scope="row" className="font-medium">
                  {name(camera.id)}
                  <span aria-hidden className="mt-1 block h-1 overflow-hidden rounded-full bg-overlay max-sm:hidden">
                    <span className="block h-full bg-accent/70" style={{ width: `${(camera.bytes / largest) * 100}%` }} />
                  </span>
                </th>
                <td className="whitespace-nowrap text-right">{bytes(camera.bytes)}</td>
                <td className="whitespace-nowrap text-right">{bytes(camera.bytes_per_day)}</td>
                <td className="max-md:hidden">
                  {camera.oldest ? (
                    <Link href={timelineHref({ camera: camera.id, t: camera.oldest })} prefetch={false} className="hover:text-accent hover:underline">
                      {dateTime(camera.oldest)} <span className="text-muted">({duration(now() - camera.oldest)})</span>
                    </Link>
                  ) : (
                    <span className="text-muted">none</span>
                  )}
                </td>
                <td className="whitespace-nowrap text-right">{forecastShort(camera.forecast_days)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}
