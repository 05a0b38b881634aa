import type { QueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import { ApiError } from "../api/errors";
import type { FaceAdded, FaceStatus, Inbox, Person, PersonDetail } from "../api/face-types";
import { refetchEvents } from "./events";

const keys = {
  all: ["faces"] as const,
  status: ["faces", "status"] as const,
  persons: ["faces", "persons"] as const,
  person: (id: string) => ["faces", "person", id] as const,
  inbox: ["faces", "inbox"] as const,
};

const personPath = (id: string, rest = "") => `faces/persons/${encodeURIComponent(id)}${rest}`;

/** Whether faces are recognised. */
export function faceStatusQuery() {
  return {
    queryKey: keys.status,
    queryFn: ({ signal }: { signal: AbortSignal }) => api.get<FaceStatus>("faces", signal),
    staleTime: 15_000,
    refetchInterval: 60_000, // models that were put in place are nobody's message
  };
}

/** Everybody the library knows, by name. */
export function personsQuery() {
  return {
    queryKey: keys.persons,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Person[]> => (await api.get<{ items: Person[] | null }>("faces/persons", signal)).items ?? [],
    staleTime: 15_000,
  };
}

export function personQuery(id: string) {
  return {
    queryKey: keys.person(id),
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<PersonDetail> => {
      const person = await api.get<PersonDetail>(personPath(id), signal);
      return { ...person, samples: person.samples ?? [] };
    },
    staleTime: 15_000,
    retry: (failures: number, error: Error) => failures < 2 && !(error instanceof ApiError && error.status === 404),
  };
}

/** Unknown faces, in groups of like ones. */
export function inboxQuery() {
  return {
    queryKey: keys.inbox,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Inbox> => {
      const inbox = await api.get<Inbox>("faces/inbox", signal);
      return { ...inbox, groups: (inbox.groups ?? []).map((g) => ({ ...g, faces: g.faces ?? [] })) };
    },
    staleTime: 15_000,
    refetchInterval: 30_000,
  };
}

export function refetchFaces(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: keys.all });
}

/** After a change of the library: events that are over are named anew without a message that says so. */
export async function refetchNamed(client: QueryClient): Promise<void> {
  await Promise.all([refetchFaces(client), refetchEvents(client)]);
}

/** A person who is known, or a name for one who is not yet. */
export type Who = { id: string; name: string } | { id?: undefined; name: string };

export function addPerson(name: string): Promise<Person> {
  return api.request<Person>("POST", "faces/persons", { name });
}

export function renamePerson(id: string, name: string): Promise<Person> {
  return api.request<Person>("PATCH", personPath(id), { name });
}

/** Gives the faces and events of another person to this one; the other is gone then. */
export function mergePersons(into: string, other: string): Promise<Person> {
  return api.request<Person>("POST", personPath(into, "/merge"), { persons: [other] });
}

export function deletePerson(id: string): Promise<void> {
  return api.request<void>("DELETE", personPath(id));
}

/** Adds the one face of a picture. The server says in a sentence why there is none that could be used. */
export function uploadFace(person: string, picture: File): Promise<FaceAdded> {
  const form = new FormData();
  form.set("picture", picture, picture.name);
  return api.request<FaceAdded>("POST", personPath(person, "/faces"), form);
}

/** Says whose faces these are; a name that nobody has makes a new person. */
export function assignFaces(faces: string[], who: Who): Promise<{ person: Person; events: number }> {
  return api.request("POST", "faces/assign", { faces, ...(who.id ? { person_id: who.id } : { name: who.name }) });
}

export async function deleteFaces(faces: string[]): Promise<number> {
  return (await api.request<{ deleted: number }>("POST", "faces/delete", { faces })).deleted;
}

/**
 * Does something for a person who may have to be made first. Where it fails, somebody who was made for it only is taken away
 * again: nobody wants a person without a face because a picture showed none.
 */
export async function forPerson<T>(who: Who, work: (id: string) => Promise<T>): Promise<T> {
  if (who.id) return work(who.id);
  const { id } = await addPerson(who.name);
  try {
    return await work(id);
  } catch (error) {
    await deletePerson(id).catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}

/** "This event shows …": its face is added, and the event is named. */
export function nameEvent(event: string, who: Who): Promise<FaceAdded> {
  return forPerson(who, (id) => api.request<FaceAdded>("POST", personPath(id, "/events"), { event_id: event }));
}
