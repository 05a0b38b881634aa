"use client";
import { Cctv } from "lucide-react";
import { useRouter } from "next/navigation";
import { useEffect, useRef } from "react";
import { Command } from "@/components/Command";
import { HeaderSlot } from "@/components/HeaderSlot";
import { Notice } from "@/components/Notice";
import { Badge } from "@/components/ui/badge";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useHotkeys } from "@/hooks/use-hotkeys";
import { useMedia } from "@/hooks/use-media";
import { useSize } from "@/hooks/use-size";
import { cameraHref } from "@/lib/links";
import { bestGrid, fixedGrid } from "./layout";
import { type Columns, useDashboardPrefs } from "./store";
import { Tile } from "./Tile";

const GAP = 2;
const choices: readonly { value: Columns; label: string; title: string }[] = [
  { value: "auto", label: "Auto", title: "As large as fits" },
  { value: "1", label: "1", title: "One column" },
  { value: "2", label: "2", title: "Two columns" },
  { value: "3", label: "3", title: "Three columns" },
  { value: "4", label: "4", title: "Four columns" },
];

export function LiveGrid() {
  const cameras = useBootstrap().data?.cameras;
  const router = useRouter();
  const box = useRef<HTMLDivElement>(null);
  const [width, height] = useSize(box, cameras?.length);
  const phone = useMedia("(max-width: 56rem)");
  const { columns, setColumns } = useDashboardPrefs();
  useEffect(() => void useDashboardPrefs.persist.rehydrate(), []);
  useHotkeys(Object.fromEntries((cameras ?? []).slice(0, 9).map((camera, i) => [String(i + 1), () => router.push(cameraHref(camera.id))])));

  const n = cameras?.length ?? 0;
  const online = cameras?.filter((c) => c.state === "online").length ?? 0;
  const grid = columns === "auto" ? bestGrid(n, width || 16, height || 9) : fixedGrid(n, Number(columns));
  // With a chosen number of columns, tiles keep 16:9 and the grid scrolls if it must.
  const tile = columns === "auto" ? Math.floor(Math.min((width - GAP * (grid.columns - 1)) / grid.columns, (((height - GAP * (grid.rows - 1)) / grid.rows) * 16) / 9)) : (width - GAP * (grid.columns - 1)) / grid.columns;
  return (
    <>
      <HeaderSlot>
        {cameras && n > 0 && <Badge tone={online === n ? "neutral" : "warn"}>{`${online} / ${n} online`}</Badge>}
        <div className="flex-1" />
        {n > 1 && !phone && <Segmented label="Columns" value={columns} options={choices} onChange={setColumns} className="h-7" />}
      </HeaderSlot>
      <div ref={box} className="min-h-0 flex-1 bg-black max-md:flex-none md:overflow-y-auto">
        {cameras && n === 0 ? (
          <NoCameras />
        ) : (
          <ul
            aria-label="Cameras"
            className="grid min-h-full content-center justify-center gap-0.5 max-md:grid-cols-1! max-md:auto-rows-auto!"
            style={{ gridTemplateColumns: `repeat(${grid.columns}, ${tile}px)`, gridAutoRows: `${(tile * 9) / 16}px` }}
          >
            {cameras
              ? cameras.map((camera, i) => (
                  <li key={camera.id} className="grid min-h-0 min-w-0">
                    <Tile camera={camera} index={i} />
                  </li>
                ))
              : [0, 1, 2, 3].map((i) => (
                  <li key={i} className="grid max-md:aspect-video">
                    <Skeleton className="rounded-none" />
                  </li>
                ))}
          </ul>
        )}
      </div>
    </>
  );
}

function NoCameras() {
  return (
    <Notice icon={Cctv} title="No camera is set up yet" className="h-full" action={<Command>nightjar check config.yaml</Command>}>
      Add one under <code className="font-mono text-fg">cameras:</code> in config.yaml (config.example.yaml shows how), check the file, and start Nightjar again.
    </Notice>
  );
}
