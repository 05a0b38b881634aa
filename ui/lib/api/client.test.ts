import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { storageKey } from "../base";
import { ApiClient } from "./client";
import { ApiError, NetworkError, sentence } from "./errors";

const NOW = Date.parse("2026-01-31T12:00:00.000Z");
const user = { id: "u1", name: "admin", role: "admin" };
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const session = (token: string, minutes = 15) => json({ access_token: token, expires_at: new Date(NOW + minutes * 60_000).toISOString(), user });
const problem = (status: number, detail: string) => json({ title: "Refused", status, detail }, status);

type Call = [string, RequestInit];
/** A server whose answers are given in order by path. */
function server(answers: Record<string, (() => Response)[]>) {
  const calls: Call[] = [];
  const fetcher = vi.fn((input: RequestInfo | URL, init?: RequestInit) => {
    const path = (input as string).replace("/api/v1/", "");
    calls.push([path, init ?? {}]);
    const queue = answers[path];
    const answer = queue && queue.length > 1 ? queue.shift() : queue?.[0];
    return answer ? Promise.resolve(answer()) : Promise.reject(new TypeError("no such address"));
  });
  const count = (path: string) => calls.filter(([p]) => p === path).length;
  const token = (i: number) => new Headers(calls[i]?.[1].headers).get("Authorization");
  return { client: new ApiClient(fetcher), calls, count, token };
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  localStorage.setItem(storageKey("session"), "1");
});
afterEach(() => vi.clearAllTimers());

describe("ApiClient", () => {
  it("signs in, keeps the token in memory and sends it", async () => {
    const s = server({ "auth/login": [() => session("t1")], cameras: [() => json([])] });
    await expect(s.client.login("admin", "pw")).resolves.toEqual(user);
    await s.client.get("cameras");
    expect(s.token(1)).toBe("Bearer t1");
    expect(s.client.state()).toEqual({ status: "signed_in", user });
    expect(JSON.stringify({ ...localStorage })).not.toContain("t1");
  });

  it("gives the server's own sentence when a sign-in is refused", async () => {
    const s = server({ "auth/login": [() => problem(401, "the name or the password is wrong")] });
    const error = await s.client.login("admin", "x").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(sentence(error)).toBe("The name or the password is wrong.");
    expect(s.count("auth/refresh")).toBe(0);
  });

  it("answers a 401 with one refresh and the same request again", async () => {
    const s = server({ "auth/refresh": [() => session("t1"), () => session("t2")], cameras: [() => problem(401, "expired"), () => json([1])] });
    await expect(s.client.get("cameras")).resolves.toEqual([1]);
    expect(s.calls.map(([path]) => path)).toEqual(["auth/refresh", "cameras", "auth/refresh", "cameras"]);
    expect(s.token(3)).toBe("Bearer t2");
  });

  it("signs out when the refresh is refused, and tells listeners", async () => {
    const s = server({ "auth/refresh": [() => problem(401, "please sign in")] });
    const seen = vi.fn();
    s.client.subscribe(seen);
    await expect(s.client.get("cameras")).rejects.toMatchObject({ status: 401 });
    expect(s.client.state()).toEqual({ status: "signed_out" });
    expect(seen).toHaveBeenCalled();
    expect(s.count("cameras")).toBe(0);
  });

  it("shares one refresh between requests that need it at the same time", async () => {
    const s = server({ "auth/refresh": [() => session("t1")], cameras: [() => json([])], events: [() => json([])] });
    await Promise.all([s.client.get("cameras"), s.client.get("events"), s.client.refresh()]);
    expect(s.count("auth/refresh")).toBe(1);
  });

  it("refreshes a minute before the token ends", async () => {
    const s = server({ "auth/login": [() => session("t1")], "auth/refresh": [() => session("t2", 30)] });
    await s.client.login("admin", "pw");
    await vi.advanceTimersByTimeAsync(13.9 * 60_000);
    expect(s.count("auth/refresh")).toBe(0);
    await vi.advanceTimersByTimeAsync(0.2 * 60_000);
    expect(s.count("auth/refresh")).toBe(1);
    expect(s.client.authorization()).toBe("Bearer t2");
  });

  it("does not sign anyone out because the network is away", async () => {
    const s = server({ "auth/login": [() => session("t1")] });
    await s.client.login("admin", "pw");
    await expect(s.client.get("cameras")).rejects.toBeInstanceOf(NetworkError);
    expect(s.client.state().status).toBe("signed_in");
  });

  it("asks nothing on the first visit, but always behind a prefix", async () => {
    localStorage.clear();
    const s = server({ "auth/refresh": [() => session("t1")] });
    await expect(s.client.refresh()).resolves.toBe(false);
    expect(s.calls).toHaveLength(0);
    globalThis.__njBase = "/api/hassio_ingress/abc";
    const ingress = server({ "/api/hassio_ingress/abcauth/refresh": [() => session("t1")] });
    await expect(ingress.client.refresh()).resolves.toBe(true);
  });

  it("reads errors that are no problem+json", async () => {
    const s = server({ "auth/refresh": [() => session("t1")], cameras: [() => new Response("<html>", { status: 502, statusText: "Bad Gateway" })] });
    const error = await s.client.get("cameras").catch((e: unknown) => e);
    expect(sentence(error)).toBe("Bad Gateway.");
  });
});
