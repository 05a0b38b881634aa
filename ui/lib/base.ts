// The path prefix under which this page is served ("" at the root, "/api/hassio_ingress/…" in Home Assistant). The
// server writes it into the first inline script of each page; see scripts/postbuild.mjs and serve.go.
declare global {
  var __njBase: string | undefined;
}

export function basePath(): string {
  return globalThis.__njBase ?? "";
}

/** URL of an API resource; `path` is relative to /api/v1 and has no leading slash. */
export function apiURL(path: string): string {
  return `${basePath()}/api/v1/${path}`;
}

/**
 * Where a resource lies that the server named in an answer: complete, from the root (with or without a proxy's prefix), or
 * relative to /api/v1 or to the answer itself. The prefix this page came under is ours to add: the server may not know it.
 */
export function serverURL(url: string): string {
  if (/^https?:/i.test(url)) return url;
  const at = url.indexOf("/api/v1/");
  if (at >= 0) return apiURL(url.slice(at + 8));
  if (url.startsWith("/")) return basePath() + url;
  return apiURL(url.replace(/^(\.{1,2}\/)+/, ""));
}

/** The same, complete with origin: for a link that leaves this page. */
export function shareURL(url: string, origin: string = window.location.origin): string {
  return new URL(serverURL(url), origin).href;
}

/** The same resource as a WebSocket address: browsers want it absolute. */
export function socketURL(path: string, location: { protocol: string; host: string } = window.location): string {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${apiURL(path)}`;
}

/** Appends the parameters that have a value: undefined and "" are left out. */
export function withQuery(path: string, params: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== "") query.set(key, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Name for browser storage: under ingress the origin is shared with Home Assistant, so keys carry prefix and product. */
export function storageKey(name: string): string {
  return `nightjar:${basePath()}:${name}`;
}
