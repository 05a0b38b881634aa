// What the mock server tells about kept and exported footage, storage, coverage and previews: state that changes as one works.
import { gapsOf, runsOf, START } from "./mock-data.mjs";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function random(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Counts per bucket for any time, more by day than by night; the same each time one asks. */
export function makeDensity(id, from, to, bucket, labels, now) {
  const start = [];
  const count = [];
  const label = [];
  const seed = [...id].reduce((n, c) => n * 31 + c.charCodeAt(0), 7);
  for (let t = Math.ceil(from / bucket) * bucket; t < Math.min(to, now); t += bucket) {
    if (!runsOf(id, t, t + bucket, now).length) continue;
    const r = random(seed + t / bucket);
    const hour = new Date(t).getUTCHours();
    const n = Math.floor(r() * r() * (bucket / (10 * MINUTE)) * (hour > 6 && hour < 20 ? 9 : 1.4));
    if (!n) continue;
    // An entry per label, as the server has it.
    for (const [name, share] of [["car", r()], ["motion", r()], ["person", r() - 0.5]]) {
      const part = Math.round(n * Math.max(0, share) * 0.6);
      if (!part) continue;
      start.push(t);
      count.push(part);
      label.push(labels.indexOf(name));
    }
  }
  return { start: start.map((t, i) => t - (i ? start[i - 1] : from)), count, label };
}

const localDay = (ms, tz) => new Intl.DateTimeFormat("sv-SE", { timeZone: tz }).format(ms);

/** Coverage of local days by adding up minutes: slow and plainly right. */
export function makeCoverage(id, from, to, tz, now) {
  const days = [];
  for (let t = from; t < to && t < now; ) {
    const date = localDay(t, tz);
    let end = t + 22 * HOUR;
    while (end < to && localDay(end, tz) === date) end += HOUR;
    const edge = Math.min(end, now);
    const recorded_ms = runsOf(id, t, edge, now).reduce((sum, [a, b]) => sum + Math.max(0, Math.min(b, edge) - Math.max(a, t)), 0);
    const gaps = {};
    for (const [a, b, reason] of gapsOf(id, now)) {
      const ms = Math.min(b, edge) - Math.max(a, t);
      if (ms > 0) gaps[reason] = (gaps[reason] ?? 0) + Math.round(ms);
    }
    if (recorded_ms > 0 || Object.keys(gaps).length) days.push({ date, from: t, to: end, recorded_ms: Math.round(recorded_ms), gaps, fraction: recorded_ms / (edge - t) });
    t = end;
  }
  return days;
}

export function makePreviews(id, from, to, now) {
  const previews = [];
  for (let hour = Math.floor(from / HOUR) * HOUR; hour < to && hour < now; hour += HOUR) {
    if (runsOf(id, hour, hour + HOUR, now).length) previews.push({ start: hour, end: Math.min(hour + HOUR, now), url: `previews/${id}/${hour}.mp4`, open: hour + HOUR > now });
  }
  return previews;
}

const sha = (n) => [...Array(64)].map((_, i) => ((n * (i + 7) * 2654435761) >>> (i % 24)).toString(16).at(-1)).join("");

function filesOf(job) {
  const stamp = new Date(job.from).toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  const each = job.bytes / job.cameras.length;
  const url = (name) => `exports/${job.id}/files/${name}`;
  const name = `evidence_${job.cameras.join("_")}_${stamp}.zip`;
  if (job.evidence) return [{ name, bytes: job.bytes, sha256: sha(40), url: url(name) }];
  return job.cameras.map((camera, i) => ({ name: `${camera}-${stamp}.mp4`, camera, bytes: Math.round(each), sha256: sha(i + 1), url: url(`${camera}-${stamp}.mp4`) }));
}

const BYTES_PER_MS = 268; // 2.1 Mbit/s

export function estimate(body, now) {
  const cameras = body.cameras.map((id) => {
    const recorded = runsOf(id, body.from, body.to, now).map(([a, b]) => Math.min(b, body.to) - a);
    const ms = recorded.reduce((a, b) => a + b, 0);
    const duration_ms = Math.round(body.mode === "timelapse" ? ms / body.speed : ms);
    return { id, bytes: Math.round(duration_ms * BYTES_PER_MS * (body.stream === "sub" ? 0.15 : 1)), duration_ms, gaps: Math.max(0, recorded.length - 1) };
  });
  return { cameras, bytes: cameras.reduce((sum, c) => sum + c.bytes, 0), duration_ms: Math.max(0, ...cameras.map((c) => c.duration_ms)) };
}

/** Exports and holds that one can add to and take from; a new export is done after eight seconds. */
export function makeLedger() {
  let serial = 1;
  const done = (over) => {
    const job = { id: `ex${serial++}`, stream: "main", mode: "copy", evidence: false, state: "done", progress: 1, created_by: "admin", created_at: START - 2 * HOUR, cameras: ["front_door"], from: START - 3 * HOUR, to: START - 3 * HOUR + 4 * MINUTE, bytes: 64_300_000, expires_at: START + 6 * DAY, ...over };
    return { ...job, files: job.state === "done" ? filesOf(job) : [] };
  };
  const exports = [
    done({ name: "Parcel theft, case 2291-B", cameras: ["front_door", "driveway"], mode: "exact", evidence: true, bytes: 241_800_000, to: START - 3 * HOUR + 7 * MINUTE + 12_000, created_at: START - HOUR }),
    done({ cameras: ["driveway"], mode: "timelapse", speed: 120, from: START - 30 * HOUR, to: START - 18 * HOUR, bytes: 96_500_000 }),
    done({ cameras: ["side_gate"], state: "failed", error: "The camera side_gate recorded nothing between 14:02 and 14:07.", bytes: 0, created_at: START - 20 * HOUR, from: START - 15 * MINUTE, to: START - 10 * MINUTE }),
  ];
  const holds = [
    { id: "h1", kind: "legal", cameras: ["front_door", "driveway"], from: START - 3 * HOUR, to: START - 3 * HOUR + 8 * MINUTE, note: "Parcel theft, case 2291-B", created_at: START - HOUR, created_by: "admin" },
    { id: "h2", kind: "favourite", cameras: ["garden"], from: START - 26 * HOUR, to: START - 26 * HOUR + 90_000, note: "Fox on the lawn", created_at: START - 25 * HOUR, created_by: "mila" },
    { id: "h3", kind: "favourite", cameras: ["driveway"], from: START - 52 * MINUTE, to: START - 47 * MINUTE, note: "", created_at: START - 40 * MINUTE, created_by: "admin" },
    { id: "h4", kind: "export", cameras: ["driveway"], from: START - 30 * HOUR, to: START - 18 * HOUR, note: "", created_at: START - 2 * HOUR, created_by: "admin" },
  ];
  const WORK_MS = 8_000;
  const advance = (now) => {
    for (const job of exports) {
      if (job.state !== "running" && job.state !== "queued") continue;
      const spent = now - job.created_at;
      job.state = spent < 700 ? "queued" : spent < WORK_MS ? "running" : "done";
      job.progress = Math.max(0, Math.min(1, (spent - 700) / (WORK_MS - 700)));
      job.eta_ms = Math.max(0, WORK_MS - spent);
      if (job.state === "done") Object.assign(job, { files: filesOf(job), expires_at: now + 7 * DAY });
    }
  };
  return {
    exports: (now) => (advance(now), exports),
    start(body, now) {
      const job = { ...body, id: `ex${serial++}`, state: "queued", progress: 0, bytes: estimate(body, now).bytes, created_at: now, created_by: "admin", files: [] };
      exports.unshift(job);
      return job;
    },
    remove(id) {
      const i = exports.findIndex((e) => e.id === id);
      if (i >= 0) exports.splice(i, 1);
      return i >= 0;
    },
    holds,
    hold(body, now) {
      const hold = { ...body, id: `h${100 + serial++}`, created_at: now, created_by: "admin" };
      holds.unshift(hold);
      return hold;
    },
    release(id) {
      const i = holds.findIndex((h) => h.id === id);
      if (i >= 0) holds.splice(i, 1);
      return i >= 0;
    },
  };
}

export function makeStorage(cameras) {
  const sizes = [412e9, 388e9, 251e9, 96e9, 0, 173e9];
  return {
    volumes: [
      { path: "/var/lib/nightjar/recordings", state: "ok", reason: "", total: 2e12, free: 0.21e12, recordings_bytes: 1.31e12, active: true },
      { path: "/mnt/backup-disk/nightjar", state: "missing", reason: "The folder carries another volume's mark, or none: is the disk mounted?", total: 0, free: 0, recordings_bytes: 0, active: false },
    ],
    cameras: cameras.map((c, i) => ({ id: c.id, bytes: sizes[i], bytes_per_day: Math.round(sizes[i] / 33), oldest: sizes[i] ? START - 33 * DAY : undefined, newest: sizes[i] ? START : undefined, forecast_days: sizes[i] ? 12 - i : undefined })),
    forecast: { days: 12.3, limit: "space" },
    held_bytes: 8.4e9,
    archive: { enabled: true, state: "waiting", reason: "Uploads run from 01:00 to 06:00.", backlog_files: 1240, backlog_bytes: 38.6e9, uploaded_bytes: 402e9, last_upload_at: START - 9 * HOUR },
  };
}

export function makePlan() {
  const d = (camera, stream, daysAgo, reason, detail, files = 120) => ({ camera, stream, from: START - daysAgo * DAY, to: START - daysAgo * DAY + HOUR, files, bytes: files * 8.1e6, reason, detail });
  const deletions = [
    d("front_door", "main", 34.2, "age", "retain_days is 34 for continuous footage"),
    d("front_door", "sub", 34.2, "age", "retain_days is 34 for continuous footage", 60),
    d("driveway", "main", 34.1, "age", "retain_days is 34 for continuous footage"),
    d("hall", "main", 21.5, "camera_cap", "hall has 173.2 GB and may have 170 GB", 400),
    d("garden", "main", 33.8, "space", "free space is 9.8 % and must be 10 %", 80),
    d("driveway", "main", 30.4, "evict", "copied to the archive and verified on 22 Oct"),
  ];
  return { at: Date.now(), deletions, bytes: deletions.reduce((sum, x) => sum + x.bytes, 0), held_bytes: 0.6e9 };
}
