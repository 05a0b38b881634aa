import { waitFor } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import { storageKey } from "@/lib/base";
import { Severity } from "@/lib/timeline/decode";
import { mockBootstrap, mockSession } from "@/test/fixtures";
import { navigation, renderPage, server } from "@/test/render";
import { MiniTimeline } from "./MiniTimeline";
import type { TimelineCanvasProps } from "./TimelineCanvas";

const drawn = vi.fn<(props: TimelineCanvasProps) => null>(() => null);
vi.mock("next/navigation", () => ({ useRouter: () => navigation }));
vi.mock("./TimelineCanvas", () => ({ TimelineCanvas: (props: TimelineCanvasProps) => drawn(props) }));

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  localStorage.setItem(storageKey("session"), "1");
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap({ server_time: new Date().toISOString() }))),
    http.get("*/api/v1/timeline", ({ request }) => {
      const from = Number(new URL(request.url).searchParams.get("from"));
      const none = { start: [], duration: [] };
      const events = { id: [`quiet${from}`, `alert${from}`], start: [1000, 1000], duration: [500, 500], label: [0, 1], kind: [0, 0], score: [90, 90], severity: [0, 3] };
      return HttpResponse.json({ from, to: from + 86_400_000, labels: ["person", "car"], kinds: ["object"], severities: ["", "low", "normal", "high"], cameras: [{ id: "front", recordings: none, gaps: { ...none, reason: [] }, events }] });
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

it("draws alerts as the rules have them, with their flags", async () => {
  renderPage(<MiniTimeline />);
  await waitFor(() => expect(drawn.mock.lastCall?.[0].marks?.get("front")?.[0]).toMatchObject({ kind: "alert", severity: "high" }));
  expect([...drawn.mock.lastCall![0].rows.get("front")!.events.severity].slice(0, 2)).toEqual([Severity.detection, Severity.alert]);
});
