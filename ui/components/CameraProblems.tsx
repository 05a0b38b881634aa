import { TriangleAlert } from "lucide-react";
import type { Camera } from "@/lib/api/types";
import { cameraProblem } from "@/lib/format";
import { sinceTime } from "@/lib/time/zone";

/** What is wrong with the pictures or the clock of a camera that is online, and what to look at. */
export function CameraProblems({ camera }: { camera: Pick<Camera, "problems"> }) {
  if (!camera.problems?.length) return null;
  return (
    <ul className="border-t border-line" aria-label="Trouble" data-testid="problems">
      {camera.problems.map(({ problem, since, detail }) => (
        <li key={problem} className="flex gap-2.5 border-b border-line bg-detection/8 px-3 py-2.5">
          <TriangleAlert className="mt-0.5 size-4 shrink-0 text-detection" aria-hidden />
          <div className="min-w-0">
            <p className="font-medium">
              {cameraProblem(problem).title} <span className="text-xs font-normal text-muted">since {sinceTime(Date.parse(since))}</span>
            </p>
            <p className="text-xs text-muted">{detail || cameraProblem(problem).advice}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}

/** The same in two words, for where there is little room. */
export function ProblemBadge({ camera }: { camera: Pick<Camera, "problems"> }) {
  const [first, ...more] = camera.problems ?? [];
  if (!first) return null;
  return (
    <span className="inline-flex h-6 items-center gap-1 rounded-sm bg-black/75 px-2 text-xs text-detection">
      <TriangleAlert className="size-3.5" aria-hidden />
      {cameraProblem(first.problem).title}
      {more.length > 0 && ` +${more.length}`}
    </span>
  );
}
