// Turns Next's export, built for a placeholder base path, into files that work under any prefix. Pure functions over text,
// so that each rule is tested; scripts/postbuild.mjs applies them.

export const BASE = "/__NIGHTJAR_BASE__";
export const NONCE = "__NIGHTJAR_NONCE__";

/**
 * JavaScript stays the same bytes for all prefixes (immutable, precompressed): string literals with the placeholder become
 * "global variable + rest". The variable is set by the first inline script of each page.
 */
export function rewriteJS(text, name) {
  const literal = new RegExp(`(["'])${BASE}((?:(?!\\1)[^\\\\\\n])*)\\1`, "g");
  const out = text.replace(literal, (whole, quote, rest, at) => {
    const after = text.slice(at + whole.length).match(/^\s*(.)/)?.[1];
    const before = text.slice(0, at).match(/(.)\s*$/)?.[1] ?? "";
    if (after === ":" && (before === "{" || before === ",")) throw new Error(`${name}: the base path is an object key, which cannot be computed here`);
    return rest ? `(globalThis.__njBase+${quote}${rest}${quote})` : "(globalThis.__njBase)";
  });
  if (out.includes("__NIGHTJAR_BASE__")) throw new Error(`${name}: the base path is left in JavaScript outside of a plain string literal`);
  return out;
}

/** A page gets the variable before any other script, and a nonce on every script, for the policy of the server. */
export function rewriteHTML(text, name) {
  if (!text.includes("<head>")) throw new Error(`${name}: no <head> to put the base path into`);
  checkFlight(text.replaceAll('\\"', '"').replaceAll("\\n", "\n"), name);
  const scripted = text.replace("<head>", `<head><script>globalThis.__njBase="${BASE}"</script>`);
  return scripted.replace(/<script(?=[\s>])/g, `<script nonce="${NONCE}"`);
}

/** CSS is served as it is, so nothing in it may depend on the prefix. */
export function checkCSS(text, name) {
  if (text.includes("__NIGHTJAR_BASE__")) throw new Error(`${name}: the base path occurs in CSS, which is not templated`);
}

/** A text row of the flight format says its length in bytes; replacing inside would make that a lie. */
export function checkFlight(text, name) {
  const bytes = Buffer.from(text);
  const row = /(?:^|\n)[0-9a-f]*:T([0-9a-f]+),/g;
  for (let found; (found = row.exec(text)); ) {
    const start = Buffer.byteLength(text.slice(0, found.index + found[0].length));
    const body = bytes.subarray(start, start + parseInt(found[1], 16)).toString();
    if (body.includes("__NIGHTJAR_BASE__")) throw new Error(`${name}: a text row with a byte length holds the base path`);
  }
}

/** Scripts that a page loads before it can be used, as paths below the export. */
export function firstLoad(html) {
  return [...html.matchAll(/<script\b[^>]*\bsrc="([^"]+)"[^>]*>/g)].filter((m) => !/\bnomodule\b/i.test(m[0])).map((m) => m[1].replace(`${BASE}/`, ""));
}
