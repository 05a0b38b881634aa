"use client";
import { ImageOff, Search, SearchX } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { Failure, Notice } from "@/components/Notice";
import { Button } from "@/components/ui/button";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import type { MotionSearch } from "@/lib/api/types";
import { percent } from "@/lib/format";
import { timelineHref } from "@/lib/links";
import { thumbnailURL } from "@/lib/queries/playback";
import { now } from "@/lib/time/clock";
import { duration } from "@/lib/time/duration";
import { dateTime } from "@/lib/time/zone";
import { type Moment, momentsOf, type Order, pictureTimes, sorted, unknownLength } from "./moments";

const SHOWN = 40;
/** Playing a moment begins this much before it. */
const LEAD_MS = 3_000;
/** A gap in what was searched that is shorter is not worth a word. */
const WORTH_SAYING_MS = 60_000;

interface ResultsProps {
  camera: string;
  answer: MotionSearch | undefined;
  error: unknown;
  retry: () => void;
  /** an area is searched, not the whole picture */
  drawn: boolean;
}

/** The moments that were found, each a link to its place in the timeline. */
export function Results({ camera, answer, error, retry, drawn }: ResultsProps) {
  const [order, setOrder] = useState<Order>("newest");
  const [shown, setShown] = useState(SHOWN);
  if (error && !answer) return <Failure error={error} retry={retry} />;
  if (!answer) return <ResultsSkeleton />;
  const moments = sorted(momentsOf(answer), order);
  const unknown = unknownLength(answer, now());
  return (
    <section aria-labelledby="moments" className="pb-4">
      <div className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-b border-line px-3 py-1.5">
        <h2 id="moments" className="text-sm font-semibold">
          <span role="status">{moments.length === 0 ? "No moment" : moments.length === 1 ? "1 moment" : `${moments.length} moments`}</span>
        </h2>
        {moments.length > 1 && (
          <Segmented
            label="Order"
            value={order}
            options={[
              { value: "newest", label: "Newest" },
              { value: "most", label: "Most motion" },
            ]}
            onChange={setOrder}
          />
        )}
      </div>
      {unknown > WORTH_SAYING_MS && <p className="border-b border-line px-3 py-2 text-xs text-muted">{duration(unknown)} of this time was not searched for motion (camera away, or detection off). It is hatched above; nothing is claimed about it.</p>}
      {moments.length === 0 ? (
        <Nothing drawn={drawn} searched={unknown < Math.min(answer.to, now()) - answer.from - WORTH_SAYING_MS} />
      ) : (
        <ul>
          {moments.slice(0, shown).map((moment) => (
            <li key={moment.start}>
              <Row camera={camera} moment={moment} drawn={drawn} />
            </li>
          ))}
        </ul>
      )}
      {moments.length > shown && (
        <div className="grid place-items-center py-3">
          <Button onClick={() => setShown(shown + SHOWN)}>Show {Math.min(SHOWN, moments.length - shown)} more</Button>
        </div>
      )}
    </section>
  );
}

function Nothing({ drawn, searched }: { drawn: boolean; searched: boolean }) {
  if (!searched) {
    return (
      <Notice icon={SearchX} title="Nothing was searched in this time">
        The camera was away, or its detection was off. Choose another time or camera.
      </Notice>
    );
  }
  return (
    <Notice icon={Search} title={drawn ? "Nothing moved there" : "Nothing moved"}>
      {drawn ? "Draw a larger area, or choose a longer time." : "Choose a longer time, or another camera."}
    </Notice>
  );
}

function Row({ camera, moment, drawn }: { camera: string; moment: Moment; drawn: boolean }) {
  const places = pictureTimes(moment);
  const [tried, setTried] = useState(0);
  const place = places[tried];
  return (
    <Link
      href={timelineHref({ camera, t: moment.start - LEAD_MS, play: true })}
      prefetch={false}
      data-testid="moment"
      className="flex gap-3 border-b border-line px-3 py-2 outline-offset-[-2px] [contain-intrinsic-size:auto_54px] [content-visibility:auto] hover:bg-raised"
    >
      <span className="grid h-[54px] w-24 shrink-0 place-items-center overflow-hidden rounded-sm bg-black">
        {place === undefined ? (
          <ImageOff className="size-4 text-muted" aria-hidden />
        ) : (
          <img src={thumbnailURL(camera, place)} alt="" loading="lazy" decoding="async" onError={() => setTried(tried + 1)} className="size-full object-cover" />
        )}
      </span>
      <span className="min-w-0 flex-1 self-center">
        <span className="block truncate font-medium">{dateTime(moment.start)}</span>
        <span className="mt-0.5 flex items-center gap-2 whitespace-nowrap text-xs text-muted">
          {duration(moment.end - moment.start)}
          <span aria-hidden className="h-1.5 min-w-4 max-w-16 flex-1 overflow-hidden rounded-full bg-overlay">
            <span className="block h-full rounded-full bg-detection" style={{ width: `${Math.max(6, moment.share * 100)}%` }} />
          </span>
          <span>
            {percent(moment.share)} of the {drawn ? "area" : "picture"}
          </span>
        </span>
      </span>
    </Link>
  );
}

function ResultsSkeleton() {
  return (
    <div aria-busy aria-label="Searching">
      <div className="h-11 border-b border-line" />
      {[0, 1, 2, 3, 4].map((i) => (
        <div key={i} className="flex gap-3 border-b border-line px-3 py-2">
          <Skeleton className="h-[54px] w-24 rounded-sm" />
          <div className="flex-1 space-y-2 py-2">
            <Skeleton className="h-3.5 w-2/5" />
            <Skeleton className="h-3 w-3/5" />
          </div>
        </div>
      ))}
    </div>
  );
}
