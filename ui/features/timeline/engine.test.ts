import { describe, expect, it } from "vitest";
import type { TimelinePayload } from "@/lib/api/types";
import { decodeTimeline, Severity, type TimelineRow } from "@/lib/timeline/decode";
import { addDays, setZone } from "@/lib/time/zone";
import { bins, clampView, Cover, coverOf, DAY, eventAt, hit, MAX_SPAN, MIN_SPAN, neighbourEvent, nextRecorded, panBy, reveal, ticks, timeAt, xAt, zoomAt, type View } from "./engine";

const S = 1000;
const NOW = 1_000_000 * S;

interface Ev {
  at: number;
  length: number;
  label?: string;
}

/** A row on a clock that begins at 0: recordings and gaps as [start, end] in seconds. */
function row(recordings: [number, number][], gaps: [number, number][] = [], events: Ev[] = []): TimelineRow {
  const labels = ["person", "car", "motion"];
  const delta = (values: number[]) => values.map((v, i) => (v - (values[i - 1] ?? 0)) * S);
  const payload: TimelinePayload = {
    from: 0,
    to: 86_400 * S,
    labels,
    kinds: ["object", "motion", "camera", "manual"],
    cameras: [
      {
        id: "a",
        recordings: { start: delta(recordings.map((r) => r[0])), duration: recordings.map(([a, b]) => (b - a) * S) },
        gaps: { start: delta(gaps.map((g) => g[0])), duration: gaps.map(([a, b]) => (b - a) * S), reason: gaps.map(() => "offline") },
        events: {
          id: events.map((_, i) => `e${i}`),
          start: delta(events.map((e) => e.at)),
          duration: events.map((e) => (e.length < 0 ? -1 : e.length * S)),
          label: events.map((e) => labels.indexOf(e.label ?? "person")),
          kind: events.map((e) => (e.label === "motion" ? 1 : 0)),
          score: events.map(() => 80),
        },
      },
    ],
  };
  return decodeTimeline(payload, NOW).rows[0]!;
}

/** One column per second. */
const view = (t0: number, seconds: number): View => ({ t0: t0 * S, span: seconds * S, width: seconds });

describe("bins", () => {
  it("cover what was recorded, and say where a gap is", () => {
    const b = bins(row([[0, 4], [8, 20]], [[4, 8]]), view(0, 12), NOW);
    expect([...b.cover]).toEqual([2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2]);
  });

  it("know a range that began before the view", () => {
    const b = bins(row([[0, 1000]], [], [{ at: 10, length: 500 }]), view(100, 5), NOW);
    expect([...b.cover]).toEqual([2, 2, 2, 2, 2]);
    expect([...b.severity]).toEqual([3, 3, 3, 3, 3]);
  });

  it("find a long event behind many short ones", () => {
    const events: Ev[] = [{ at: 0, length: 900 }, ...Array.from({ length: 400 }, (_, i) => ({ at: i + 1, length: 0.2, label: "motion" }))];
    expect([...bins(row([[0, 1000]], [], events), view(700, 3), NOW).severity]).toEqual([3, 3, 3]);
  });

  it("let the more severe win on a shared column", () => {
    const b = bins(row([[0, 10]], [], [{ at: 1, length: 6, label: "motion" }, { at: 2, length: 2, label: "person" }, { at: 3, length: 3, label: "car" }]), view(0, 8), NOW);
    expect([...b.severity]).toEqual([0, 1, 3, 3, 2, 2, 1, 0]);
  });

  it("make a short event two columns wide, also in a whole day", () => {
    const day: View = { t0: 0, span: 86_400 * S, width: 100 };
    const b = bins(row([[0, 86_400]], [], [{ at: 43_200, length: 1 }]), day, NOW);
    expect([...b.severity].filter((v) => v > 0)).toHaveLength(2);
    expect(b.severity[50]).toBe(Severity.alert);
  });

  it("end an ongoing event at now", () => {
    const b = bins(row([[0, 10]], [], [{ at: 2, length: -1 }]), view(0, 10), 6 * S);
    expect([...b.severity]).toEqual([0, 0, 3, 3, 3, 3, 0, 0, 0, 0]);
  });

  it("mark where one event follows another without a break", () => {
    const b = bins(row([[0, 10]], [], [{ at: 1, length: 3 }, { at: 4, length: 3 }]), view(0, 10), NOW);
    expect([...b.seam]).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
  });

  it("show a gap shorter than a column when zoomed in", () => {
    const b = bins(row([[0, 10.2], [10.4, 60]], [[10.2, 10.4]]), { t0: 0, span: 60 * S, width: 60 }, NOW);
    expect(b.cover[10]).toBe(Cover.gap);
    expect(b.cover[11]).toBe(Cover.recorded);
  });

  it("tell gaps apart by whose doing they are, and draw the one going on up to now", () => {
    const r = row([[0, 4]], [[4, 6], [6, 8], [8, 9]]);
    r.gaps.reason = ["offline", "disk", "disabled"];
    r.gaps.end[2] = Infinity;
    expect([...bins(r, view(0, 12), 10 * S).cover]).toEqual([2, 2, 2, 2, 1, 1, 3, 3, 4, 4, 0, 0]);
    expect(coverOf("loss")).toBe(Cover.gap);
    expect(hit(r, 9.5 * S, 0, 10 * S)).toEqual({ what: "gap", reason: "disabled", start: 8 * S, end: Infinity });
  });

  it("draw counts per bucket as bars that rise with the number", () => {
    const wide = row([[0, 100]]);
    wide.density = { start: Float64Array.from([0, 20 * S, 30 * S]), bucket: 10 * S, count: Uint32Array.from([1, 40, 0]), label: ["motion", "person", ""], severity: Uint8Array.from([Severity.motion, Severity.alert, 0]), peak: 40 };
    const b = bins(wide, { t0: 0, span: 50 * S, width: 5 }, NOW);
    expect([...b.severity]).toEqual([Severity.motion, 0, Severity.alert, 0, 0]);
    expect(b.level[2]).toBe(255);
    expect(b.level[0]).toBeGreaterThan(60);
    expect(b.level[0]).toBeLessThan(b.level[2]!);
    expect(hit(wide, 25 * S, 0, NOW)).toEqual({ what: "density", index: 1 });
    expect(hit(wide, 35 * S, 0, NOW)).toEqual({ what: "recorded" });
  });

  it("leave no hole where two thousand events fill a day", () => {
    const events = Array.from({ length: 2000 }, (_, i) => ({ at: i * 43.2, length: 20 }));
    const dense = row([[0, 86_400]], [], events);
    const b = bins(dense, { t0: 0, span: DAY, width: 1280 }, NOW);
    expect(b.severity).toHaveLength(1280);
    expect(b.severity.every((v) => v === Severity.alert)).toBe(true);
  });
});

describe("hit", () => {
  const r = row([[0, 100], [200, 300]], [[100, 200]], [{ at: 20, length: 10, label: "car" }, { at: 22, length: 2, label: "person" }, { at: 60, length: 1, label: "motion" }]);

  it("finds the most severe event at a place, with some slack", () => {
    expect(r.events.label[eventAt(r.events, 23 * S, 0, NOW)]).toBe("person");
    expect(r.events.label[eventAt(r.events, 28 * S, 0, NOW)]).toBe("car");
    expect(eventAt(r.events, 40 * S, S, NOW)).toBe(-1);
    expect(r.events.label[eventAt(r.events, 58.5 * S, 2 * S, NOW)]).toBe("motion");
  });

  it("says what else is there", () => {
    expect(hit(r, 50 * S, 0, NOW)).toEqual({ what: "recorded" });
    expect(hit(r, 150 * S, 0, NOW)).toEqual({ what: "gap", reason: "offline", start: 100 * S, end: 200 * S });
    expect(hit(r, 500 * S, 0, NOW)).toEqual({ what: "nothing" });
  });

  it("finds where playback can go on", () => {
    expect(nextRecorded(r.recordings, 50 * S)).toBe(50 * S);
    expect(nextRecorded(r.recordings, 150 * S)).toBe(200 * S);
    expect(nextRecorded(r.recordings, 400 * S)).toBeUndefined();
  });

  it("steps over motion to the next object, and to motion where there is nothing else", () => {
    expect(neighbourEvent(r.events, 30 * S, 1)).toBeUndefined();
    expect(neighbourEvent(r.events, 0, 1)).toBe(0);
    expect(neighbourEvent(r.events, 90 * S, -1)).toBe(1);
    const quiet = row([[0, 100]], [], [{ at: 60, length: 1, label: "motion" }]);
    expect(neighbourEvent(quiet.events, 0, 1)).toBe(0);
  });
});

describe("the view", () => {
  const v = view(1000, 600);

  it("maps pixels to time and back", () => {
    expect(timeAt(v, 300)).toBe(1300 * S);
    expect(xAt(v, 1300 * S)).toBe(300);
  });

  it("zooms around the pointer, between a minute and a month", () => {
    const z = zoomAt(v, 150, 0.5);
    expect(z.span).toBe(300 * S);
    expect(timeAt(z, 150)).toBe(timeAt(v, 150));
    expect(zoomAt(v, 0, 1e-9).span).toBe(MIN_SPAN);
    expect(zoomAt(v, 0, 1e9).span).toBe(MAX_SPAN);
  });

  it("pans by pixels and stays out of the future", () => {
    expect(panBy(v, 60).t0).toBe(940 * S);
    const clamped = clampView({ ...v, t0: NOW }, NOW);
    expect(clamped.t0 + clamped.span).toBe(NOW + v.span * 0.05);
  });

  it("moves only when the playhead has left it", () => {
    expect(reveal(v, 1300 * S)).toBe(v);
    expect(reveal(v, 1599 * S).t0).toBe(1599 * S - v.span * 0.25);
    expect(reveal(v, 10 * S).t0).toBe(10 * S - v.span * 0.5);
  });

  it("has ticks at round local times", () => {
    const offset = 5.5 * 3600 * S;
    const day: View = { t0: 0, span: DAY, width: 1280 };
    const major = ticks(day, offset, addDays).filter((t) => t.major);
    expect(major.every((t) => (t.t + offset) % (2 * 3600 * S) === 0)).toBe(true);
    expect(major.length).toBeGreaterThan(6);
    setZone("Europe/Berlin");
    const autumn = Date.parse("2026-10-20T22:00:00Z");
    const days = ticks({ t0: autumn, span: 10 * DAY, width: 1280 }, 0, addDays);
    expect(days.map((t) => (t.t - autumn) / 3_600_000)).toEqual([0, 24, 48, 72, 96, 121, 145, 169, 193, 217]);
    expect(ticks({ t0: 0, span: 60 * S, width: 1280 }, 0, addDays).filter((t) => t.major)).toHaveLength(13);
  });
});
