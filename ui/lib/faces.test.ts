import { describe, expect, it } from "vitest";
import { mockEvent, mockFaceStatus } from "@/test/fixtures";
import { identityOf, MAX_PICTURE, pictureProblem, similarityText, statusNotice } from "./faces";

describe("identityOf", () => {
  it("knows the known, the strangers and those not seen yet", () => {
    expect(identityOf(mockEvent({ identity: { state: "known", person_id: "p1", name: "Anna", similarity: 0.834 } }))).toEqual({ state: "known", name: "Anna", personId: "p1", sure: "83 % alike" });
    expect(identityOf(mockEvent({ identity: { state: "unknown", similarity: 0 } }))).toEqual({ state: "unknown" });
    expect(identityOf(mockEvent({ end: undefined }))).toEqual({ state: "none", ongoing: true });
  });

  it("has nothing to say of what has no face", () => {
    expect(identityOf(mockEvent({ label: "car" }))).toBeUndefined();
    expect(identityOf(mockEvent({ kind: "motion", label: "motion" }))).toBeUndefined();
  });
});

describe("similarityText", () => {
  it("tells a guess from what a person said", () => {
    expect(similarityText(0.5)).toBe("50 % alike");
    expect(similarityText(1)).toBe("confirmed");
    expect(similarityText(undefined)).toBe("");
  });
});

describe("statusNotice", () => {
  it("is silent while faces are recognised", () => {
    expect(statusNotice(mockFaceStatus())).toBeUndefined();
  });

  it("tells a command from advice", () => {
    expect(statusNotice(mockFaceStatus({ state: "missing", message: "the face models are not there", fix: "nightjar models pull dlib" }))).toEqual({ title: "The models for faces are missing", text: "The face models are not there.", command: "nightjar models pull dlib", advice: undefined });
    expect(statusNotice(mockFaceStatus({ state: "disabled", message: "switched off", fix: "set faces.enabled: true and restart" }))?.advice).toBe("Set faces.enabled: true and restart.");
  });

  it("has a title for a state that is not known here", () => {
    expect(statusNotice(mockFaceStatus({ state: "resting" }))?.title).toBe("Faces are not recognised");
  });
});

describe("pictureProblem", () => {
  it("refuses what the server would not take, before it is sent", () => {
    expect(pictureProblem({ type: "image/jpeg", size: 5 })).toBeUndefined();
    expect(pictureProblem({ type: "image/heic", size: 5 })).toMatch(/neither a JPEG nor a PNG/);
    expect(pictureProblem({ type: "image/png", size: MAX_PICTURE + 1 })).toMatch(/10 MB/);
  });
});
