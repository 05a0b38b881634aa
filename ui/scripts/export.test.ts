import { describe, expect, it } from "vitest";
import { BASE, checkCSS, checkFlight, firstLoad, NONCE, rewriteHTML, rewriteJS } from "./export.mjs";

const page = (body: string) => `<html><head><meta charSet="utf-8"/>${body}</head><body></body></html>`;

describe("rewriteJS", () => {
  it("turns literals into the variable and the rest", () => {
    expect(rewriteJS(`let n="${BASE}",p='${BASE}/_next/';f(n)`, "a.js")).toBe(`let n=(globalThis.__njBase),p=(globalThis.__njBase+'/_next/');f(n)`);
  });

  it("leaves other scripts as they are", () => {
    expect(rewriteJS("let a=1", "a.js")).toBe("let a=1");
  });

  it("refuses what it cannot rewrite", () => {
    expect(() => rewriteJS(`let n=\`${BASE}/x\``, "a.js")).toThrow(/left in JavaScript/);
    expect(() => rewriteJS(`let n="x${BASE}"`, "a.js")).toThrow(/left in JavaScript/);
    expect(() => rewriteJS(`let n={"${BASE}":1}`, "a.js")).toThrow(/object key/);
  });

  it("takes a literal in a conditional for what it is", () => {
    expect(rewriteJS(`a?"${BASE}/x":b`, "a.js")).toBe(`a?(globalThis.__njBase+"/x"):b`);
  });
});

describe("rewriteHTML", () => {
  it("sets the base first and gives every script the nonce", () => {
    const out = rewriteHTML(page(`<script src="${BASE}/a.js" async=""></script><script>1</script>`), "index.html");
    expect(out.startsWith(`<html><head><script nonce="${NONCE}">globalThis.__njBase="${BASE}"</script><meta`)).toBe(true);
    expect(out.match(/<script nonce=/g)).toHaveLength(3);
  });

  it("refuses a page without head, and a row whose length would become wrong", () => {
    expect(() => rewriteHTML("<html>", "x.html")).toThrow(/no <head>/);
    const row = `self.__next_f.push([1,"2:T${(BASE.length + 4).toString(16)},ab${BASE}cd"])`;
    expect(() => rewriteHTML(page(`<script>${row}</script>`), "x.html")).not.toThrow(); // not at the beginning of a row
    expect(() => rewriteHTML(page(`<script>self.__next_f.push([1,"x\\n2:T${(BASE.length + 4).toString(16)},ab${BASE}cd"])</script>`), "x.html")).toThrow(/byte length/);
  });
});

describe("checks", () => {
  it("see the base inside a row of known length only", () => {
    const long = `1:T${(10 + BASE.length).toString(16)},${"é".repeat(5)}${BASE}`;
    expect(() => checkFlight(long, "a.txt")).toThrow(/byte length/);
    expect(() => checkFlight(`1:T2,ab2:"${BASE}/x"`, "a.txt")).not.toThrow();
    expect(() => checkFlight(`1:"${BASE}/x"`, "a.txt")).not.toThrow();
  });

  it("refuse the base in CSS", () => {
    expect(() => checkCSS(`a{background:url(${BASE}/x.png)}`, "a.css")).toThrow(/CSS/);
  });

  it("count the scripts of a page, not those for old browsers", () => {
    expect(firstLoad(`<script src="${BASE}/_next/a.js" async=""></script><script src="${BASE}/_next/old.js" noModule=""></script><script>1</script>`)).toEqual(["_next/a.js"]);
  });
});
