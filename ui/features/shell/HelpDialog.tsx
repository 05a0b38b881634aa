"use client";
import { Dialog } from "@/components/ui/dialog";

const groups: { title: string; keys: [string[], string][] }[] = [
  {
    title: "Everywhere",
    keys: [
      [["?"], "This help"],
      [["g", "l"], "Live view"],
      [["g", "t"], "Timeline"],
      [["g", "e"], "Events"],
      [["g", "m"], "Motion search"],
      [["g", "f"], "Faces"],
      [["g", "x"], "Exports and kept footage"],
      [["g", "n"], "Notifications"],
      [["g", "s"], "System"],
      [["g", "a"], "API reference"],
    ],
  },
  {
    title: "Live view and camera",
    keys: [
      [["1–9"], "Open a camera"],
      [["M"], "Sound on or off"],
      [["F"], "Full screen"],
      [["T"], "Timeline of this camera"],
      [["Esc"], "Back to all cameras"],
    ],
  },
  {
    title: "Timeline",
    keys: [
      [["Space"], "Play or pause"],
      [["J", "K", "L"], "Slower or back, pause, faster"],
      [["←", "→"], "5 s back or on, with Shift 60 s"],
      [[",", "."], "One picture back or on"],
      [["[", "]"], "Previous or next event"],
      [["+", "−"], "Zoom in or out"],
      [["I", "O"], "Start and end of a selection"],
      [["E"], "Export the selection"],
      [["P"], "Save this picture"],
      [["S"], "Several cameras at the same time"],
      [["Shift + drag"], "Select in the timeline"],
      [["1–9"], "Another camera, same time"],
      [["N"], "Now: live"],
      [["M"], "Sound on or off"],
      [["F"], "Full screen"],
    ],
  },
  {
    title: "Unknown faces",
    keys: [
      [["↑", "↓"], "Move through the groups"],
      [["←", "→"], "Move through the faces of a group"],
      [["X"], "Choose this face"],
      [["Enter"], "Say who it is"],
      [["Y"], "It is who is suggested"],
      [["D"], "Dismiss"],
      [["U"], "Undo the dismissal"],
    ],
  },
  {
    title: "Corners of an area",
    keys: [
      [["Tab"], "Next corner"],
      [["←", "→"], "Move it, with Shift further"],
      [["Insert"], "Add a corner after it"],
      [["Delete"], "Remove it"],
    ],
  },
  {
    title: "Events",
    keys: [
      [["A"], "Alerts only"],
      [["↑", "↓"], "Move through the list"],
      [["Enter"], "Show details"],
      [["P"], "Play in the timeline"],
    ],
  },
];

export function HelpDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Keyboard shortcuts" description="Keys by page" toRead className="sm:max-w-2xl">
      <div className="columns-1 gap-8 p-4 sm:columns-2">
        {groups.map((group) => (
          <section key={group.title} className="mb-5 break-inside-avoid">
            <h2 className="mb-1.5 text-xs font-semibold text-muted">{group.title}</h2>
            <dl>
              {group.keys.map(([keys, what]) => (
                <div key={what} className="flex min-h-8 items-center justify-between gap-4 border-b border-line/60 py-1">
                  <dt className="order-2 flex shrink-0 gap-1">
                    {keys.map((key) => (
                      <kbd key={key} className="min-w-6 rounded-sm border border-line bg-raised px-1.5 py-0.5 text-center font-mono text-xs">
                        {key}
                      </kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
