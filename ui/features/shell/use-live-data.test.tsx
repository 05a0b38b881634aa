import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useMotion } from "@/hooks/use-motion";
import { api } from "@/lib/api/client";
import { timelineDayQuery } from "@/lib/queries/timeline";
import { dayStart } from "@/lib/time/zone";
import { mockEvent } from "@/test/fixtures";
import { useLiveData } from "./use-live-data";
import { StatusBar } from "./StatusBar";

const START = Date.parse("2026-01-31T12:00:00Z");
const asked = vi.fn();
let sockets: Socket[];
let refused: boolean;

/** As a server, or a proxy that lets no socket through. */
class Socket {
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  #seq = 0;
  constructor() {
    sockets.push(this);
    setTimeout(() => (refused ? this.onclose?.() : this.say("hello", { seq: 0 })), 5);
  }
  say(topic: string, data: unknown) {
    this.onmessage?.({ data: JSON.stringify({ v: 1, seq: this.#seq++, topic, data }) });
  }
  close() {
    this.onclose?.();
  }
}

const event = (n: number, over = {}) => mockEvent({ id: `e${n}`, start: new Date(Date.now() - 1_000).toISOString(), end: undefined, revision: 1, ...over });

function Page() {
  useLiveData();
  const day = useQuery(timelineDayQuery(["front"], dayStart(START))).data;
  const events = day?.rows[0]?.events;
  return (
    <>
      <StatusBar />
      <p data-testid="timeline">{events?.id.map((id, i) => `${id}:${events.alert[i]}`).join(" ")}</p>
    </>
  );
}

const answer = (path: string) => {
  if (path.startsWith("timeline")) {
    const none = { start: [], duration: [] };
    const from = dayStart(START);
    return { from, to: from + 86_400_000, labels: [], kinds: [], severities: [], cameras: [{ id: "front", recordings: none, gaps: { ...none, reason: [] } }] };
  }
  return path === "mode" ? { mode: "home" } : undefined;
};
const timelines = () => asked.mock.calls.filter(([path]) => String(path).startsWith("timeline")).length;
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  vi.stubGlobal("WebSocket", Socket);
  sockets = [];
  refused = false;
  asked.mockReset();
  useMotion.setState({ cameras: {} });
  vi.spyOn(api, "ensureFresh").mockResolvedValue(true);
  vi.spyOn(api, "get").mockImplementation((path: string) => {
    asked(path);
    const body = answer(path);
    return body ? Promise.resolve(body as never) : Promise.reject(new Error("not in this test"));
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

async function open() {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={client}>
      <Page />
    </QueryClientProvider>,
  );
  await pass(100);
  asked.mockClear(); // the pages' own questions, and those of a socket that was open in the test before
  return client;
}

describe("useLiveData", () => {
  it("shows events in the timeline as they come, and asks for the day at most every 20 s for a busy site", async () => {
    await open();
    for (let i = 0; i < 60; i++) {
      act(() => sockets[0]!.say("event", { phase: i % 2 ? "end" : "new", event: event(i) }));
      await pass(1_000);
      if (i === 3) expect(screen.getByTestId("timeline").textContent).toBe("e0: e1: e2: e3:");
    }
    expect(timelines()).toBeLessThanOrEqual(3);
    expect(timelines()).toBeGreaterThanOrEqual(2);
  });

  it("flags what becomes an alert late at once", async () => {
    await open();
    act(() => sockets[0]!.say("event", { phase: "new", event: event(1, { severity: "" }) }));
    act(() => sockets[0]!.say("event", { phase: "update", event: event(1, { revision: 2, severity: "high", rules: ["gate"] }) }));
    await pass(0);
    expect(screen.getByTestId("timeline").textContent).toBe("e1:high");
    expect(timelines()).toBe(0);
  });

  it("asks soon for the gap of a camera that went", async () => {
    await open();
    act(() => sockets[0]!.say("event", { phase: "new", event: event(1, { kind: "camera", label: "offline" }) }));
    await pass(5_000);
    expect(timelines()).toBe(1);
  });

  it("asks now and then without a socket, says so, and stops when it is back", async () => {
    refused = true;
    const client = await open();
    const list = ["events", "list", {}];
    client.setQueryData(list, { pages: [{ items: [] }], pageParams: [undefined] });
    act(() => useMotion.getState().set("front", { counts: { person: 1 } }));
    await pass(40_000);
    expect(screen.getByRole("status").textContent).toContain("Not live");
    expect(client.getQueryState(list)?.isInvalidated).toBe(true);
    expect(timelines()).toBeGreaterThanOrEqual(2);
    expect(useMotion.getState().cameras).toEqual({});
    refused = false;
    await pass(20_000);
    expect(screen.queryByText("Not live, reconnecting")).toBeNull();
    const before = timelines();
    await pass(10_000);
    expect(timelines() - before).toBeLessThanOrEqual(1);
  });
});
