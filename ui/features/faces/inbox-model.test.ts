import { describe, expect, it } from "vitest";
import type { InboxGroup } from "@/lib/api/face-types";
import { mockFace } from "@/test/fixtures";
import { camerasOf, move, settle, START, targets, toggledIn, visibleGroups } from "./inbox-model";

const group = (...ids: string[]): InboxGroup => ({ faces: ids.map((id) => mockFace({ id })), first_seen: "", last_seen: "" });
const groups = [group("a", "b"), group("c"), group("d", "e")];

describe("move", () => {
  it("goes from group to group, and stops at the ends", () => {
    const second = move(START, groups, { groups: 1 });
    expect(second).toEqual({ anchor: "c", group: 1, face: 0 });
    expect(move(START, groups, { groups: -1 }).group).toBe(0);
    expect(move({ ...second, anchor: "e", group: 2 }, groups, { groups: 1 }).group).toBe(2);
  });

  it("goes through the faces, and on to the next group", () => {
    let place = move(START, groups, { faces: 1 });
    expect(place).toMatchObject({ group: 0, face: 1 });
    place = move(place, groups, { faces: 1 });
    expect(place).toMatchObject({ group: 1, face: 0 });
    expect(move(place, groups, { faces: -1 })).toMatchObject({ group: 0, face: 1 });
  });

  it("has nowhere to go in an empty inbox", () => {
    expect(move(START, [], { groups: 1 })).toEqual(START);
  });
});

describe("settle", () => {
  it("follows its group when others come before it", () => {
    expect(settle({ anchor: "c", group: 1, face: 0 }, [group("z"), ...groups])).toMatchObject({ group: 2 });
  });

  it("takes the one that took its turn when it is gone", () => {
    expect(settle({ anchor: "c", group: 1, face: 3 }, [groups[0]!, groups[2]!])).toEqual({ anchor: "e", group: 1, face: 0 });
  });
});

describe("choice", () => {
  it("is the chosen faces, or else the group", () => {
    const ids = (chosen: string[]) => targets(groups, new Set(chosen), groups[0]).map((f) => f.id);
    expect(ids([])).toEqual(["a", "b"]);
    expect(ids(["e", "b"])).toEqual(["b", "e"]);
    expect(ids(["gone"])).toEqual(["a", "b"]);
    expect(toggledIn(new Set(["a"]), "a").size).toBe(0);
  });

  it("leaves out what is dealt with, and groups that are empty then", () => {
    expect(visibleGroups(groups, new Set(["a", "c"])).map((g) => g.faces.map((f) => f.id))).toEqual([["b"], ["d", "e"]]);
  });

  it("names each camera once", () => {
    expect(camerasOf({ ...group("a", "b"), faces: [mockFace({ camera: "front" }), mockFace({ camera: "front" }), mockFace({ camera: undefined })] })).toEqual(["front"]);
  });
});
