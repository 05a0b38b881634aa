// What the mock server tells: six cameras in different states, a day of events, and recordings with gaps.
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const START = Date.now();
const iso = (ms) => new Date(ms).toISOString();

function streams(state, over = {}) {
  const common = { state, reason: over.reason ?? "", since: iso(START - 3 * HOUR), retry_at: over.retry_at };
  const known = state === "online" || over.seen;
  return [
    { role: "main", ...common, ...(known ? { codec: over.codec ?? "avc1.640028", audio: over.audio ?? "", width: 1920, height: 1080, fps: 15, bitrate: 2_140_000 } : {}) },
    { role: "sub", ...common, ...(known ? { codec: "avc1.4d401e", audio: "", width: 640, height: 360, fps: 15, bitrate: 310_000 } : {}) },
  ];
}

const camera = (id, name, order, state, over = {}) => ({
  id,
  name,
  order,
  state,
  reason: over.reason ?? "",
  since: iso(over.since ?? START - 3 * HOUR),
  retry_at: over.retry_at,
  recording: over.recording ?? true,
  detecting: over.detecting ?? true,
  streams: streams(state, over),
  areas: over.areas ?? [],
  problems: over.problems ?? [],
});

const areas = [
  { kind: "zone", name: "porch", points: [[0.1, 0.5], [0.45, 0.5], [0.45, 1], [0.1, 1]], labels: ["person"] },
  { kind: "line", name: "gate", points: [[0.45, 0.55], [0.95, 0.6]], labels: [] },
  { kind: "motion_mask", name: "", points: [[0, 0], [0.3, 0], [0.3, 0.05], [0, 0.05]], labels: [] },
];

export function makeCameras() {
  const retry_at = iso(START + 25_000);
  return [
    camera("front_door", "Front door", 1, "online", { audio: "mp4a.40.2", areas }),
    camera("driveway", "Driveway", 2, "online", { problems: [{ problem: "blurred", since: iso(START - 40 * MINUTE), detail: "" }] }),
    camera("garden", "Garden", 3, "online", { recording: false }),
    camera("side_gate", "Side gate", 4, "offline", { reason: "connect to 192.168.1.24:554: connection refused", since: START - 21 * MINUTE, retry_at, seen: true }),
    camera("porch", "Porch", 5, "starting", { reason: "waiting for the first key frame" }),
    camera("hall", "Hall", 6, "online", { codec: "hvc1.1.6.L120.90" }),
  ];
}

/** Which clip stands for which camera. */
export const clipOf = { front_door: "pedestrians_sub", driveway: "parking_sub", garden: "counter_sub", side_gate: "parking_sub", porch: "counter_sub", hall: "counter_sub" };

function random(seed) {
  return () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

const labels = ["person", "car", "dog", "bicycle", "cat", "truck", "bus", "bird", "backpack", "suitcase"];
const weights = [0.34, 0.3, 0.06, 0.06, 0.04];

function pickLabel(r) {
  for (let i = 0, sum = 0; i < weights.length; i++) if ((sum += weights[i]) > r) return labels[i];
  return "";
}

/** What alert rules made of it, and where it went. */
function judged(label, rnd) {
  const severity = label === "person" ? (rnd() < 0.4 ? "high" : "") : label === "car" && rnd() < 0.3 ? "low" : "";
  const path = Array.from({ length: 9 }, (_, i) => ({ x: 0.2 + 0.06 * i, y: 0.9 - 0.03 * i, time: "" }));
  return { severity, rules: severity ? [severity === "high" ? "somebody_outside" : "cars"] : [], entered_zones: label === "person" ? ["porch"] : [], crossings: [], max_speed: 0, path, ...(label === "person" ? { mode: severity ? "night" : "home", ...seen(rnd()) } : {}) };
}

/** Who it was, for as many as were seen well. */
function seen(x) {
  if (x < 0.3) return { identity: { state: "known", person_id: "anna", name: "Anna", similarity: 0.83 } };
  if (x < 0.4) return { identity: { state: "known", person_id: "ben", name: "Ben", similarity: 1 } };
  return x < 0.6 ? { identity: { state: "unknown", similarity: 0 } } : {};
}

export function makeVerdicts(event) {
  const person = event.label === "person";
  const high = event.severity === "high";
  return {
    severity: event.severity,
    rules: event.rules,
    verdicts: [
      { rule: "cars", severity: "low", alert: event.severity === "low", conditions: [{ name: "label", holds: !person, detail: person ? "person is not one of car." : "car is one of car." }] },
      {
        rule: "somebody_outside",
        severity: "high",
        alert: high,
        conditions: [
          { name: "label", holds: person, detail: person ? "person is one of person." : `${event.label} is not one of person.` },
          { name: "zone", holds: person, detail: person ? "it has entered porch, and porch is asked for." : "it has entered no zone, and porch is asked for." },
          { name: "identity", holds: high, detail: `${event.identity?.name ? `it is ${event.identity.name} (similarity ${event.identity.similarity})` : event.identity ? "it is nobody who is known" : "nobody was recognised yet"}, and unknown is asked for.` },
          { name: "mode", holds: high, detail: high ? "the mode is night, and away, night is asked for." : "the mode is home, and away, night is asked for." },
        ],
      },
    ],
  };
}

export function makeMotion(from, to) {
  const start = Array.from({ length: 14 }, (_, i) => Math.round(from + ((to - from) * (i + 1)) / 16));
  return { from, to, step_ms: 10_000, spans: { start, end: start.map((s, i) => s + 20_000 * (i + 1)), cells: start.map((_, i) => ((i * 37) % 90) / 100 + 0.05) }, unknown: { start: [from], end: [from + (to - from) / 20] } };
}

export function makeHeat(from, to) {
  const counts = Array.from({ length: 32 * 18 }, (_, i) => Math.round(90 * Math.exp(-(((i % 32) - 12) ** 2) / 40 - ((Math.floor(i / 32) - 11) ** 2) / 12)));
  return { from, to, step_ms: 10_000, columns: 32, rows: 18, counts, unknown: { start: [], end: [] } };
}

/** A day and a half of events per camera, more by day than by night. */
export function makeEvents(cameras) {
  const out = [];
  cameras.forEach((cam, n) => {
    if (cam.state === "starting") return;
    const rnd = random(7 + n);
    for (let t = START - 40 * HOUR; t < START - 2 * MINUTE; t += (4 + rnd() * 38) * MINUTE) {
      if (new Date(t).getUTCHours() < 6 && rnd() < 0.8) continue;
      if (cam.id === "side_gate" && t > START - 21 * MINUTE) break;
      const label = pickLabel(rnd());
      const score = 0.6 + rnd() * 0.37;
      const length = label ? (4 + rnd() * 50) * 1000 : (2 + rnd() * 12) * 1000;
      out.push({
        id: `01${cam.id.slice(0, 4)}${out.length.toString(36).padStart(6, "0")}`,
        camera: cam.id,
        kind: label ? "object" : "motion",
        label: label || "motion",
        start: iso(t),
        end: iso(t + length),
        score,
        top_score: score,
        box: { x: 0.15 + rnd() * 0.5, y: 0.3 + rnd() * 0.2, w: 0.08 + rnd() * 0.06, h: 0.25 + rnd() * 0.1 },
        stationary: rnd() < 0.1,
        has_snapshot: Boolean(label),
        revision: 3,
        ...judged(label, rnd),
      });
    }
  });
  return out.sort((a, b) => Date.parse(b.start) - Date.parse(a.start));
}

/** Gaps of a camera as [start, end, reason], relative to nothing: absolute ms, sorted. */
export function gapsOf(id, now) {
  const at = (hours, minutes, reason) => [START - hours * HOUR, START - hours * HOUR + minutes * MINUTE, reason];
  const gaps = [];
  // The weeks before: now and then a camera was away, and once the machine.
  const away = id.length * 0.7;
  for (let day = 33; day >= 3; day--) {
    if (day % 5 === id.length % 5) gaps.push(at(day * 24 + away, 20 + ((day * 37) % 300), "offline"));
    if (day === 12) gaps.push(at(day * 24 - 6, 14 * 60, "restart"));
    if (day === 8 && id === "front_door") gaps.push(at(day * 24, 30 * 60, "disabled"));
  }
  gaps.sort((a, b) => a[0] - b[0]);
  gaps.push(at(30, 22, "offline"), at(5.2, 14, id === "driveway" ? "disk" : "offline"));
  if (id === "front_door") gaps.push([START - 10 * MINUTE, START - 8.5 * MINUTE, "offline"]);
  if (id === "side_gate") gaps.push([START - 21 * MINUTE, now, "offline"]);
  if (id === "garden") gaps.push([START - 2 * HOUR, now, "disabled"]);
  return gaps;
}

export function runsOf(id, from, to, now) {
  if (id === "porch") return [];
  const first = START - 33.4 * 24 * HOUR;
  const runs = [];
  let at = Math.max(from, first);
  for (const [start, end] of gapsOf(id, now)) {
    if (end <= at) continue;
    if (start > at) runs.push([at, Math.min(start, to)]);
    at = Math.max(at, end);
    if (at >= to) break;
  }
  const edge = Math.min(to, now - 2_000);
  if (at < edge) runs.push([at, edge]);
  return runs.filter(([a, b]) => b > a && a < to);
}

const delta = (values, origin) => values.map((v, i) => Math.round(v - (i ? values[i - 1] : origin)));

const SEVERITIES = ["", "low", "normal", "high"];

export function makeTimeline(ids, from, to, events, now, density) {
  const names = [...new Set(events.map((e) => e.label))];
  const kinds = ["object", "motion", "camera", "manual"];
  return {
    from,
    to,
    labels: names,
    kinds,
    severities: SEVERITIES,
    cameras: ids.map((id) => {
      const runs = runsOf(id, from, to, now);
      const gaps = gapsOf(id, now).filter(([a, b]) => b > from && a < to);
      const own = events.filter((e) => e.camera === id && Date.parse(e.start) < to && Date.parse(e.end ?? iso(now)) > from).sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
      return {
        id,
        recordings: { start: delta(runs.map((r) => r[0]), from), duration: runs.map((r) => Math.round(r[1] - r[0])) },
        gaps: { start: delta(gaps.map((g) => g[0]), from), duration: gaps.map((g) => Math.round(g[1] - g[0])), reason: gaps.map((g) => g[2]), detail: gaps.map((g) => (g[2] === "offline" ? "connect to 192.168.1.24:554: connection refused" : "")) },
        ...(density ? { density: density(id, names) } : {}),
        events: density ? undefined : {
          id: own.map((e) => e.id),
          start: delta(own.map((e) => Date.parse(e.start)), from),
          duration: own.map((e) => (e.end ? Date.parse(e.end) - Date.parse(e.start) : -1)),
          label: own.map((e) => names.indexOf(e.label)),
          kind: own.map((e) => kinds.indexOf(e.kind)),
          score: own.map((e) => Math.round(e.top_score * 100)),
          severity: own.map((e) => Math.max(0, SEVERITIES.indexOf(e.severity ?? ""))),
        },
      };
    }),
  };
}

export const detector = { state: "motion_only", model: "", message: "No detection model is installed: movement becomes events, objects do not.", fix: "nightjar models pull yolox-nano" };

export function makeSystem(cameras) {
  return {
    version: "0.1.0",
    started_at: iso(START - 3 * HOUR),
    cameras_online: cameras.filter((c) => c.state === "online").length,
    storage: { path: "/var/lib/nightjar/recordings", used_bytes: 1.42e12, free_bytes: 0.58e12, total_bytes: 2e12, recordings_bytes: 1.31e12 },
    detector: { ...detector, inference_ms: 0, fps: 0 },
    mqtt: { enabled: true, connected: false, reason: "connect to tcp://192.168.1.10:1883: connection refused, next try in 30 s" },
    database: { state: "ready", reason: "private PostgreSQL 15" },
    plugins: [{ id: "webhook", name: "Webhook", version: "0.1.0", state: "running", reason: "", since: iso(START - 3 * HOUR), restarts: 1, delivered: 128, failed: 2 }],
    warnings: [{ code: "detector_motion_only", message: detector.message, fix: detector.fix }],
  };
}

const ref = (name) => ({ $ref: `#/components/schemas/${name}` });
const json = (schema) => ({ "application/json": { schema } });
const op = (tags, operationId, summary, rest) => ({ tags: [tags], operationId, summary, responses: { 200: { description: "OK", content: json(ref("Camera")) }, default: { description: "Error", content: { "application/problem+json": { schema: ref("ErrorModel") } } } }, ...rest });
const idParam = { name: "id", in: "path", required: true, schema: { type: "string", pattern: "^[a-z0-9_]{1,48}$" }, description: "Camera" };

export const openapi = {
  openapi: "3.1.0",
  info: { title: "Nightjar", version: "1", description: "Cameras, recordings and events of one Nightjar." },
  tags: [{ name: "Sessions" }, { name: "Cameras", description: "State and switches of cameras" }, { name: "Events" }],
  paths: {
    "/api/v1/auth/login": { post: op("Sessions", "login", "Sign in", { security: [], requestBody: { required: true, content: json(ref("Login")) } }) },
    "/api/v1/cameras": { get: op("Cameras", "list-cameras", "All cameras", { responses: { 200: { description: "OK", content: json({ type: "array", items: ref("Camera") }) } } }) },
    "/api/v1/cameras/{id}/recording": { put: op("Cameras", "set-recording", "Turn recording on or off", { parameters: [idParam], requestBody: { content: json({ type: "object", required: ["enabled"], properties: { enabled: { type: "boolean" } } }) } }) },
    "/api/v1/events": { get: op("Events", "list-events", "Events, newest first", { parameters: [{ name: "label", in: "query", schema: { type: "string" }, description: "Comma-separated labels" }, { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 500, default: 50 } }] }) },
  },
  components: {
    schemas: {
      Login: { type: "object", required: ["username", "password"], properties: { username: { type: "string" }, password: { type: "string" } } },
      Camera: { type: "object", required: ["id", "name"], properties: { id: { type: "string" }, name: { type: "string" }, state: { type: "string", enum: ["starting", "online", "offline", "disabled"] }, streams: { type: "array", items: ref("Stream") } } },
      Stream: { type: "object", properties: { role: { type: "string", enum: ["main", "sub"] }, codec: { type: "string" }, width: { type: "integer" } } },
      ErrorModel: { type: "object", properties: { title: { type: "string" }, status: { type: "integer" }, detail: { type: "string" } } },
    },
  },
};
