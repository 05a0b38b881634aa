import type { Face, InboxGroup } from "@/lib/api/face-types";

/** Where the keyboard is: a group, kept by one of its faces as long as that exists, and a face of it. */
export interface Place {
  anchor: string;
  group: number;
  face: number;
}

export const START: Place = { anchor: "", group: 0, face: 0 };

/** A group's own name in the list: its oldest face, which stays while newer ones come. */
export const anchorOf = (group: InboxGroup): string => group.faces.at(-1)?.id ?? "";

/** The groups without faces that are dealt with. */
export function visibleGroups(groups: readonly InboxGroup[], hidden: ReadonlySet<string>): InboxGroup[] {
  if (hidden.size === 0) return groups.filter((g) => g.faces.length > 0);
  return groups.map((g) => ({ ...g, faces: g.faces.filter((f) => !hidden.has(f.id)) })).filter((g) => g.faces.length > 0);
}

/** The place as it is in this list: where its group is gone, the one that took its turn. */
export function settle(place: Place, groups: readonly InboxGroup[]): Place {
  if (groups.length === 0) return START;
  const found = groups.findIndex((g) => anchorOf(g) === place.anchor);
  const group = found >= 0 ? found : Math.min(place.group, groups.length - 1);
  const faces = groups[group]!.faces;
  return { anchor: anchorOf(groups[group]!), group, face: found >= 0 ? Math.min(place.face, faces.length - 1) : 0 };
}

/** One group up or down, or one face left or right; past the last face comes the next group. */
export function move(place: Place, groups: readonly InboxGroup[], by: { groups?: 1 | -1; faces?: 1 | -1 }): Place {
  const at = settle(place, groups);
  const to = (group: number, face: number): Place => ({ anchor: anchorOf(groups[group]!), group, face });
  if (groups.length === 0) return at;
  if (by.groups) return to(Math.max(0, Math.min(groups.length - 1, at.group + by.groups)), 0);
  const face = at.face + (by.faces ?? 0);
  const last = groups[at.group]!.faces.length - 1;
  if (face < 0) return at.group > 0 ? to(at.group - 1, groups[at.group - 1]!.faces.length - 1) : at;
  if (face > last) return at.group < groups.length - 1 ? to(at.group + 1, 0) : at;
  return to(at.group, face);
}

export function toggledIn(set: ReadonlySet<string>, id: string): Set<string> {
  const next = new Set(set);
  if (!next.delete(id)) next.add(id);
  return next;
}

/** What an action is about: the chosen faces, or else a whole group. */
export function targets(groups: readonly InboxGroup[], chosen: ReadonlySet<string>, group: InboxGroup | undefined): Face[] {
  const picked = groups.flatMap((g) => g.faces).filter((f) => chosen.has(f.id));
  return picked.length > 0 ? picked : (group?.faces ?? []);
}

/** Cameras of a group, each once, the latest first. */
export function camerasOf(group: InboxGroup): string[] {
  return [...new Set(group.faces.flatMap((f) => (f.camera ? [f.camera] : [])))];
}
