import { beforeEach, describe, expect, it } from "vitest";
import { mockCamera } from "@/test/fixtures";
import { setZone } from "../time/zone";
import { codecOf, liveText } from "./live-text";

const NOW = Date.parse("2026-01-31T12:00:00Z");

describe("liveText", () => {
  beforeEach(() => setZone("UTC"));

  it("lets the camera's own state speak first", () => {
    const camera = mockCamera({ state: "offline", since: "2026-01-31T11:58:00Z", reason: "no route to host", streams: [] });
    const text = liveText({ phase: "connecting" }, camera, "sub", NOW);
    expect(text).toMatchObject({ tone: "bad", short: "Offline", reason: "no route to host" });
    expect(text.long).toMatch(/^Offline since .*11:58:00, trying now$/);
  });

  it("counts down to the next try", () => {
    const camera = mockCamera();
    expect(liveText({ phase: "reconnecting", retryAt: NOW + 2_100, reason: "lost" }, camera, "sub", NOW)).toMatchObject({ long: "Reconnecting in 3 s", reason: "lost" });
    expect(liveText({ phase: "offline", retryAt: NOW + 9_000 }, camera, "sub", NOW).long).toContain("next try in 9 s");
    expect(liveText({ phase: "reconnecting", retryAt: NOW - 1 }, camera, "sub", NOW).long).toBe("Reconnecting");
  });

  it("names the codec that cannot be played", () => {
    expect(liveText({ phase: "unsupported", mime: 'video/mp4; codecs="hvc1.1.6.L93.90,mp4a.40.2"' }, mockCamera(), "main", NOW).long).toBe("This browser cannot play H.265");
    expect(codecOf(undefined)).toBe("this codec");
  });

  it("says nothing over a live picture", () => {
    expect(liveText({ phase: "live" }, mockCamera(), "sub", NOW)).toEqual({ tone: "live", short: "Live" });
  });
});
