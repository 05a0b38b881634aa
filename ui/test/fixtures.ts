import type { Face, FaceStatus, Person } from "@/lib/api/face-types";
import type { Export, Hold, Storage } from "@/lib/api/recording-types";
import type { Bootstrap, Camera, NvrEvent } from "@/lib/api/types";

export function mockCamera(over: Partial<Camera> = {}): Camera {
  return {
    id: "front",
    name: "Front door",
    order: 1,
    state: "online",
    recording: true,
    detecting: true,
    streams: [
      { role: "main", state: "online", codec: "avc1.640028", width: 1920, height: 1080, fps: 15 },
      { role: "sub", state: "online", codec: "avc1.4d401e", width: 640, height: 360, fps: 15 },
    ],
    ...over,
  };
}

export function mockEvent(over: Partial<NvrEvent> = {}): NvrEvent {
  return {
    id: "e1",
    camera: "front",
    kind: "object",
    label: "person",
    start: "2026-01-31T11:00:00.000Z",
    end: "2026-01-31T11:00:09.000Z",
    score: 0.8,
    top_score: 0.92,
    stationary: false,
    has_snapshot: true,
    revision: 2,
    ...over,
  };
}

export function mockBootstrap(over: Partial<Bootstrap> = {}): Bootstrap {
  return {
    version: "0.1.0",
    user: { id: "u1", name: "admin", role: "admin" },
    base: "",
    server_time: "2026-01-31T12:00:00.000Z",
    timezone: "UTC",
    cameras: [mockCamera(), mockCamera({ id: "drive", name: "Driveway", order: 2 })],
    labels: ["person", "car"],
    detector: { state: "ready", model: "yolox-nano" },
    ...over,
  };
}

export const mockSession = { access_token: "t1", expires_at: "2099-01-01T00:00:00.000Z", user: mockBootstrap().user };

const FROM = Date.parse("2026-01-31T10:00:00.000Z");

export function mockExport(over: Partial<Export> = {}): Export {
  return {
    id: "x1",
    cameras: ["front"],
    stream: "main",
    from: FROM,
    to: FROM + 300_000,
    mode: "copy",
    state: "done",
    progress: 1,
    bytes: 80_000_000,
    created_at: FROM + 600_000,
    created_by: "admin",
    files: [{ name: "front.mp4", camera: "front", bytes: 80_000_000, sha256: "ab".repeat(32), url: "/api/v1/exports/x1/files/front.mp4" }],
    ...over,
  };
}

export function mockHold(over: Partial<Hold> = {}): Hold {
  return { id: "h1", kind: "favourite", cameras: ["front"], from: FROM, to: FROM + 60_000, note: "Fox", created_at: FROM + 90_000, created_by: "mila", ...over };
}

export function mockStorage(over: Partial<Storage> = {}): Storage {
  return {
    volumes: [{ path: "/media/one", state: "ok", total: 1000e9, free: 200e9, recordings_bytes: 700e9, active: true }],
    cameras: [{ id: "front", bytes: 700e9, bytes_per_day: 20e9, oldest: FROM, newest: FROM, forecast_days: 10 }],
    forecast: { days: 10, limit: "space" },
    held_bytes: 0,
    archive: { enabled: false, state: "disabled", backlog_files: 0, backlog_bytes: 0, uploaded_bytes: 0 },
    ...over,
  };
}

export function mockFaceStatus(over: Partial<FaceStatus> = {}): FaceStatus {
  return { state: "ready", message: "", fix: "", persons: 2, faces: 3, inbox: 3, ...over };
}

export function mockPerson(over: Partial<Person> = {}): Person {
  return { id: "p1", name: "Anna", created_at: "2026-01-01T00:00:00.000Z", faces: 2, cover: "faces/samples/f1/crop.jpg", events: 4, last_seen: "2026-01-31T11:00:00.000Z", ...over };
}

export function mockFace(over: Partial<Face> = {}): Face {
  const id = over.id ?? "f1";
  return { id, source: "event", camera: "front", event_id: "e1", seen_at: "2026-01-31T11:00:00.000Z", quality: 0.7, size: 60, url: `faces/samples/${id}/crop.jpg`, ...over };
}
