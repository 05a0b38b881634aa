import { afterEach, beforeEach, describe as group, expect, it, vi } from "vitest";
import { setZone } from "@/lib/time/zone";
import { decodeTimeline, joinDays } from "@/lib/timeline/decode";
import { hit } from "./engine";
import { describe, footageAt, gapSentence, spokenPlace } from "./words";

const at = (text: string) => Date.parse(`2026-01-31T${text}Z`);
const MIN = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(at("15:00:00"));
  setZone("UTC");
});
afterEach(() => vi.useRealTimers());

/** A day with footage from 14:00, a gap at 14:02 of five minutes, and one that began at 14:50 and goes on. */
function row() {
  const from = at("00:00:00");
  const payload = {
    from,
    to: from + 86_400_000,
    labels: ["person"],
    kinds: ["object" as const],
    cameras: [
      {
        id: "a",
        recordings: { start: [14 * 60 * MIN, 7 * MIN], duration: [2 * MIN, 43 * MIN] },
        gaps: { start: [842 * MIN, 48 * MIN], duration: [5 * MIN, 10 * MIN], reason: ["offline", "disk"] },
        events: { id: ["x"], start: [843 * MIN], duration: [10_000], label: [0], kind: [0], score: [90] },
      },
    ],
  };
  return joinDays([decodeTimeline(payload, at("15:00:00"))], "a");
}

group("gaps in words", () => {
  it("say from when to when, and why", () => {
    expect(gapSentence("offline", at("14:02:00"), at("14:07:00"))).toBe("Camera offline 14:02–14:07");
    expect(gapSentence("loss", at("14:02:00"), at("14:02:03"))).toBe("Packets lost 14:02:00–14:02:03");
    expect(gapSentence("new_reason", at("14:02:00"), at("14:07:00"))).toBe("New reason 14:02–14:07");
  });

  it("have no end while they go on", () => {
    expect(gapSentence("disk", at("14:50:00"), Infinity)).toBe("Disk too slow or refused since 14:50");
    expect(gapSentence("offline", at("14:02:00") - 86_400_000, Infinity)).toBe("Camera offline since yesterday 14:02");
  });

  it("name both days where they differ", () => {
    expect(gapSentence("restart", at("14:02:00") - 86_400_000, at("14:07:00"))).toBe("Nightjar not running Yesterday 14:02 – Today 14:07");
  });

  it("are found in a row, with the one going on up to now", () => {
    const r = row();
    const on = hit(r, at("14:58:00"), 0, at("15:00:00"));
    expect(on).toEqual({ what: "gap", reason: "disk", start: at("14:50:00"), end: Infinity });
    expect(describe(on, r)).toBe("Disk too slow or refused since 14:50");
  });
});

group("footage that is damaged", () => {
  it("is there, and says what was lost", () => {
    const r = row();
    r.gaps = { start: Float64Array.from([at("14:10:00")]), end: Float64Array.from([at("14:10:03")]), reason: ["loss"], detail: ["12 of 45 packets"] };
    const found = hit(r, at("14:10:01"), 0, at("15:00:00"));
    expect(found).toMatchObject({ what: "recorded", damage: { detail: "12 of 45 packets" } });
    expect(describe(found, r)).toBe("Packets lost 14:10:00–14:10:03");
  });
});

group("footageAt", () => {
  it("looks below the events", () => {
    expect(footageAt(row(), at("14:03:05"))).toMatchObject({ what: "gap", reason: "offline" });
    expect(hit(row(), at("14:03:05"), 0, at("15:00:00")).what).toBe("event");
    expect(footageAt(undefined, 0)).toBeUndefined();
  });
});

group("spokenPlace", () => {
  it("reads time, what there is, and why there is nothing", () => {
    expect(spokenPlace(row(), at("14:10:00"))).toBe("14:10:00, recorded");
    expect(spokenPlace(row(), at("14:03:02"))).toBe("14:03:02, Person, recorded");
    expect(spokenPlace(row(), at("14:05:00"))).toBe("14:05:00, no recording, Camera offline 14:02–14:07");
    expect(spokenPlace(undefined, at("14:05:00"))).toBe("14:05:00, no recording");
  });
});
