import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Playhead } from "@/lib/player/playhead";
import { SyncPlayer, type SyncState } from "@/lib/player/sync-player";
import { setZone } from "@/lib/time/zone";
import { decodeTimeline } from "@/lib/timeline/decode";
import { mockCamera } from "@/test/fixtures";
import { renderPage } from "@/test/render";
import { SyncTile } from "./SyncTile";

const T = Date.parse("2020-01-31T14:03:00Z");
const MIN = 60_000;

const row = decodeTimeline(
  {
    from: T - 3 * MIN,
    to: T + 60 * MIN,
    labels: [],
    kinds: [],
    cameras: [{ id: "front", recordings: { start: [7 * MIN], duration: [30 * MIN] }, gaps: { start: [2 * MIN], duration: [5 * MIN], reason: ["offline"] } }],
  },
  T + 86_400_000,
).rows[0];

/** The real player, whose state the test sets. */
function setup(state: Partial<SyncState>) {
  const playhead = new Playhead(T);
  const player = new SyncPlayer(playhead, { load: () => new Promise(() => undefined), open: () => new Promise(() => undefined), nextFootage: () => undefined });
  const shown = { ...player.state(), phase: "ready" as const, ...state };
  player.state = () => shown;
  const hear = vi.fn();
  const camera = mockCamera({ streams: [{ role: "main", state: "online", audio: "mp4a.40.2" }] });
  renderPage(<SyncTile player={player} playhead={playhead} camera={camera} row={row} heard={false} small={false} onHear={hear} />);
  return { hear, playhead };
}

describe("SyncTile", () => {
  beforeEach(() => setZone("UTC"));

  it("says why a camera has no picture, and when it is back", () => {
    setup({ tiles: { front: { phase: "gap", stream: "main" } } });
    expect(screen.getByText("Camera offline 14:02–14:07")).toBeTruthy();
    expect(screen.getByText("5 min without footage, back at 14:07:00")).toBeTruthy();
  });

  it("follows the clock out of the gap's reason", () => {
    const { playhead } = setup({ tiles: { front: { phase: "gap", stream: "main" } } });
    act(() => playhead.set(T - 2 * MIN));
    expect(screen.getByText("Nothing recorded")).toBeTruthy();
  });

  it("shows what failed, and which stream one sees", () => {
    setup({ tiles: { front: { phase: "failed", reason: "This browser cannot play the recording's codec", stream: "sub" } } });
    expect(screen.getByRole("alert").textContent).toBe("This browser cannot play the recording's codec");
    expect(screen.getByText("Small stream")).toBeTruthy();
  });

  it("can be chosen to be heard", async () => {
    const { hear } = setup({ tiles: { front: { phase: "following", stream: "main" } } });
    await userEvent.click(screen.getByRole("button", { name: "Hear Front door" }));
    expect(hear).toHaveBeenCalled();
    expect(screen.queryByRole("status")).toBeNull();
  });
});
