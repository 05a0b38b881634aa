import { describe, expect, it } from "vitest";
import { backlogText, deletionReason, forecastSentence, forecastShort, shares } from "./text";

const archive = { enabled: true, state: "ok" as const, backlog_files: 0, backlog_bytes: 0, uploaded_bytes: 0 };

describe("the forecast", () => {
  it("says how long, and why", () => {
    expect(forecastSentence({ days: 12.2, limit: "space" })).toBe("About 12 days until the oldest footage goes, to make room on the disk.");
    expect(forecastSentence({ days: 1.1, limit: "age" })).toBe("About 1 day until the oldest footage goes, because its days are over.");
    expect(forecastSentence({ days: 0.2, limit: "cap" })).toMatch(/^Less than a day until/);
  });

  it("says so where nothing goes", () => {
    expect(forecastSentence({ limit: "none" })).toBe("Nothing will be deleted: there is room, and no limit is set.");
    expect(forecastShort(undefined)).toBe("–");
    expect(forecastShort(0.4)).toBe("< 1 day");
    expect(forecastShort(1)).toBe("1 day");
    expect(forecastShort(29.6)).toBe("30 days");
  });
});

describe("shares", () => {
  it("never exceed the whole", () => {
    expect(shares({ total: 100, free: 20, recordings_bytes: 70 })).toEqual({ ours: 0.7, others: 0.1 });
    expect(shares({ total: 100, free: 60, recordings_bytes: 70 })).toEqual({ ours: 0.7, others: 0 });
    expect(shares({ total: 0, free: 0, recordings_bytes: 70 })).toEqual({ ours: 0, others: 0 });
  });
});

describe("in words", () => {
  it("the archive's backlog and the reasons of deletion", () => {
    expect(backlogText(archive)).toBe("Nothing is waiting");
    expect(backlogText({ ...archive, backlog_files: 1240, backlog_bytes: 3.1e9 })).toBe("1,240 files, 3.1 GB");
    expect(deletionReason("camera_cap")).toBe("The camera's recordings are too large");
  });
});
