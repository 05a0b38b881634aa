"use client";
import { Cctv, EyeOff, type LucideIcon, Pentagon, PersonStanding, Square, Waypoints, X } from "lucide-react";
import { useRouter, useSearchParams } from "next/navigation";
import { useMemo, useState } from "react";
import { CameraStill } from "@/components/CameraStill";
import { DrawingBoard, type Shape, type Tool } from "@/components/DrawingBoard";
import { Failure, Notice } from "@/components/Notice";
import { Button } from "@/components/ui/button";
import { Chip } from "@/components/ui/chip";
import { Segmented } from "@/components/ui/segmented";
import { Select } from "@/components/ui/select";
import { Skeleton } from "@/components/ui/skeleton";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useClock } from "@/hooks/use-clock";
import { type Draft, DEFAULT_INERTIA, draftsOf, freeName, kindName, problemsOf } from "@/lib/areas";
import type { Area, Bootstrap, Camera, Point } from "@/lib/api/types";
import { zonesHref } from "@/lib/links";
import { stillURL } from "@/lib/queries/motion";
import { AreaForm } from "./AreaForm";
import { AreaList } from "./AreaList";
import { useDrawings } from "./store";
import { YamlPanel } from "./YamlPanel";

type Kind = Area["kind"];

const kinds: { kind: Kind; icon: LucideIcon }[] = [
  { kind: "zone", icon: Pentagon },
  { kind: "line", icon: Waypoints },
  { kind: "motion_mask", icon: EyeOff },
  { kind: "object_mask", icon: PersonStanding },
];

const tones: Record<Kind, Shape["tone"]> = { zone: "accent", line: "info", motion_mask: "muted", object_mask: "detection" };

/** Page "Zones": areas and lines over a camera's picture, as the text that config.yaml wants. */
export function ZonesView() {
  const boot = useBootstrap();
  const id = useSearchParams().get("camera");
  if (boot.isError && !boot.data) return <Failure error={boot.error} retry={() => void boot.refetch()} className="h-full" />;
  if (!boot.data) return <Skeleton className="h-full rounded-none" />;
  const { cameras } = boot.data;
  const camera = cameras.find((c) => c.id === id) ?? cameras[0];
  if (!camera) {
    return (
      <Notice icon={Cctv} title="No camera is set up yet" className="h-full">
        Zones can be drawn once a camera is in config.yaml.
      </Notice>
    );
  }
  return <Editor key={camera.id} camera={camera} boot={boot.data} />;
}

/** The picture is asked for anew this often. */
const PICTURE_MS = 10_000;
const MIDDLE: Point[] = [[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]];
const MIDDLE_LINE: Point[] = [[0.25, 0.5], [0.75, 0.5]];
const noAreas: Area[] = [];

function Editor({ camera, boot }: { camera: Camera; boot: Bootstrap }) {
  const router = useRouter();
  const known = useMemo(() => draftsOf(camera.areas ?? noAreas), [camera.areas]);
  const drawn = useDrawings((s) => s.drafts[camera.id]);
  const set = useDrawings((s) => s.set);
  const drafts = drawn ?? known;
  const [selected, setSelected] = useState<string>();
  const [adding, setAdding] = useState<Kind>();
  const [outline, setOutline] = useState<"polygon" | "rectangle">("polygon");
  const version = Math.floor(useClock() / PICTURE_MS);
  const ids = useMemo(() => boot.cameras.map((c) => c.id), [boot.cameras]);
  const problems = useMemo(() => new Map(drafts.map((d) => [d.key, problemsOf(d, drafts, ids)])), [drafts, ids]);
  const current = drafts.find((d) => d.key === selected);
  const tool: Tool | undefined = adding && (adding === "line" ? "line" : outline);

  const change = (key: string, by: Partial<Draft>) => set(camera.id, drafts.map((d) => (d.key === key ? { ...d, ...by } : d)));
  const add = (points: Point[]) => {
    if (!adding) return;
    const key = `new-${drafts.reduce((n, d) => Math.max(n, Number(d.key.replace(/^\D+/, "")) + 1), 0)}`;
    set(camera.id, [...drafts, { key, kind: adding, name: freeName(adding, drafts), points, labels: [], inertia: DEFAULT_INERTIA, loitering: 0, lengths: [] }]);
    setSelected(key);
    setAdding(undefined);
  };
  const remove = (key: string) => {
    set(camera.id, drafts.filter((d) => d.key !== key));
    setSelected(undefined);
  };
  const shapes = drafts.map((d): Shape => ({ key: d.key, name: d.name || kindName[d.kind], points: d.points, tone: tones[d.kind], open: d.kind === "line", faulty: (problems.get(d.key)?.length ?? 0) > 0 }));

  return (
    <div className="flex flex-col md:h-full md:flex-row">
      <div className="flex min-w-0 flex-col md:flex-1">
        <div role="toolbar" aria-label="Draw" className="flex shrink-0 items-center gap-1.5 overflow-x-auto border-b border-line bg-surface px-3 py-2 [scrollbar-width:none]">
          {boot.cameras.length > 1 && (
            <Select label="Camera" value={camera.id} onChange={(e) => router.replace(zonesHref(e.target.value), { scroll: false })} className="max-w-44 shrink-0">
              {boot.cameras.map((c) => (
                <option key={c.id} value={c.id}>
                  {c.name}
                </option>
              ))}
            </Select>
          )}
          {kinds.map(({ kind, icon: Icon }) => (
            <Chip key={kind} pressed={adding === kind} onClick={() => setAdding(adding === kind ? undefined : kind)}>
              <Icon className="size-4" aria-hidden />
              {kindName[kind]}
            </Chip>
          ))}
        </div>
        <div className="grid min-h-0 place-items-center bg-black md:flex-1">
          <CameraStill src={stillURL(camera.id, version)} alt={`Picture of ${camera.name}`} missing="There is no picture of this camera now. Areas can be drawn all the same." className="max-w-full">
            {(picture) => (
              <DrawingBoard shapes={shapes} selected={adding ? undefined : selected} onSelect={setSelected} onChange={(key, points) => change(key, { points })} tool={tool} onDraw={add} className="size-full">
                {picture}
              </DrawingBoard>
            )}
          </CameraStill>
        </div>
        <div className="flex min-h-11 shrink-0 flex-wrap items-center gap-x-3 gap-y-1.5 border-t border-line bg-surface px-3 py-1.5 text-xs text-muted">
          {adding && adding !== "line" && (
            <Segmented
              label="Outline"
              value={outline}
              options={[
                { value: "polygon", label: "Polygon" },
                { value: "rectangle", label: "Rectangle" },
              ]}
              onChange={setOutline}
            />
          )}
          <p role="status" className="min-w-0">
            {hint(adding, outline, current !== undefined, drafts.length)}
          </p>
          {adding && (
            <>
              <button type="button" onClick={() => add(adding === "line" ? MIDDLE_LINE : MIDDLE)} className="inline-flex min-h-8 items-center gap-1 font-medium text-accent hover:underline">
                <Square className="size-3.5" aria-hidden />
                Begin in the middle
              </button>
              <Button variant="ghost" onClick={() => setAdding(undefined)}>
                <X aria-hidden />
                Cancel
              </Button>
            </>
          )}
        </div>
      </div>
      <aside aria-label="Areas" className="flex shrink-0 flex-col border-line bg-surface max-md:border-t md:w-80 md:overflow-y-auto md:border-l lg:w-96">
        <AreaList drafts={drafts} problems={problems} selected={selected} onSelect={(key) => setSelected(key === selected ? undefined : key)} onRemove={remove} onReset={drawn ? () => set(camera.id, undefined) : undefined}>
          {current && <AreaForm key={current.key} draft={current} labels={boot.labels} problems={problems.get(current.key) ?? []} onChange={(by) => change(current.key, by)} />}
        </AreaList>
        <YamlPanel camera={camera.id} drafts={drafts} faulty={drafts.filter((d) => (problems.get(d.key)?.length ?? 0) > 0).length} changed={drawn !== undefined} />
      </aside>
    </div>
  );
}

function hint(adding: Kind | undefined, outline: "polygon" | "rectangle", selected: boolean, count: number): string {
  if (adding === "line") return "Drag from one end to the other. What crosses it goes from side a to side b, or back.";
  if (adding) return outline === "polygon" ? "Press at each corner, then on the first one again or Enter. Backspace takes the last one back." : "Drag from one corner to the opposite one.";
  if (selected) return "Drag the area or its corners. Arrow keys move a corner, Delete removes it, the small dots add one.";
  return count > 0 ? "Choose an area to change it, or draw another one." : "Choose above what to draw.";
}
