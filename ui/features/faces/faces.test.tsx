import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import type { FaceStatus, InboxGroup, Person } from "@/lib/api/face-types";
import { storageKey } from "@/lib/base";
import { mockBootstrap, mockFace, mockFaceStatus, mockPerson, mockSession } from "@/test/fixtures";
import { navigation, renderPage, server } from "@/test/render";
import { FacesView } from "./FacesView";
import { PersonView } from "./PersonView";

vi.mock("next/navigation", () => ({ useRouter: () => navigation, useSearchParams: () => new URLSearchParams(navigation.search) }));

let status: FaceStatus;
let persons: Person[];
let groups: InboxGroup[];
let role: string;
const sent = vi.fn();
const refuse = (detail: string) => HttpResponse.json({ title: "Unprocessable Entity", status: 422, detail }, { status: 422 });

beforeAll(() => {
  server.listen({ onUnhandledRequest: "error" });
  // jsdom has neither.
  Object.assign(URL, { createObjectURL: () => "blob:picture", revokeObjectURL: () => undefined });
});
beforeEach(async () => {
  navigation.search = "";
  navigation.replace.mockReset();
  sent.mockReset();
  status = mockFaceStatus();
  role = "admin";
  persons = [mockPerson(), mockPerson({ id: "p2", name: "Ben", faces: 1, events: 0, cover: undefined, last_seen: undefined })];
  groups = [
    { faces: [mockFace({ id: "u1" }), mockFace({ id: "u2" })], first_seen: "2026-01-31T10:00:00.000Z", last_seen: "2026-01-31T11:00:00.000Z", suggestion: { person_id: "p2", name: "Ben", similarity: 0.4 } },
    { faces: [mockFace({ id: "u3", camera: "drive" })], first_seen: "2026-01-31T09:00:00.000Z", last_seen: "2026-01-31T09:00:00.000Z" },
  ];
  localStorage.setItem(storageKey("session"), "1");
  const keep = async (what: string, request: Request): Promise<void> => void sent(what, await request.json());
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap({ user: { id: "u", name: "x", role } }))),
    http.get("*/api/v1/faces", () => HttpResponse.json(status)),
    http.get("*/api/v1/faces/persons", () => HttpResponse.json({ items: persons })),
    http.get("*/api/v1/faces/inbox", () => HttpResponse.json({ groups, total: 3 })),
    http.get("*/api/v1/faces/persons/:id", ({ params }) => {
      const person = persons.find((p) => p.id === params.id);
      return person ? HttpResponse.json({ ...person, samples: [mockFace({ id: "f1" }), mockFace({ id: "f2", source: "upload", camera: undefined })].slice(0, person.faces) }) : HttpResponse.json({ title: "Not Found", status: 404, detail: "this person does not exist" }, { status: 404 });
    }),
    http.post("*/api/v1/faces/assign", async ({ request }) => {
      await keep("assign", request);
      groups = groups.slice(1);
      return HttpResponse.json({ person: persons[1], events: 2 });
    }),
    http.post("*/api/v1/faces/delete", async ({ request }) => {
      await keep("delete", request);
      return HttpResponse.json({ deleted: 1 });
    }),
    http.post("*/api/v1/faces/persons", async ({ request }) => {
      await keep("add", request);
      return HttpResponse.json(mockPerson({ id: "p3", name: "Carl" }), { status: 201 });
    }),
    http.post("*/api/v1/faces/persons/:id/merge", async ({ request, params }) => {
      await keep(`merge ${String(params.id)}`, request);
      return HttpResponse.json(persons[1]);
    }),
    http.patch("*/api/v1/faces/persons/:id", async ({ request }) => {
      await keep("rename", request);
      return refuse("somebody is called Ben already");
    }),
    http.delete("*/api/v1/faces/persons/:id", ({ params }) => {
      sent("remove", params.id);
      return new HttpResponse(null, { status: 204 });
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

describe("People", () => {
  it("shows who is known, with what is known of them", async () => {
    renderPage(<FacesView />);
    const [anna, ben] = await screen.findAllByTestId("person");
    expect(anna!.textContent).toMatch(/Anna2 faces · 4 eventsLast seen/);
    expect(anna!.querySelector("img")?.getAttribute("src")).toBe("/api/v1/faces/samples/f1/crop.jpg");
    expect(ben!.textContent).toMatch(/1 face · 0 eventsNot seen yet/);
    expect(within(anna!).getByRole("link").getAttribute("href")).toMatch(/^\/faces\/person\/?\?id=p1$/);
  });

  it("adds somebody by a picture, passing on what the server says of each", async () => {
    let n = 0;
    server.use(
      http.post("*/api/v1/faces/persons/p3/faces", ({ request }) => {
        sent("upload", request.headers.get("content-type"));
        return n++ === 0 ? refuse("two faces are in the picture; cut out the one that is meant") : HttpResponse.json({ face: mockFace(), events: 3, looks_like: { person_id: "p1", name: "Anna", similarity: 0.1 } }, { status: 201 });
      }),
    );
    renderPage(<FacesView />);
    await userEvent.click(await screen.findByRole("button", { name: "Add a person" }));
    const dialog = within(await screen.findByRole("dialog"));
    const files = [new File(["1"], "party.jpg", { type: "image/jpeg" }), new File(["2"], "carl.jpg", { type: "image/jpeg" }), new File(["3"], "notes.txt", { type: "text/plain" })];
    fireEvent.drop(dialog.getByLabelText("Pictures"), { dataTransfer: { files } });
    expect(await dialog.findByText(/neither a JPEG nor a PNG/)).toBeTruthy();
    await userEvent.type(dialog.getByRole("textbox", { name: "Name" }), "Carl");
    await userEvent.click(dialog.getByRole("button", { name: "Add 2 pictures" }));
    expect(await dialog.findByText("Two faces are in the picture; cut out the one that is meant.")).toBeTruthy();
    expect(await dialog.findByText("Added. 3 events have this name now.")).toBeTruthy();
    expect(dialog.getByText(/much like Anna’s/)).toBeTruthy();
    expect(sent).toHaveBeenCalledWith("add", { name: "Carl" });
    expect(sent).toHaveBeenCalledWith("upload", expect.stringMatching(/^multipart\/form-data; boundary=/));
    expect(sent).not.toHaveBeenCalledWith("remove", "p3");
  });

  it("leaves nobody behind when no picture could be used", async () => {
    server.use(http.post("*/api/v1/faces/persons/p3/faces", () => refuse("no face was found in the picture")));
    renderPage(<FacesView />);
    await userEvent.click(await screen.findByRole("button", { name: "Add a person" }));
    const dialog = within(await screen.findByRole("dialog"));
    await userEvent.upload(dialog.getByLabelText("Pictures"), new File(["1"], "a.jpg", { type: "image/jpeg" }));
    await userEvent.type(dialog.getByRole("textbox", { name: "Name" }), "Carl");
    await userEvent.click(dialog.getByRole("button", { name: "Add person" }));
    expect(await dialog.findByText("No face was found in the picture.")).toBeTruthy();
    await waitFor(() => expect(sent).toHaveBeenCalledWith("remove", "p3"));
  });

  it("says what to do when the models are missing, and to viewers what they may see", async () => {
    status = mockFaceStatus({ state: "missing", message: "the face models are not there", fix: "nightjar models pull dlib" });
    role = "viewer";
    renderPage(<FacesView />);
    expect((await screen.findByTestId("face-status")).textContent).toContain("nightjar models pull dlib");
    await screen.findAllByTestId("person");
    expect(screen.queryByRole("button", { name: "Add a person" })).toBeNull();
  });

  it("says what to do first, and when the list cannot be loaded", async () => {
    persons = [];
    const { unmount } = renderPage(<FacesView />);
    expect(await screen.findByText("Nobody is known yet")).toBeTruthy();
    unmount();
    server.use(http.get("*/api/v1/faces/persons", () => HttpResponse.json({ title: "x", status: 503, detail: "the database is starting" }, { status: 503 })));
    renderPage(<FacesView />);
    expect(await screen.findByText("The database is starting.")).toBeTruthy();
  });
});

describe("Inbox", () => {
  beforeEach(() => {
    navigation.search = "tab=unknown";
  });

  it("gives a whole group to the person it suggests", async () => {
    renderPage(<FacesView />);
    await userEvent.click(await screen.findByRole("button", { name: "It is Ben" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("assign", { faces: ["u1", "u2"], person_id: "p2" }));
    await waitFor(() => expect(screen.getAllByTestId("group")).toHaveLength(1));
  });

  it("is worked by keys alone: choose a face, type a new name", async () => {
    renderPage(<FacesView />);
    await screen.findAllByTestId("group");
    await waitFor(() => expect(screen.getAllByRole("button", { pressed: false }).length).toBeGreaterThan(2));
    await userEvent.keyboard("{ArrowDown}{ArrowRight}x{Enter}");
    const dialog = within(await screen.findByRole("dialog", { name: "Who is this?" }));
    await userEvent.type(dialog.getByRole("combobox"), "Dora{Enter}");
    await waitFor(() => expect(sent).toHaveBeenCalledWith("assign", { faces: ["u2"], name: "Dora" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  it("finds a person by a few letters, the suggested one first", async () => {
    renderPage(<FacesView />);
    await userEvent.click(await screen.findByRole("button", { name: "Somebody else…" }));
    const dialog = within(await screen.findByRole("dialog"));
    expect((await dialog.findAllByRole("option")).map((o) => o.textContent)).toEqual([expect.stringMatching(/^Ben/), expect.stringMatching(/^Anna/)]);
    await userEvent.type(dialog.getByRole("combobox"), "ann");
    expect(dialog.getAllByRole("option").map((o) => o.textContent)).toEqual([expect.stringMatching(/^Anna/), "annNew person"]);
    await userEvent.keyboard("{Enter}");
    await waitFor(() => expect(sent).toHaveBeenCalledWith("assign", { faces: ["u1", "u2"], person_id: "p1" }));
  });

  it("takes a dismissal back, and sends it when the page is left", async () => {
    const { unmount } = renderPage(<FacesView />);
    const dismiss = async () => userEvent.click(await screen.findByRole("button", { name: "Dismiss group 2" }));
    await dismiss();
    expect(screen.getAllByTestId("group")).toHaveLength(1);
    await userEvent.keyboard("u");
    expect(screen.getAllByTestId("group")).toHaveLength(2);
    expect(sent).not.toHaveBeenCalled();
    await dismiss();
    unmount();
    await waitFor(() => expect(sent).toHaveBeenCalledWith("delete", { faces: ["u3"] }));
  });

  it("keeps the dialog with the server's sentence when it is refused", async () => {
    server.use(http.post("*/api/v1/faces/assign", () => refuse("this is no name for a person")));
    renderPage(<FacesView />);
    await userEvent.click(await screen.findByRole("button", { name: "Name…" }));
    await userEvent.type(await screen.findByRole("combobox"), "known{Enter}");
    expect(await screen.findByText("This is no name for a person.")).toBeTruthy();
  });

  it("says when nobody waits", async () => {
    groups = [];
    renderPage(<FacesView />);
    expect(await screen.findByText("No unknown faces")).toBeTruthy();
  });
});

describe("PersonView", () => {
  beforeEach(() => {
    navigation.search = "id=p1";
  });
  const page = () => renderPage(<PersonView events={(id) => <p>events of {id}</p>} />);

  it("shows faces and events, and removes a face after saying what goes", async () => {
    page();
    expect(await screen.findByText("events of p1")).toBeTruthy();
    expect(screen.getAllByTestId("sample")).toHaveLength(2);
    await userEvent.click((await screen.findAllByRole("button", { name: /^Remove the face/ }))[0]!);
    const dialog = within(await screen.findByRole("dialog"));
    expect(dialog.getByText(/recognised by the other 1 face then/)).toBeTruthy();
    await userEvent.click(dialog.getByRole("button", { name: "Remove" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("delete", { faces: ["f1"] }));
  });

  it("merges into whichever name stays", async () => {
    page();
    await userEvent.click(await screen.findByRole("button", { name: "Merge" }));
    const dialog = within(await screen.findByRole("dialog"));
    await userEvent.selectOptions(await dialog.findByRole("combobox"), "p2");
    expect(dialog.getByText(/1 face and 0 events of Ben become Anna’s/)).toBeTruthy();
    await userEvent.click(dialog.getByRole("radio", { name: /Ben/ }));
    expect(dialog.getByText(/2 faces and 4 events of Anna become Ben’s/)).toBeTruthy();
    await userEvent.click(dialog.getByRole("button", { name: "Merge into Ben" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("merge p2", { persons: ["p1"] }));
    await waitFor(() => expect(navigation.replace).toHaveBeenCalledWith("/faces/person/?id=p2"));
  });

  it("keeps the name that the server refuses in the field, with the sentence", async () => {
    page();
    await userEvent.click(await screen.findByRole("button", { name: "Rename" }));
    const field = await screen.findByRole("textbox", { name: "Name" });
    await userEvent.clear(field);
    await userEvent.type(field, "Ben{Enter}");
    expect(await screen.findByText("Somebody is called Ben already.")).toBeTruthy();
  });

  it("says what goes before somebody is deleted", async () => {
    page();
    await userEvent.click(await screen.findByRole("button", { name: "Delete" }));
    const dialog = within(await screen.findByRole("dialog"));
    expect(dialog.getByText("the name in 4 events")).toBeTruthy();
    await userEvent.click(dialog.getByRole("button", { name: "Delete Anna" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("remove", "p1"));
    await waitFor(() => expect(navigation.replace).toHaveBeenCalledWith("/faces/"));
  });

  it("says when there is no such person", async () => {
    navigation.search = "id=gone";
    page();
    expect(await screen.findByText("This person is not in the library")).toBeTruthy();
  });
});
