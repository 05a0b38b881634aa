// The face library's JSON, as described by /api/v1/openapi.json below the tag "faces".

export interface FaceStatus {
  state: "ready" | "starting" | "disabled" | "missing" | "failed" | (string & {});
  /** what is wrong, for a person */
  message: string;
  /** the command that fixes it, or what to do */
  fix: string;
  persons: number;
  /** enrolled, of all persons */
  faces: number;
  /** unknown faces that wait for a name */
  inbox: number;
}

export interface Person {
  id: string;
  name: string;
  created_at: string;
  /** enrolled; without any, this person is never recognised */
  faces: number;
  /** the best face's picture */
  cover?: string;
  /** that name this person */
  events: number;
  last_seen?: string;
}

export interface Face {
  id: string;
  source: "upload" | "event" | (string & {});
  camera?: string;
  /** the event may be gone already */
  event_id?: string;
  seen_at: string;
  /** 0 to 1 */
  quality: number;
  /** side of the face in pixels of the picture it is from */
  size: number;
  url: string;
}

export interface PersonDetail extends Person {
  /** the best first */
  samples: Face[];
}

/** Who somebody may be. */
export interface Suggestion {
  person_id: string;
  name: string;
  /** 0 to 1 */
  similarity: number;
}

export interface FaceAdded {
  face: Face;
  /** events that are named anew */
  events: number;
  /** another person with a face like this one */
  looks_like?: Suggestion;
}

export interface InboxGroup {
  /** the newest first */
  faces: Face[];
  first_seen: string;
  last_seen: string;
  suggestion?: Suggestion;
}

export interface Inbox {
  /** the largest first */
  groups: InboxGroup[];
  total: number;
}
