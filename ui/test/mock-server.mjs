// A stand-in for Nightjar's HTTP side, for looking at the export without the binary: `node test/mock-server.mjs [port]`.
// It serves out/ at "/" and below any ingress-like prefix, with the policy of the real server, real video and made-up data.
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { clipOf, detector, makeCameras, makeEvents, makeHeat, makeMotion, makeSystem, makeTimeline, makeVerdicts, openapi, runsOf } from "./mock-data.mjs";
import { makeFaceLibrary } from "./mock-faces.mjs";
import { loadClips } from "./mock-media.mjs";
import { estimate, makeCoverage, makeDensity, makeLedger, makePlan, makePreviews, makeStorage } from "./mock-recording.mjs";

const out = fileURLToPath(new URL("../out", import.meta.url));
const types = { ".html": "text/html; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const FPS = 15;
const GOP = 30;
const SEGMENT_MS = 2000;

export async function startMock(port = 0) {
  const { clips, dir } = loadClips();
  const cameras = makeCameras();
  const events = makeEvents(cameras);
  const faces = makeFaceLibrary(events);
  const started = Date.now();
  const ledger = makeLedger();
  const sockets = new Set();
  const timers = new Set();
  const every = (ms, work) => timers.add(setInterval(work, ms));
  let seq = 0;
  let serial = 0;
  const feeds = new Set();
  let mode = "home";
  const publish = (topic, data) => {
    seq++;
    for (const feed of feeds) feed.text({ v: 1, seq, topic, data });
  };

  every(9000, () => {
    const camera = ["front_door", "driveway", "hall"][serial % 3];
    const label = ["person", "car", "person", "dog"][serial % 4];
    const event = { id: `live${serial++}`, camera, kind: "object", label, start: new Date().toISOString(), score: 0.81, top_score: 0.81, box: { x: 0.4, y: 0.3, w: 0.1, h: 0.35 }, stationary: false, has_snapshot: true, revision: 1, severity: "", rules: [], entered_zones: [], crossings: [] };
    events.unshift(event);
    publish("event", { phase: "new", event });
    publish("counts", { camera, total: { [label]: 1 }, active: { [label]: 1 } });
    timers.add(
      setTimeout(() => {
        Object.assign(event, { end: new Date().toISOString(), top_score: 0.93, revision: 2 });
        publish("event", { phase: "end", event });
        publish("counts", { camera, total: {}, active: {} });
      }, 6000),
    );
  });

  const session = () => ({ access_token: `mock-${Date.now()}`, expires_at: new Date(Date.now() + 15 * 60_000).toISOString(), user: { id: "u1", name: "admin", role: "admin" } });
  const signedIn = (req) => /mock=1/.test(req.headers.cookie ?? "");

  function api(req, res, path, url, body) {
    const send = (status, value, headers = {}) => {
      res.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers });
      res.end(value === undefined ? undefined : JSON.stringify(value));
    };
    const problem = (status, title, detail) => send(status, { type: "about:blank", title, status, detail }, { "Content-Type": "application/problem+json" });
    if (path === "auth/login") {
      const { username, password } = JSON.parse(body);
      if (username !== "admin" || password !== "nightjar") return problem(401, "Unauthorized", "the name or the password is wrong");
      return send(200, session(), { "Set-Cookie": "mock=1; Path=/; HttpOnly; SameSite=Lax" });
    }
    if (path === "auth/refresh") return signedIn(req) ? send(200, session()) : send(204); // nobody is signed in, which is no error
    if (path === "auth/logout") return send(204, undefined, { "Set-Cookie": "mock=; Path=/; Max-Age=0" });
    const media = /\.(jpg|m3u8|m4s|mp4)$/.test(path);
    if (!signedIn(req) || (!media && !(req.headers.authorization ?? "").startsWith("Bearer mock-"))) return problem(401, "Unauthorized", "please sign in");
    if (path === "auth/password") return problem(422, "Unprocessable Entity", "the new password needs at least 10 characters");
    if (path === "bootstrap") return send(200, { version: "0.1.0", user: session().user, base: "", server_time: new Date().toISOString(), timezone: "Europe/Berlin", cameras, labels: ["person", "car", "dog", "bicycle", "cat", "truck", "bus", "bird", "backpack", "suitcase"], detector });
    if (path === "system") return send(200, makeSystem(cameras));
    if (path === "openapi.json") return send(200, openapi);
    if (path === "timeline") {
      const q = url.searchParams;
      const [from, to, bucket] = ["from", "to", "bucket"].map((key) => Number(q.get(key)));
      const density = bucket && ((id, labels) => makeDensity(id, from, to, bucket, labels, Date.now()));
      return send(200, makeTimeline(q.get("cameras").split(","), from, to, events, Date.now(), density));
    }
    if (path === "events") {
      const q = url.searchParams;
      const list = (key, value) => !q.get(key) || q.get(key).split(",").includes(value);
      const found = events.filter((e) => list("camera", e.camera) && list("label", e.label) && list("kind", e.kind) && (q.get("alerts") !== "true" || e.severity) && (!q.get("zones") || e.entered_zones?.includes(q.get("zones"))) && (!q.get("person") || q.get("person").split(",").some((p) => e.identity && (p === e.identity.state || p === e.identity.person_id))) && (!q.get("from") || Date.parse(e.start) >= Date.parse(q.get("from"))) && (!q.get("to") || Date.parse(e.start) < Date.parse(q.get("to"))));
      const at = Number(q.get("cursor") ?? 0);
      const limit = Number(q.get("limit") ?? 50);
      return send(200, { items: found.slice(at, at + limit), next_cursor: found.length > at + limit ? String(at + limit) : undefined });
    }
    let m;
    if (path === "mode") {
      if (req.method === "PUT") ({ mode } = JSON.parse(body));
      return send(200, { mode });
    }
    const nothing = { "push-keys": { keys: [] }, notifiers: { notifiers: [] }, routes: { routes: [] }, rules: { items: [] }, deliveries: { items: [] }, "delivery-queues": { queues: [] }, snoozes: { snoozes: [] }, "plugin-audit": { steps: [] }, plugins: { plugins: [], keys: [], allow_unsigned: false, platform: "linux-amd64" } }[path];
    if (nothing) return send(200, nothing);
    if (/^events\/\w+\/deliveries$/.test(path)) return send(200, { items: [] });
    if ((m = /^events\/(\w+)(\/verdicts)?$/.exec(path))) {
      const event = events.find((e) => e.id === m[1]);
      if (!event) return problem(404, "Not Found", "this event does not exist");
      return send(200, m[2] ? makeVerdicts(event) : event);
    }
    if ((m = /^cameras\/\w+\/(motion|heatmap)$/.exec(path))) {
      const [from, to] = ["from", "to"].map((key) => Number(url.searchParams.get(key)));
      return send(200, m[1] === "motion" ? makeMotion(from, to) : makeHeat(from, to));
    }
    if ((m = /^cameras\/(\w+)\/(recording|detecting)$/.exec(path))) {
      const cam = cameras.find((c) => c.id === m[1]);
      cam[m[2]] = JSON.parse(body).enabled;
      publish("camera", cam);
      return send(200, cam);
    }
    if ((m = /^events\/(\w+)\/snapshot\.jpg$/.exec(path))) {
      const event = events.find((e) => e.id === m[1]);
      if (!event?.has_snapshot) return problem(404, "Not Found", "this event has no snapshot");
      const { stills } = clips[clipOf[event.camera]];
      return binary(res, "image/jpeg", stills[[...event.id].reduce((n, c) => n + c.charCodeAt(0), 0) % stills.length]);
    }
    if ((m = /^cameras\/(\w+)\/still\.jpg$/.exec(path))) return binary(res, "image/jpeg", clips[clipOf[m[1]]].stills[0]);
    if ((m = /^vod\/(\w+)\/(\d+)\/(\d+)\/index\.m3u8$/.exec(path))) {
      const text = playlist(m[1], Number(m[2]), Number(m[3]), clips[clipOf[m[1]]].hls.count, url.searchParams.get("stream"));
      return text ? binary(res, "application/vnd.apple.mpegurl", text) : problem(404, "Not Found", "nothing is recorded there");
    }
    if ((m = /^vod\/(\w+)\/(?:\d+\/\d+\/)?(init|\d+)\.(?:mp4|m4s)$/.exec(path))) {
      const { hls } = clips[clipOf[m[1]]];
      return binary(res, "video/mp4", m[2] === "init" ? hls.init : hls.segment(Number(m[2])));
    }
    if (path.startsWith("faces") && faces(`${req.method} ${path}`, body, /mockfaces=(\w+)/.exec(req.headers.cookie ?? "")?.[1], send, problem, (jpeg) => binary(res, "image/jpeg", jpeg))) return;
    if (recording(req, res, path, url, body, send, problem)) return;
    return problem(404, "Not Found", `there is no ${path}`);
  }

  /** Kept and exported footage, storage, previews, exact frames. True if it was one of these. */
  function recording(req, res, path, url, body, send, problem) {
    const q = url.searchParams;
    const now = Date.now();
    const n = (key) => Number(q.get(key));
    const key = `${req.method} ${path}`;
    let m;
    if (key === "GET exports") send(200, { exports: q.get("empty") ? [] : ledger.exports(now) });
    else if (key === "POST exports/estimate") send(200, estimate(JSON.parse(body), now));
    else if (key === "POST exports") send(202, ledger.start(JSON.parse(body), now));
    else if ((m = /^DELETE exports\/(\w+)$/.exec(key))) ledger.remove(m[1]) ? send(204) : problem(404, "Not Found", "this export does not exist any more");
    else if ((m = /^POST exports\/(\w+)\/links$/.exec(key))) {
      const { file, expires_in_s } = JSON.parse(body);
      send(200, { url: `/api/v1/shared/${randomBytes(18).toString("base64url")}/${file}`, expires_at: now + expires_in_s * 1000 });
    } else if (/^GET exports\/\w+\/files\//.test(key)) binary(res, "video/mp4", clips.parking_sub.preview);
    else if (key === "GET holds") send(200, { holds: ledger.holds });
    else if (key === "POST holds") send(201, ledger.hold(JSON.parse(body), now));
    else if ((m = /^DELETE holds\/(\w+)$/.exec(key))) ledger.release(m[1]) ? send(204) : problem(404, "Not Found", "this hold does not exist any more");
    else if (key === "GET storage") send(200, makeStorage(cameras));
    else if (key === "GET storage/plan") send(200, makePlan());
    else if ((m = /^GET cameras\/(\w+)\/coverage$/.exec(key))) send(200, { days: makeCoverage(m[1], n("from"), n("to"), q.get("tz"), now) });
    else if ((m = /^GET cameras\/(\w+)\/previews$/.exec(key))) send(200, { previews: makePreviews(m[1], n("from"), n("to"), now) });
    else if ((m = /^GET previews\/(\w+)\/\d+\.mp4$/.exec(key))) ranged(req, res, clips[clipOf[m[1]]].preview);
    else if ((m = /^GET cameras\/(\w+)\/(frame|thumbnail)\.jpg$/.exec(key))) {
      if (!runsOf(m[1], n("t"), n("t") + 1, now).length) problem(404, "Not Found", "nothing was recorded at that time");
      else {
        const { stills } = clips[clipOf[m[1]]];
        res.setHeader("X-Frame-Time", String(n("t") - 13));
        binary(res, "image/jpeg", stills[Math.floor(n("t") / 1000) % stills.length]);
      }
    } else if (key === "GET playback/sync") {
      const [from, to] = [n("from"), n("to")];
      const columns = (runs) => ({ start: runs.map((r, i) => Math.round(r[0] - (i ? runs[i - 1][0] : from))), duration: runs.map((r) => Math.round(r[1] - r[0])) });
      send(200, { from, to, cameras: q.get("cameras").split(",").map((id) => ({ id, playlist: `vod/${id}/${from}/${to}/index.m3u8`, runs: columns(runsOf(id, from, to, now)) })) });
    } else return false;
    return true;
  }

  /** Byte ranges, which a browser needs to seek in a file. */
  function ranged(req, res, body) {
    const m = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? "");
    const start = m ? Number(m[1]) : 0;
    const end = m?.[2] ? Math.min(Number(m[2]), body.length - 1) : body.length - 1;
    res.writeHead(m ? 206 : 200, { "Content-Type": "video/mp4", "Accept-Ranges": "bytes", "Content-Length": end - start + 1, ...(m && { "Content-Range": `bytes ${start}-${end}/${body.length}` }) });
    res.end(body.subarray(start, end + 1));
  }

  function binary(res, type, body) {
    res.writeHead(200, { "Content-Type": type, "Cache-Control": type === "image/jpeg" ? "max-age=60" : "no-store" });
    res.end(body);
  }

  /** Two-second slots of wall time, each showing the clip's segment of that slot. */
  function playlist(camera, from, to, count, stream) {
    const lines = [];
    let last = -1;
    for (const [start, end] of runsOf(camera, from, to, Date.now())) {
      for (let slot = Math.ceil(start / SEGMENT_MS); (slot + 1) * SEGMENT_MS <= end; slot++) {
        if (last >= 0 && (slot !== last + 1 || slot % count === 0)) lines.push("#EXT-X-DISCONTINUITY");
        lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(slot * SEGMENT_MS).toISOString()}`, "#EXTINF:2.000,", `../../${slot % count}.m4s`);
        last = slot;
      }
    }
    if (last < 0) return undefined;
    void stream;
    return ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-PLAYLIST-TYPE:VOD", '#EXT-X-MAP:URI="../../init.mp4"', ...lines, "#EXT-X-ENDLIST", ""].join("\n");
  }

  function page(req, res, path, base) {
    const name = normalize(`/${path}`).slice(1);
    const found = [name, `${name}.html`, join(name, "index.html")].find((f) => existsSync(join(out, f)) && statSync(join(out, f)).isFile());
    const file = found ?? "404.html";
    const ext = extname(file);
    let body = readFileSync(join(out, file));
    const nonce = randomBytes(12).toString("base64");
    if (ext === ".html" || ext === ".txt") body = body.toString().replaceAll("/__NIGHTJAR_BASE__", base).replaceAll("__NIGHTJAR_NONCE__", nonce);
    res.writeHead(found ? 200 : 404, {
      "Content-Type": types[ext] ?? "application/octet-stream",
      "Content-Security-Policy": `default-src 'self'; script-src 'self' 'nonce-${nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'`,
    });
    res.end(body);
  }

  const split = (pathname) => {
    const m = /^(\/api\/hassio_ingress\/[\w-]+)(\/.*)?$/.exec(pathname);
    return m ? [m[1], m[2] ?? "/"] : ["", pathname];
  };

  const server = createServer((req, res) => {
    const url = new URL(req.url, "http://mock");
    const [base, path] = split(decodeURIComponent(url.pathname));
    const chunks = [];
    req.on("data", (c) => chunks.push(c));
    req.on("end", () => {
      if (path.startsWith("/api/v1/")) api(req, res, path.slice(8), url, Buffer.concat(chunks).toString());
      else page(req, res, path, base);
    });
  });

  server.on("upgrade", (req, socket) => {
    const url = new URL(req.url, "http://mock");
    const [, path] = split(url.pathname);
    if (!signedIn(req)) return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    const accept = createHash("sha1").update(`${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    sockets.add(socket);
    const peer = { text: (value) => frame(socket, 1, Buffer.from(JSON.stringify(value))), binary: (data) => frame(socket, 2, data) };
    let end = () => {};
    const m = /^\/api\/v1\/cameras\/(\w+)\/live$/.exec(path);
    if (m) end = live(peer, m[1], url.searchParams.get("stream"));
    else {
      feeds.add(peer);
      peer.text({ v: 1, seq, topic: "hello", data: { seq } });
      end = () => feeds.delete(peer);
    }
    socket.on("data", (data) => (data[0] & 0x0f) === 8 && socket.end());
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      end();
    });
  });

  function live(peer, id, stream) {
    const camera = cameras.find((c) => c.id === id);
    if (camera.state !== "online") {
      peer.text({ type: "state", state: camera.state, reason: camera.reason, retry_at: camera.retry_at });
      return () => undefined;
    }
    const clip = clips[clipOf[id]].live;
    const hevc = stream === "main" && id === "hall";
    peer.text({ type: "init", mime: hevc ? 'video/mp4; codecs="hvc1.1.6.L120.90"' : clip.mime, width: 640, height: 360 });
    peer.binary(clip.init);
    const newest = () => Math.floor(((Date.now() - started) / 1000) * FPS);
    let next = Math.max(0, Math.floor(newest() / GOP) * GOP);
    const timer = setInterval(() => {
      while (next <= newest()) peer.binary(clip.fragment(next++));
    }, 1000 / FPS);
    return () => clearInterval(timer);
  }

  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      for (const timer of timers) clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function frame(socket, opcode, data) {
  if (socket.destroyed) return;
  const head = data.length < 126 ? Buffer.from([0x80 | opcode, data.length]) : Buffer.alloc(data.length < 65536 ? 4 : 10);
  if (head.length === 4) {
    head[0] = 0x80 | opcode;
    head[1] = 126;
    head.writeUInt16BE(data.length, 2);
  } else if (head.length === 10) {
    head[0] = 0x80 | opcode;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(data.length), 2);
  }
  socket.write(Buffer.concat([head, data]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await startMock(Number(process.argv[2] ?? 0));
  console.log(`${mock.url}  (admin / nightjar)`);
}
