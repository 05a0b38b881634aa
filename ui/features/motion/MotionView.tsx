"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Cctv, Eraser, Flame, Pentagon, Square } from "lucide-react";
import { type ReadonlyURLSearchParams, useRouter, useSearchParams } from "next/navigation";
import { useMemo, useState } from "react";
import { CameraStill } from "@/components/CameraStill";
import { DrawingBoard, type Tool } from "@/components/DrawingBoard";
import { Failure, Notice } from "@/components/Notice";
import { Button } from "@/components/ui/button";
import { Chip } from "@/components/ui/chip";
import { Select } from "@/components/ui/select";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useDebounced } from "@/hooks/use-debounced";
import { sentence } from "@/lib/api/errors";
import type { Camera, Point } from "@/lib/api/types";
import { polygonProblem } from "@/lib/geometry";
import { motionHref, parseInstant } from "@/lib/links";
import { heatmapQuery, motionQuery, stillURL } from "@/lib/queries/motion";
import { thumbnailURL } from "@/lib/queries/playback";
import { now } from "@/lib/time/clock";
import { HeatOverlay } from "./HeatOverlay";
import { RangeFields, type SearchRange } from "./RangeFields";
import { Results } from "./Results";
import { Strip, StripSkeleton } from "./Strip";

/** Page "Motion search": when something moved in a part of a camera's picture. */
export function MotionView() {
  const boot = useBootstrap();
  const params = useSearchParams();
  const cameras = boot.data?.cameras;
  if (boot.isError && !cameras) return <Failure error={boot.error} retry={() => void boot.refetch()} className="h-full" />;
  if (!cameras) return <Skeleton className="h-full rounded-none" />;
  const camera = cameras.find((c) => c.id === params.get("camera")) ?? cameras[0];
  if (!camera) {
    return (
      <Notice icon={Cctv} title="No camera is set up yet" className="h-full">
        Its picture can be searched once a camera is in config.yaml.
      </Notice>
    );
  }
  return <Loaded key={camera.id} camera={camera} cameras={cameras} params={params} />;
}

const DAY = 86_400_000;
const SETTLE_MS = 300;

function Loaded({ camera, cameras, params }: { camera: Camera; cameras: Camera[]; params: ReadonlyURLSearchParams }) {
  const router = useRouter();
  const anchor = parseInstant(params.get("t"));
  const [opened] = useState(now);
  const [range, setRange] = useState<SearchRange>(() => ({ from: (anchor ?? opened) - DAY, to: anchor ?? opened }));
  const [area, setArea] = useState<Point[]>([]);
  const [tool, setTool] = useState<Tool>();
  const [heated, setHeated] = useState(false);
  const settled = useDebounced(area, SETTLE_MS);
  const problem = area.length > 0 ? polygonProblem(area) : undefined;
  const request = useMemo(() => ({ camera: camera.id, ...range, area: settled.length > 0 && !polygonProblem(settled) ? settled : [] }), [camera.id, range, settled]);
  const search = useQuery({ ...motionQuery(request), placeholderData: keepPreviousData });
  const heat = useQuery({ ...heatmapQuery({ camera: camera.id, ...range }), enabled: heated, placeholderData: keepPreviousData });
  const shape = area.length > 0 ? [{ key: "area", name: "", points: area, tone: "accent" as const, faulty: problem !== undefined }] : [];
  const drawing: Tool | undefined = tool ?? (area.length === 0 ? "rectangle" : undefined);
  return (
    <div className="flex flex-col md:h-full md:flex-row">
      <div className="flex min-w-0 flex-col md:flex-1">
        <div role="toolbar" aria-label="Area" className="flex shrink-0 items-center gap-1.5 overflow-x-auto border-b border-line bg-surface px-3 py-2 [scrollbar-width:none]">
          {cameras.length > 1 && (
            <Select label="Camera" value={camera.id} onChange={(e) => router.replace(motionHref(e.target.value, anchor), { scroll: false })} className="max-w-44 shrink-0">
              {cameras.map((c) => (
                <option key={c.id} value={c.id}>
                  {c.name}
                </option>
              ))}
            </Select>
          )}
          <Chip pressed={drawing === "rectangle"} onClick={() => setTool("rectangle")}>
            <Square className="size-4" aria-hidden />
            Rectangle
          </Chip>
          <Chip pressed={drawing === "polygon"} onClick={() => setTool("polygon")}>
            <Pentagon className="size-4" aria-hidden />
            Polygon
          </Chip>
          <Chip pressed={heated} onClick={() => setHeated(!heated)}>
            <Flame className="size-4" aria-hidden />
            Heat
          </Chip>
          <Button
            variant="ghost"
            disabled={area.length === 0}
            onClick={() => {
              setArea([]);
              setTool(undefined);
            }}
          >
            <Eraser aria-hidden />
            Whole picture
          </Button>
        </div>
        <div className="grid min-h-0 place-items-center bg-black md:flex-1">
          <CameraStill src={anchor ? thumbnailURL(camera.id, anchor, 1280) : stillURL(camera.id, opened)} alt={`Picture of ${camera.name}`} missing="There is no picture of this camera now. An area can be drawn all the same." className="max-w-full">
            {(picture) => (
              <DrawingBoard
                shapes={shape}
                selected="area"
                onChange={(_, points) => setArea(points)}
                tool={drawing}
                onDraw={(points) => {
                  setArea(points);
                  setTool(undefined);
                }}
                className="size-full"
              >
                {picture}
                {heated && heat.data && <HeatOverlay heat={heat.data} />}
              </DrawingBoard>
            )}
          </CameraStill>
        </div>
        <Hint tool={drawing} problem={problem} empty={area.length === 0} onMiddle={() => setArea([[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]])} heat={heated && heat.isError ? sentence(heat.error) : undefined} />
        {search.data ? <Strip answer={search.data} now={now()} /> : <StripSkeleton />}
      </div>
      <aside aria-label="Search" className="flex shrink-0 flex-col border-line bg-surface max-md:border-t md:w-80 md:overflow-y-auto md:border-l lg:w-96" aria-busy={search.isFetching}>
        <div className="border-b border-line p-3">
          <RangeFields range={range} onChange={setRange} />
        </div>
        <Results camera={camera.id} answer={search.data} error={search.error} retry={() => void search.refetch()} drawn={request.area.length > 0} />
      </aside>
    </div>
  );
}

interface HintProps {
  tool: Tool | undefined;
  problem?: string;
  empty: boolean;
  heat?: string;
  onMiddle: () => void;
}

/** What to do next; without a pointer an area begins in the middle and is moved by its corners. */
function Hint({ tool, problem, empty, heat, onMiddle }: HintProps) {
  const text =
    problem !== undefined
      ? `This area cannot be searched: ${problem}.`
      : tool === "polygon"
        ? "Press at each corner, then on the first one again or Enter. Backspace takes the last one back."
        : tool === "rectangle"
          ? empty
            ? "Drag over the part of the picture to search. Until then it is the whole picture."
            : "Drag over the part of the picture to search instead."
          : "Drag the area or its corners; arrow keys move a corner.";
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-t border-line bg-surface px-3 py-2 text-xs text-muted">
      <p role="status" className={problem ? "text-alert" : undefined}>
        {text}
      </p>
      {empty && (
        <button type="button" onClick={onMiddle} className="min-h-6 font-medium text-accent hover:underline">
          Begin in the middle
        </button>
      )}
      {heat && <p className="text-alert">{heat}</p>}
    </div>
  );
}
