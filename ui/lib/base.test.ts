import { describe, expect, it } from "vitest";
import { apiURL, serverURL, shareURL, socketURL, storageKey, withQuery } from "./base";

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

  it("of what the server names are ours, however it names it", () => {
    globalThis.__njBase = "/api/hassio_ingress/abc";
    const here = "/api/hassio_ingress/abc/api/v1/exports/1/files/a.mp4";
    for (const url of ["/api/v1/exports/1/files/a.mp4", here, "exports/1/files/a.mp4", "../exports/1/files/a.mp4"]) expect(serverURL(url)).toBe(here);
    expect(serverURL("/s/token")).toBe("/api/hassio_ingress/abc/s/token");
    expect(serverURL("https://nvr.example/s/token")).toBe("https://nvr.example/s/token");
    expect(shareURL("/api/v1/share/x", "http://nvr:8080")).toBe("http://nvr:8080/api/hassio_ingress/abc/api/v1/share/x");
  });

  it("leave out parameters without a value, and escape the others", () => {
    expect(withQuery("events", { camera: undefined, label: "", limit: 0 })).toBe("events?limit=0");
    expect(withQuery("events", { label: "a b&c" })).toBe("events?label=a+b%26c");
  });
});
