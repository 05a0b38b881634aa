import type { Topic, Topics } from "../api/types";
import { backoff } from "./backoff";

export type RealtimeStatus = "closed" | "connecting" | "open";

/** A server that accepts the socket but does not say hello within this time is taken for gone. */
const FIRST_ANSWER_MS = 10_000;

interface Message {
  v: number;
  seq: number;
  topic: Topic;
  data: unknown;
}

export interface RealtimeDeps {
  open: () => WebSocket;
  /** Resolves when the session is valid (again); false ends the connection for good. */
  authorise: () => Promise<boolean>;
  random?: () => number;
}

/** One socket for all live topics. It says when it was away, and whoever holds data then refetches: a gap is never trusted. */
export class Realtime {
  #socket: WebSocket | undefined;
  #status: RealtimeStatus = "closed";
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #connectedBefore = false;
  #lastSeq = 0;
  #statusListeners = new Set<() => void>();
  #resyncListeners = new Set<() => void>();
  #topics = new Map<Topic, Set<(data: never) => void>>();

  constructor(private readonly deps: RealtimeDeps) {}

  status = (): RealtimeStatus => this.#status;

  onStatus = (listener: () => void): (() => void) => {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  };

  /** Called after each reconnect or lost message: whatever came by this socket may have missed something. */
  onResync(listener: () => void): () => void {
    this.#resyncListeners.add(listener);
    return () => this.#resyncListeners.delete(listener);
  }

  on<T extends Topic>(topic: T, listener: (data: Topics[T]) => void): () => void {
    const set = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, set);
    set.add(listener); // the map is keyed by topic, so the pairing holds
    return () => set.delete(listener);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#connect();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#setStatus("closed");
  }

  async #connect(): Promise<void> {
    this.#setStatus("connecting");
    try {
      if (!(await this.deps.authorise())) return this.stop();
    } catch {
      return this.#retry();
    }
    if (!this.#running) return;
    const socket = this.deps.open();
    this.#socket = socket;
    this.#timer = setTimeout(() => socket.close(), FIRST_ANSWER_MS);
    socket.onmessage = (message) => {
      if (this.#socket !== socket) return;
      clearTimeout(this.#timer);
      if (typeof message.data === "string") this.#receive(message.data);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#retry();
    };
  }

  #retry(): void {
    if (!this.#running) return;
    clearTimeout(this.#timer);
    this.#setStatus("closed");
    this.#timer = setTimeout(() => void this.#connect(), backoff(this.#attempt++, this.deps.random ?? Math.random));
  }

  #receive(text: string): void {
    let message: Message;
    try {
      message = JSON.parse(text) as Message; // checked field by field below
    } catch {
      return;
    }
    if (message.v !== 1 || typeof message.topic !== "string") return;
    if (message.topic === "hello") this.#hello();
    else if (message.seq > this.#lastSeq + 1 && this.#lastSeq > 0) this.#resync();
    if (typeof message.seq === "number") this.#lastSeq = message.seq;
    for (const listener of this.#topics.get(message.topic) ?? []) listener(message.data as never);
  }

  #hello(): void {
    this.#attempt = 0;
    this.#lastSeq = 0;
    if (this.#connectedBefore) this.#resync();
    this.#connectedBefore = true;
    this.#setStatus("open");
  }

  #resync(): void {
    for (const listener of this.#resyncListeners) listener();
  }

  #setStatus(status: RealtimeStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    for (const listener of this.#statusListeners) listener();
  }
}
