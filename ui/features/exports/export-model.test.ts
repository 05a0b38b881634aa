import { describe, expect, it } from "vitest";
import { emptyForm, estimateKey, estimateText, modeName, progressText, requestOf } from "./export-model";

const range = { from: 1_000.4, to: 61_000 };

describe("requestOf", () => {
  it("asks for what was filled in, and leaves out what does not apply", () => {
    expect(requestOf(emptyForm(["front"]), range)).toEqual({ cameras: ["front"], stream: "main", from: 1_000, to: 61_000, mode: "copy" });
    expect(requestOf({ ...emptyForm(["a", "b"]), name: "  Theft ", mode: "exact", evidence: true, stream: "sub" }, range)).toEqual({ name: "Theft", cameras: ["a", "b"], stream: "sub", from: 1_000, to: 61_000, mode: "exact", evidence: true });
  });

  it("gives a timelapse its speed, and no evidence, for it changes the footage", () => {
    expect(requestOf({ ...emptyForm(["a"]), mode: "timelapse", speed: 120, evidence: true }, range)).toEqual({ cameras: ["a"], stream: "main", from: 1_000, to: 61_000, mode: "timelapse", speed: 120 });
  });

  it("is nothing without a camera or a range", () => {
    expect(requestOf(emptyForm([]), range)).toBeUndefined();
    expect(requestOf(emptyForm(["a"]), { from: 5, to: 5 })).toBeUndefined();
  });

  it("is estimated without its name", () => {
    expect(estimateKey(requestOf({ ...emptyForm(["a"]), name: "x" }, range)!)).not.toHaveProperty("name");
  });
});

describe("in words", () => {
  it("an estimate says size, length and interruptions", () => {
    const cameras = [{ id: "a", bytes: 1, duration_ms: 1, gaps: 2 }, { id: "b", bytes: 1, duration_ms: 1, gaps: 1 }];
    expect(estimateText({ bytes: 1.24e9, duration_ms: 750_000, cameras })).toBe("About 1.2 GB · 12 min 30 s of footage · 3 interruptions");
    expect(estimateText({ bytes: 2e6, duration_ms: 9_000, cameras: [] })).toBe("About 2.0 MB · 9 s of footage");
    expect(estimateText({ bytes: 0, duration_ms: 0, cameras: [] })).toBe("Nothing was recorded in this range.");
  });

  it("progress never says 100 % before the end, and the rest where it is known", () => {
    expect(progressText({ state: "running", progress: 0.999, eta_ms: 800 })).toBe("99 %");
    expect(progressText({ state: "running", progress: 0.421, eta_ms: 0 })).toBe("42 %");
    expect(progressText({ state: "running", progress: 0.5, eta_ms: 12_000 })).toBe("50 %, about 12 s left");
    expect(progressText({ state: "queued", progress: 0 })).toBe("Waiting for its turn");
  });

  it("a mode has its speed", () => {
    expect(modeName({ mode: "timelapse", speed: 60 })).toBe("Timelapse 60 ×");
    expect(modeName({ mode: "copy" })).toBe("Fast copy");
  });
});
