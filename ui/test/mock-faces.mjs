// The face library of the mock server, with faces cut out of the shared pictures; without those, faces are plain squares.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const data = process.env.NIGHTJAR_TESTDATA ?? "../../shared/testdata";
const SIDE = 112;

/** One square JPEG per face of the pictures, the largest of each file. */
function crops() {
  const list = join(data, "expected_faces.json");
  const run = (args) => execFileSync("ffmpeg", ["-nostdin", "-loglevel", "error", ...args, "-frames:v", "1", "-f", "mjpeg", "-"], { maxBuffer: 1 << 24 });
  if (!existsSync(list)) return new Map([["", run(["-f", "lavfi", "-i", `color=c=gray:s=${SIDE}x${SIDE}`])]]);
  const out = new Map();
  for (const { file, width, height, boxes } of JSON.parse(readFileSync(list)).faces) {
    const box = boxes[0]?.box;
    if (!box) continue;
    const side = Math.min(width, height, Math.round(Math.max(box[2] - box[0], box[3] - box[1]) * 1.2));
    const x = Math.round(Math.max(0, Math.min(width - side, (box[0] + box[2] - side) / 2)));
    const y = Math.round(Math.max(0, Math.min(height - side, (box[1] + box[3] - side) / 2)));
    out.set(file.replace(/^faces\//, ""), run(["-i", join(data, file), "-vf", `crop=${side}:${side}:${x}:${y},scale=${SIDE}:${SIDE}`]));
  }
  return out;
}

const people = [
  ["anna", "Anna", ["miranda_1.png"]],
  ["ben", "Ben", ["obama_1.jpg", "obama_2.jpg", "obama_1_720p.jpg"]],
  ["carl", "Carl with a rather long family name", ["biden_1.jpg"]],
  ["dora", "Dora", []],
];
const strangers = [
  { suggestion: { person_id: "carl", name: "Carl with a rather long family name", similarity: 0.38 }, pictures: ["biden_2.jpg", "biden_1.jpg", "biden_2.jpg", "biden_2.jpg"] },
  { pictures: ["lacamoire_1.png", "lacamoire_2.jpg"] },
  { pictures: Array.from({ length: 27 }, (_, i) => ["obama_1_240p.jpg", "obama_partial.jpg"][i % 2]) },
  { pictures: ["lacamoire_2.jpg"] },
];

const sentences = [
  [/none/, "no face was found in the picture; take one in which the face is larger and looks at the camera"],
  [/two/, "two faces are in the picture; cut out the one that is meant"],
  [/small/, "the face cannot be used, it is too small (24 pixels wide); take a larger, sharper picture from the front"],
];

export function makeFaceLibrary(events) {
  const pictures = crops();
  const now = Date.now();
  const cameras = ["front_door", "driveway", "hall"];
  let serial = 0;
  const face = (person, picture, source) => ({
    id: `f${serial}`, person, picture, source, ...(source === "event" && { camera: cameras[serial % 3], event_id: events[serial % events.length]?.id }),
    seen_at: new Date(now - (serial++ * 47 + 9) * 60_000).toISOString(), quality: 0.5 + ((serial * 37) % 50) / 100, size: 40 + ((serial * 23) % 90),
  });
  let persons = people.map(([id, name]) => ({ id, name, created_at: new Date(now - 9 * 86_400_000).toISOString() }));
  let faces = people.flatMap(([id, , list]) => list.map((p, i) => face(id, p, i ? "event" : "upload")));
  const groups = strangers.map(({ suggestion, pictures: list }) => ({ suggestion, ids: list.map((p) => faces.push(face("", p, "event")) && faces.at(-1).id) }));

  const told = ({ id, source, camera, event_id, seen_at, quality, size }) => ({ id, source, camera, event_id, seen_at, quality, size, url: `faces/samples/${id}/crop.jpg` });
  const whole = (p) => {
    const mine = faces.filter((f) => f.person === p.id);
    const seen = events.filter((e) => e.identity?.person_id === p.id);
    return { ...p, faces: mine.length, cover: mine[0] && told(mine[0]).url, events: seen.length, last_seen: seen[0]?.start };
  };
  const find = (id) => persons.find((p) => p.id === id);
  const inbox = () => {
    const out = groups
      .map(({ suggestion, ids }) => ({ suggestion: suggestion && find(suggestion.person_id) && suggestion, faces: ids.flatMap((id) => faces.filter((f) => f.id === id && f.person === "")).map(told) }))
      .filter((g) => g.faces.length > 0)
      .map((g) => ({ ...g, first_seen: g.faces.at(-1).seen_at, last_seen: g.faces[0].seen_at }));
    return { groups: out.sort((a, b) => b.faces.length - a.faces.length), total: out.reduce((n, g) => n + g.faces.length, 0) };
  };
  const add = (name) => {
    const person = { id: `p${serial++}`, name, created_at: new Date().toISOString() };
    persons = [...persons, person].sort((a, b) => a.name.localeCompare(b.name));
    return person;
  };
  const give = (id, list) => list.forEach((f) => Object.assign(f, { person: id }));
  const identify = (event, person) => Object.assign(event, { identity: { state: "known", person_id: person.id, name: person.name, similarity: 1 }, revision: event.revision + 1 });

  /** Answers `faces…`; false where nothing is there. */
  return function answer(key, body, state, send, problem, jpeg) {
    const json = () => JSON.parse(body);
    const missing = () => problem(404, "Not Found", "this person does not exist, they may have been removed or merged");
    let m;
    if (key === "GET faces") {
      const { length: known } = faces.filter((f) => f.person);
      const texts = { missing: ["the face models are not there: mmod_human_face_detector.dat is missing", "nightjar models pull dlib"], disabled: ["face recognition is switched off in the configuration", "set faces.enabled: true and restart"] };
      const [message, fix] = texts[state] ?? ["", ""];
      send(200, { state: state || "ready", message, fix, persons: persons.length, faces: known, inbox: inbox().total });
    } else if (key === "GET faces/persons") send(200, { items: state === "disabled" ? [] : persons.map(whole) });
    else if (key === "POST faces/persons") {
      const { name } = json();
      if (persons.some((p) => p.name.toLowerCase() === name.toLowerCase())) problem(409, "Conflict", `somebody is called ${name} already`);
      else send(201, whole(add(name)));
    } else if ((m = /^(GET|PATCH|DELETE) faces\/persons\/(\w+)$/.exec(key))) {
      const person = find(m[2]);
      if (!person) missing();
      else if (m[1] === "GET") send(200, { ...whole(person), samples: faces.filter((f) => f.person === person.id).map(told) });
      else if (m[1] === "PATCH") {
        person.name = json().name;
        send(200, whole(person));
      } else {
        persons = persons.filter((p) => p !== person);
        faces = faces.filter((f) => f.person !== person.id);
        events.forEach((e) => e.identity?.person_id === person.id && (e.identity = { state: "unknown", similarity: 0 }));
        send(204);
      }
    } else if ((m = /^POST faces\/persons\/(\w+)\/merge$/.exec(key))) {
      const into = find(m[1]);
      for (const id of json().persons) {
        give(into.id, faces.filter((f) => f.person === id));
        events.forEach((e) => e.identity?.person_id === id && identify(e, into));
        persons = persons.filter((p) => p.id !== id);
      }
      send(200, whole(into));
    } else if ((m = /^POST faces\/persons\/(\w+)\/faces$/.exec(key))) {
      const file = /filename="([^"]*)"/.exec(body)?.[1] ?? "";
      const refused = sentences.find(([pattern]) => pattern.test(file));
      if (!/name="picture"/.test(body)) problem(422, "Unprocessable Entity", "no picture came: send a form (multipart/form-data) with a JPEG or PNG file in the field picture");
      else if (refused) problem(422, "Unprocessable Entity", refused[1]);
      else {
        const made = { ...face(m[1], [...pictures.keys()][0], "upload"), seen_at: new Date().toISOString() };
        faces.push(made);
        send(201, { face: told(made), events: 2, looks_like: /twin/.test(file) ? { person_id: "ben", name: "Ben", similarity: 0.2 } : undefined });
      }
    } else if ((m = /^POST faces\/persons\/(\w+)\/events$/.exec(key))) {
      const [person, event] = [find(m[1]), events.find((e) => e.id === json().event_id)];
      if (!person) return missing(), true;
      const made = face(person.id, [...pictures.keys()][0], "event");
      faces.push(made);
      identify(event, person);
      send(201, { face: told(made), events: 1 });
    } else if (key === "GET faces/inbox") send(200, state === "disabled" ? { groups: [], total: 0 } : inbox());
    else if (key === "POST faces/assign") {
      const { faces: ids, person_id, name } = json();
      const person = find(person_id) ?? persons.find((p) => p.name.toLowerCase() === name?.toLowerCase()) ?? add(name);
      give(person.id, faces.filter((f) => ids.includes(f.id)));
      send(200, { person: whole(person), events: ids.length });
    } else if (key === "POST faces/delete") {
      const { faces: ids } = json();
      faces = faces.filter((f) => !ids.includes(f.id));
      send(200, { deleted: ids.length });
    } else if ((m = /^GET faces\/samples\/(\w+)\/crop\.jpg$/.exec(key))) {
      const sample = faces.find((f) => f.id === m[1]);
      if (sample) jpeg(pictures.get(sample.picture) ?? [...pictures.values()][0]);
      else problem(404, "Not Found", "this face does not exist, it may have been removed or have expired");
    } else return false;
    return true;
  };
}
