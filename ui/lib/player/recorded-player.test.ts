import { describe, expect, it } from "vitest";
import { windowFor } from "./recorded-player";

const at = (text: string) => Date.parse(`2026-01-31T${text}Z`);

describe("windowFor", () => {
  it("is an hour that begins on the grid of ten minutes", () => {
    expect(windowFor(at("10:17:03"), at("20:00:00"))).toEqual({ from: at("10:10:00"), to: at("11:10:00") });
  });

  it("is the same for places close together, so that a seek asks for nothing new", () => {
    expect(windowFor(at("10:10:00"), at("20:00:00"))).toEqual(windowFor(at("10:19:59"), at("20:00:00")));
  });

  it("ends at now", () => {
    expect(windowFor(at("10:17:03"), at("10:20:00"))).toEqual({ from: at("10:10:00"), to: at("10:20:00") });
  });
});
