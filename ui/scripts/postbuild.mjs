// After `next build`: makes the export independent of its prefix, and refuses one that broke a rule or outgrew its budget.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { checkCSS, checkFlight, firstLoad, rewriteHTML, rewriteJS } from "./export.mjs";

const out = fileURLToPath(new URL("../out", import.meta.url));
/** KB gzipped; the build fails at a tenth above, so that a figure can be looked at before it must be cut. */
const budget = { "index.html": 240, "timeline/index.html": 240, "login/index.html": 190, page: 240, chunk: 120, css: 15, total: 1500 };
const SLACK = 1.1;

const files = readdirSync(out, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(out, join(entry.parentPath, entry.name)));

const pages = new Map();
for (const name of files) {
  const path = join(out, name);
  if (name.endsWith(".html")) {
    const text = readFileSync(path, "utf8");
    pages.set(name, firstLoad(text));
    writeFileSync(path, rewriteHTML(text, name));
  } else if (name.endsWith(".js")) {
    const text = readFileSync(path, "utf8");
    writeFileSync(path, rewriteJS(text, name));
  } else if (name.endsWith(".txt")) checkFlight(readFileSync(path, "utf8"), name);
  else if (name.endsWith(".css")) checkCSS(readFileSync(path, "utf8"), name);
  else if (readFileSync(path).includes("__NIGHTJAR_BASE__")) throw new Error(`${name}: the base path is in a file that is not templated`);
}

const gz = new Map(files.map((name) => [name, gzipSync(readFileSync(join(out, name))).length / 1000]));
const faults = [];
const check = (what, size, limit) => {
  const line = `${what.padEnd(28)} ${size.toFixed(0).padStart(5)} KB of ${limit}`;
  console.log(size > limit ? `${line}  over budget` : line);
  if (size > limit * SLACK) faults.push(line);
};
console.log("\nGzipped, against the budgets:");
for (const [name, scripts] of pages) {
  if (name.endsWith("index.html") && !name.startsWith("404") && !name.startsWith("_")) {
    check(name, scripts.reduce((sum, script) => sum + (gz.get(script) ?? 0), 0), budget[name] ?? budget.page);
  }
}
const largest = (extension) => Math.max(0, ...files.filter((f) => f.endsWith(extension)).map((f) => gz.get(f)));
check("largest script", largest(".js"), budget.chunk);
check("style sheet", largest(".css"), budget.css);
check("all files", [...gz.values()].reduce((a, b) => a + b, 0), budget.total);
if (faults.length > 0) {
  console.error(`\nThe export is too large:\n${faults.join("\n")}\nLook at what the page imports (one primitive per file, no barrels).`);
  process.exit(1);
}
