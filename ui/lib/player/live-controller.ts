import { backoff } from "../realtime/backoff";
import { LiveBuffer, type MediaSourceLike, type VideoLike } from "./live-buffer";

export type LivePhase = "idle" | "connecting" | "starting" | "live" | "stalled" | "offline" | "reconnecting" | "unsupported" | "paused";

export interface LiveState {
  phase: LivePhase;
  /** The server's or the browser's reason, when there is one. */
  reason?: string;
  /** When the next attempt is made: ours for `reconnecting`, the camera's for `offline`. By the recorder's clock, ms. */
  retryAt?: number;
  mime?: string;
  width?: number;
  height?: number;
}

export interface SocketLike {
  binaryType: string;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  close(): void;
}

export interface LiveDeps {
  openSocket(): SocketLike;
  /** Resolves false when the person must sign in; the controller then stops. */
  authorise(): Promise<boolean>;
  createMediaSource(): MediaSourceLike;
  isTypeSupported(mime: string): boolean;
  attach(video: VideoLike, source: MediaSourceLike): () => void;
  now(): number;
  random(): number;
}

interface ServerMessage {
  type?: unknown;
  mime?: unknown;
  width?: unknown;
  height?: unknown;
  state?: unknown;
  reason?: unknown;
  retry_at?: unknown;
}

/** Without a frame for this long the picture is called stale; after twice that the socket is renewed. */
const STALL_MS = 5_000;
/** A tab that is hidden keeps its socket this long, so that switching back and forth costs nothing. */
const HIDDEN_GRACE_MS = 5_000;
const text = (value: unknown): string | undefined => (typeof value === "string" && value ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === "number" && Number.isFinite(value) ? value : undefined);

/**
 * Live video of one stream: socket → MediaSource → video element, with an honest state for each thing that can be the
 * matter. It owns the socket and the source, never the element.
 */
export class LiveController {
  #state: LiveState = { phase: "idle" };
  #socket: SocketLike | undefined;
  #buffer: LiveBuffer | undefined;
  #attempt = 0;
  #running = false;
  #hidden = false;
  #lastFrame = 0;
  #expectInit = false;
  /** the server said that the camera is not there, and no frame has come since */
  #away = false;
  #connectTimer: ReturnType<typeof setTimeout> | undefined;
  #hideTimer: ReturnType<typeof setTimeout> | undefined;
  #watchTimer: ReturnType<typeof setInterval> | undefined;
  #listeners = new Set<() => void>();

  constructor(
    private readonly video: VideoLike,
    private readonly deps: LiveDeps,
  ) {}

  state = (): LiveState => this.#state;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#watchTimer = setInterval(() => this.#watch(), 250);
    void this.#connect();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#hideTimer);
    clearInterval(this.#watchTimer);
    this.#disconnect();
    this.#set({ phase: "idle" });
  }

  /** Called when the tile leaves or enters sight (another tab, scrolled away). */
  setVisible(visible: boolean): void {
    this.#hidden = !visible;
    clearTimeout(this.#hideTimer);
    if (!this.#running) return;
    if (!visible) {
      this.#hideTimer = setTimeout(() => {
        this.#disconnect();
        this.#set({ phase: "paused" });
      }, HIDDEN_GRACE_MS);
    } else if (this.#state.phase === "paused") {
      void this.#connect();
    }
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#connectTimer);
    if (this.#state.phase !== "reconnecting") this.#set({ phase: "connecting" });
    try {
      if (!(await this.deps.authorise())) return this.stop();
    } catch (error) {
      return this.#retry(error instanceof Error ? error.message : undefined);
    }
    if (!this.#running || this.#hidden || this.#socket) return;
    const socket = this.deps.openSocket();
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#away = false;
    this.#lastFrame = this.deps.now();
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (this.#socket !== socket) return;
      if (typeof data === "string") this.#control(data);
      else if (data instanceof ArrayBuffer) this.#media(data);
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#retry("The connection to Nightjar was lost");
    };
  }

  #control(data: string): void {
    let message: ServerMessage;
    try {
      message = JSON.parse(data) as ServerMessage; // each field is checked where it is used
    } catch {
      return;
    }
    if (message.type === "init") this.#init(message);
    else if (message.type === "state") this.#cameraState(message);
    else if (message.type === "drop") this.#buffer?.expectJump();
  }

  #init(message: ServerMessage): void {
    const mime = text(message.mime);
    if (!mime) return;
    this.#lastFrame = this.deps.now();
    if (!this.deps.isTypeSupported(mime)) {
      this.#disconnect();
      this.#set({ phase: "unsupported", mime, width: number(message.width), height: number(message.height) });
      return;
    }
    if (this.#buffer?.accepts(mime)) {
      this.#buffer.restart(mime);
    } else {
      this.#buffer?.close();
      this.#buffer = new LiveBuffer(this.video, mime, this.deps, (reason) => this.#retry(reason));
    }
    this.#expectInit = true;
    this.#set({ phase: "starting", mime, width: number(message.width), height: number(message.height) });
  }

  #media(data: ArrayBuffer): void {
    this.#buffer?.push(data);
    if (this.#expectInit) {
      this.#expectInit = false; // the init segment holds no picture
      return;
    }
    this.#lastFrame = this.deps.now();
    this.#away = false;
  }

  #cameraState(message: ServerMessage): void {
    this.#attempt = 0;
    this.#lastFrame = this.deps.now();
    const retryAt = text(message.retry_at);
    const state = text(message.state);
    if (state === "online") return; // pictures will say so themselves
    this.#away = true;
    this.#set({
      phase: state === "starting" ? "starting" : "offline",
      reason: text(message.reason),
      retryAt: retryAt ? Date.parse(retryAt) : undefined,
    });
  }

  /** Four times a second: is there a picture, is it late, is it stale? */
  #watch(): void {
    if (!this.#socket || this.#away) return; // away: the server keeps the socket and tells when the camera is back
    const silent = this.deps.now() - this.#lastFrame;
    const { phase } = this.#state;
    if (this.#buffer && this.#buffer.showing && silent < STALL_MS) {
      this.#buffer.follow();
      if (phase !== "live") {
        this.#attempt = 0;
        this.#set({ phase: "live", mime: this.#state.mime, width: this.#state.width, height: this.#state.height });
      }
      return;
    }
    if (silent > 2 * STALL_MS) this.#retry("No picture arrived for 10 s");
    else if (silent > STALL_MS && phase === "live") this.#set({ ...this.#state, phase: "stalled" });
  }

  #retry(reason: string | undefined): void {
    this.#disconnect();
    if (!this.#running || this.#hidden) return;
    const delay = backoff(this.#attempt++, () => this.deps.random());
    this.#set({ phase: "reconnecting", reason, retryAt: this.deps.now() + delay });
    this.#connectTimer = setTimeout(() => void this.#connect(), delay);
  }

  #disconnect(): void {
    clearTimeout(this.#connectTimer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#buffer?.close();
    this.#buffer = undefined;
  }

  #set(state: LiveState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
