import { apiURL, basePath, storageKey } from "../base";
import { now, syncClock } from "../time/clock";
import { ApiError, NetworkError, errorFrom } from "./errors";
import type { Session, User } from "./types";

export type AuthState = { status: "unknown" } | { status: "signed_out" } | { status: "signed_in"; user: User };

/** How long before its end an access token is replaced. */
const REFRESH_EARLY_MS = 60_000;

// The refresh cookie cannot be seen from here. A note of the last sign-in spares newcomers a request that can only fail;
// behind Home Assistant the session is made by the server, so there it is always worth asking.
function sessionLikely(): boolean {
  try {
    return basePath() !== "" || localStorage.getItem(storageKey("session")) !== null;
  } catch {
    return true; // storage is forbidden: ask
  }
}

function rememberSession(signedIn: boolean): void {
  try {
    if (signedIn) localStorage.setItem(storageKey("session"), "1");
    else localStorage.removeItem(storageKey("session"));
  } catch {
    // Without storage each visit asks the server, which is only slower.
  }
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * Speaks to /api/v1. The access token lives in memory only; the refresh token is an HttpOnly cookie this code never sees.
 * A 401 is answered with one refresh; if that fails too the person is signed out and listeners are told.
 */
export class ApiClient {
  #token = "";
  #expires = 0;
  #state: AuthState = { status: "unknown" };
  #refreshing: Promise<boolean> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #listeners = new Set<() => void>();

  constructor(private readonly fetcher: typeof fetch = (...args) => fetch(...args)) {}

  state = (): AuthState => this.#state;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** For requests that others make (hls.js): the header value of now, or undefined before sign-in. */
  authorization(): string | undefined {
    return this.#token ? `Bearer ${this.#token}` : undefined;
  }

  async login(username: string, password: string): Promise<User> {
    const response = await this.#fetch("POST", "auth/login", { username, password });
    if (!response.ok) throw await errorFrom(response);
    return this.#accept(response);
  }

  async logout(): Promise<void> {
    try {
      await this.#fetch("POST", "auth/logout");
    } finally {
      this.#drop();
    }
  }

  /** Makes sure that token and media cookie hold for the next minute. False when the person must sign in. */
  async ensureFresh(): Promise<boolean> {
    if (this.#token && now() < this.#expires - REFRESH_EARLY_MS) return true;
    return this.refresh();
  }

  /** Several callers share one request: the refresh token rotates, so a second one in parallel would be refused. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#exclusive(() => this.#refreshOnce()).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.request<T>("GET", path, undefined, signal);
  }

  async request<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const response = await this.#send(method, path, body, signal);
    if (response.status === 204) return undefined as T; // callers of such operations ask for void
    return (await response.json()) as T; // shape is the server's contract, see types.ts
  }

  /** A resource that is no JSON, such as a picture, with its headers. */
  raw(path: string, signal?: AbortSignal): Promise<Response> {
    return this.#send("GET", path, undefined, signal);
  }

  async #send(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const stale = this.#token === "" || now() >= this.#expires;
    if (stale && !(await this.refresh())) throw new ApiError(401, "Unauthorized", "Please sign in.");
    let response = await this.#fetch(method, path, body, signal);
    if (response.status === 401 && (await this.refresh())) {
      response = await this.#fetch(method, path, body, signal);
    }
    if (response.status === 401) this.#drop();
    if (!response.ok) throw await errorFrom(response);
    return response;
  }

  async #fetch(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json, */*;q=0.5" };
    const authorization = this.authorization();
    if (authorization) headers.Authorization = authorization;
    const form = body instanceof FormData; // whose type carries a boundary that only the browser knows
    if (body !== undefined && !form) headers["Content-Type"] = "application/json";
    try {
      return await this.fetcher(apiURL(path), {
        method,
        headers,
        body: body === undefined || form ? body : JSON.stringify(body),
        credentials: "same-origin",
        signal,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new NetworkError("Nightjar cannot be reached. Check that it is running and that this device is on its network.");
    }
  }

  async #refreshOnce(): Promise<boolean> {
    if (!this.#token && !sessionLikely()) {
      this.#drop();
      return false;
    }
    const response = await this.#fetch("POST", "auth/refresh");
    if (response.status === 200) {
      await this.#accept(response);
      return true;
    }
    if (response.status === 204 || response.status === 401 || response.status === 403) {
      this.#drop();
      return false;
    }
    throw await errorFrom(response);
  }

  /** Tabs share the cookie, so they take turns where the browser has locks (secure contexts only). */
  #exclusive(work: () => Promise<boolean>): Promise<boolean> {
    const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
    return locks ? locks.request(`nightjar-refresh${apiURL("")}`, work).then((done) => done) : work();
  }

  async #accept(response: Response): Promise<User> {
    const session = (await response.json()) as Session; // the server's own contract
    // Expiry is by the server's clock; one that disagrees with this device's must not look like an expired session.
    syncClock(response.headers.get("Date") ?? "");
    rememberSession(true);
    this.#token = session.access_token;
    this.#expires = Date.parse(session.expires_at);
    this.#set({ status: "signed_in", user: session.user });
    this.#schedule();
    return session.user;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const delay = Math.min(Math.max(this.#expires - now() - REFRESH_EARLY_MS, 5_000), 2_147_000_000);
    this.#timer = setTimeout(() => {
      this.refresh().catch(() => this.#schedule()); // unreachable for now: try again, requests will too
    }, delay);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#token = "";
    this.#expires = 0;
    rememberSession(false);
    this.#set({ status: "signed_out" });
  }

  #set(state: AuthState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

export const api = new ApiClient();
