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
