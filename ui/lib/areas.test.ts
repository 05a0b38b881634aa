import { describe, expect, it } from "vitest";
import { type Draft, draftsOf, freeName, problemsOf, yamlOf } from "./areas";

const draft = (over: Partial<Draft> = {}): Draft => ({
  key: "k",
  kind: "zone",
  name: "porch",
  points: [[0.1, 0.5], [0.4, 0.5], [0.4, 1], [0.1, 1]],
  labels: [],
  inertia: 3,
  loitering: 0,
  lengths: [],
  ...over,
});
const problems = (over: Partial<Draft>, others: Draft[] = []) => problemsOf(draft(over), [draft(over), ...others], ["front_door"]);

describe("yamlOf", () => {
  it("writes what config.example.yaml shows", () => {
    const text = yamlOf("front_door", [
      draft({ labels: ["person"], inertia: 5, loitering: 30 }),
      draft({ name: "driveway", points: [[0.5, 0.6], [0.9, 0.6], [1, 1], [0.4, 1]], lengths: [3, 8, 3, 8] }),
      draft({ kind: "line", name: "gate", points: [[0.45, 0.55], [0.95, 0.55]], labels: ["person", "car"] }),
      draft({ kind: "motion_mask", name: "", points: [[0, 0], [0.3, 0], [0.3, 0.05], [0, 0.05]] }),
      draft({ kind: "object_mask", name: "", labels: ["car"], points: [[0.7, 0.4], [1, 0.4], [1, 0.6], [0.7, 0.6]] }),
    ]);
    expect(text).toBe(`cameras:
  front_door:
    detect:
      masks:
        motion:
          - [[0, 0], [0.3, 0], [0.3, 0.05], [0, 0.05]]
        objects:
          - {labels: [car], points: [[0.7, 0.4], [1, 0.4], [1, 0.6], [0.7, 0.6]]}
    zones:
      porch:
        points: [[0.1, 0.5], [0.4, 0.5], [0.4, 1], [0.1, 1]]
        labels: [person]
        inertia: 5
        loitering: 30s
      driveway:
        points: [[0.5, 0.6], [0.9, 0.6], [1, 1], [0.4, 1]]
        lengths: [3, 8, 3, 8]
    lines:
      gate: {points: [[0.45, 0.55], [0.95, 0.55]], labels: [person, car]}
`);
  });

  it("quotes what YAML would read as something else", () => {
    expect(yamlOf("demo", [draft({ name: "off", labels: ["dining table", "7"] })])).toContain(`      "off":\n        points: [[0.1, 0.5], [0.4, 0.5], [0.4, 1], [0.1, 1]]\n        labels: [dining table, "7"]`);
  });
});

describe("problemsOf", () => {
  it("finds none in a good area", () => expect(problems({})).toEqual([]));

  it.each<[Partial<Draft>, RegExp]>([
    [{ name: "Front Porch" }, /a-z, 0-9 and _/],
    [{ name: "front_door" }, /id of a camera/],
    [{ points: [[0, 0], [1, 1], [1, 0], [0, 1]] }, /cross each other/],
    [{ inertia: 101 }, /inertia/],
    [{ loitering: 4000 }, /loitering/],
    [{ lengths: [3, 8, 3] }, /4 sides/],
    [{ lengths: [3, 8, 3, 0] }, /0\.1 to 1000/],
    [{ lengths: [1, 1, 1, 9] }, /other three together/],
    [{ points: [[0, 0], [1, 0], [0.2, 0.2], [0, 1]], lengths: [3, 8, 3, 8] }, /must be convex/],
    [{ kind: "line" }, /two ends/],
  ])("says what is wrong: %j", (over, what) => expect(problems(over).join("; ")).toMatch(what));

  it("refuses one name for two of a kind, and asks no name of a mask", () => {
    expect(problems({}, [draft({ key: "other" })])).toEqual(["another zone has this name"]);
    expect(problems({ kind: "motion_mask", name: "" })).toEqual([]);
  });
});

it("what is configured can be changed, and new ones get free names", () => {
  const known = draftsOf([{ kind: "zone", name: "zone_1", points: [[0, 0], [1, 0], [1, 1]], labels: null }]);
  expect(known[0]).toMatchObject({ name: "zone_1", labels: [], inertia: 3, loitering: 0, lengths: [] });
  expect(freeName("zone", known)).toBe("zone_2");
  expect(freeName("line", known)).toBe("line_1");
});
