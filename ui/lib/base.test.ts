import { describe, expect, it } from "vitest";
import { apiURL, socketURL, storageKey, withQuery } from "./base";

describe("addresses below the prefix", () => {
  it("are at the root without one", () => {
    expect(apiURL("events")).toBe("/api/v1/events");
    expect(socketURL("ws", { protocol: "http:", host: "nvr:8080" })).toBe("ws://nvr:8080/api/v1/ws");
  });

  it("carry the prefix the server wrote into the page", () => {
    globalThis.__njBase = "/api/hassio_ingress/abc";
    expect(apiURL("events")).toBe("/api/hassio_ingress/abc/api/v1/events");
    expect(socketURL("ws", { protocol: "https:", host: "ha.local" })).toBe("wss://ha.local/api/hassio_ingress/abc/api/v1/ws");
    expect(storageKey("session")).toBe("nightjar:/api/hassio_ingress/abc:session");
  });

  it("leave out parameters without a value, and escape the others", () => {
    expect(withQuery("events", { camera: undefined, label: "", limit: 0 })).toBe("events?limit=0");
    expect(withQuery("events", { label: "a b&c" })).toBe("events?label=a+b%26c");
  });
});
