// Walks through every page of the export in Chromium at two sizes and under two prefixes, and fails on what no test of a
// component sees: console errors, requests outside the prefix, accessibility faults, video that does not move.
// `node test/screenshots.mjs [filter]`; pictures land in test/.artifacts.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { START } from "./mock-data.mjs";
import { startMock } from "./mock-server.mjs";

const artifacts = fileURLToPath(new URL(".artifacts", import.meta.url));
mkdirSync(artifacts, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const filter = process.argv[2] ?? "";
const sizes = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"];
const faults = [];

const mock = await startMock();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });

async function moving(page, testid, label) {
  const video = page.locator(`[data-testid=${testid}]`).first();
  const time = () => video.evaluate((v) => ({ t: v.currentTime, w: v.videoWidth, ready: v.readyState }));
  await page.waitForFunction((id) => document.querySelector(`[data-testid=${id}]`)?.readyState >= 2, testid, { timeout: 15_000 }).catch(() => faults.push(`${label}: ${testid} has no picture`));
  const before = await time();
  await page.waitForFunction(([id, t]) => document.querySelector(`[data-testid=${id}]`).currentTime > t + 0.5, [testid, before.t], { timeout: 8_000 }).catch(() => faults.push(`${label}: ${testid} does not move`));
}

/** Where the canvas shows an instant, by the view that the playhead's address makes: two hours around it. */
async function placeOf(page, wall, row) {
  const box = await page.locator("[data-testid=timeline-canvas]").boundingBox();
  const centre = Number(new URL(page.url()).searchParams.get("t"));
  const x = ((wall - centre) / 7_200_000 + 0.5) * box.width;
  return [box.x + x, box.y + 24 + 34 * (row + 0.5)];
}

/** Several videos move, and stay within a tenth of a second of one another. */
async function inStep(page, label, count) {
  await page.waitForFunction((n) => document.querySelectorAll("[data-tile-phase=following]").length >= n, count, { timeout: 20_000 }).catch(() => faults.push(`${label}: fewer than ${count} cameras play`));
  const clock = () => page.getByTestId("wall-clock").locator("time").textContent();
  const before = await clock();
  await page.waitForTimeout(4_000);
  if ((await clock()) === before) faults.push(`${label}: the clock stands`);
  console.log(`${label}: ${(await page.getByTestId("skew").count()) ? await page.getByTestId("skew").textContent() : "skew is not shown"}`);
}

/** Any picture at all: what the mock server says of it goes by its name. */
const artifactPicture = join(artifacts, "picture.jpg");
execFileSync("ffmpeg", ["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc=s=320x240", "-frames:v", "1", artifactPicture]);

const t = (minutes) => Date.now() - minutes * 60_000;
const steps = [
  { name: "login", path: "/login/", signedOut: true },
  { name: "login-wrong", path: "/login/", signedOut: true, act: async (page) => {
      await page.getByLabel("Name").fill("admin");
      await page.getByLabel("Password", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("The name or the password is wrong.").waitFor();
    }, allow: /401/ },
  { name: "live", path: "/", act: async (page, label) => {
      await moving(page, "live-video", label);
      await page.getByText("Latest events").waitFor();
    } },
  { name: "camera", path: "/camera/?id=front_door", act: (page, label) => moving(page, "live-video", label) },
  { name: "camera-offline", path: "/camera/?id=side_gate", act: (page) => page.getByText(/Offline since/).first().waitFor() },
  { name: "camera-h265", path: "/camera/?id=hall", act: (page, label) => moving(page, "live-video", label) },
  { name: "camera-unknown", path: "/camera/?id=nothing" },
  { name: "timeline-live", path: "/timeline/", act: (page, label) => moving(page, "live-video", label) },
  { name: "timeline-play", path: () => `/timeline/?camera=driveway&t=${t(47)}&play=1`, act: (page, label) => moving(page, "recorded-video", label) },
  { name: "timeline-gap", path: () => `/timeline/?camera=garden&t=${t(30)}`, act: (page) => page.getByText(/Nothing was recorded/).waitFor() },
  { name: "timeline-across", path: () => `/timeline/?camera=front_door&t=${START - 10.1 * 60_000}&play=1`, act: async (page, label) => {
      await moving(page, "recorded-video", label);
      await page.getByText(/Skipped/).waitFor({ timeout: 12_000 }).catch(() => faults.push(`${label}: did not play on across the gap`));
    } },
  { name: "timeline-hover", path: () => `/timeline/?camera=driveway&t=${t(47)}`, desk: true, act: async (page) => {
      const box = await page.locator("[data-testid=timeline-canvas]").boundingBox();
      for (let x = 100; x < box.width; x += 7) {
        await page.mouse.move(box.x + x, box.y + 24 + 34 + 17);
        if (await page.getByText(/(Person|Car|Dog|Bicycle|Cat) \d+ %/).count()) break;
      }
      await page.waitForTimeout(300);
    } },
  { name: "timeline-gap-hover", path: () => `/timeline/?camera=driveway&t=${START - 5.1 * 3_600_000}`, desk: true, act: async (page, label) => {
      const at = await placeOf(page, START - 5.1 * 3_600_000, 1);
      await page.mouse.move(...at);
      await page.getByTestId("hover-card").getByText(/Disk too slow or refused \d\d:\d\d–\d\d:\d\d/).waitFor({ timeout: 5_000 }).catch(() => faults.push(`${label}: the gap is not explained`));
    } },
  { name: "timeline-preview-hover", path: () => `/timeline/?camera=hall&t=${t(200)}`, desk: true, act: async (page, label) => {
      for (let i = 0; i < 6; i++) await page.mouse.move(...(await placeOf(page, START - (215 - 3 * i) * 60_000, 0.3)));
      await page.locator("[data-testid=hover-card] [data-drawn=true]").waitFor({ state: "attached", timeout: 8_000 }).catch(() => faults.push(`${label}: no preview picture`));
    } },
  { name: "timeline-scrub", path: () => `/timeline/?camera=driveway&t=${t(90)}`, act: async (page, label) => {
      await page.locator("[data-phase=paused]").waitFor();
      const box = await page.locator("[data-testid=timeline-canvas]").boundingBox();
      await page.mouse.move(box.x + box.width * 0.5, box.y + 10);
      await page.mouse.down();
      for (let i = 1; i <= 10; i++) await page.mouse.move(box.x + box.width * (0.5 - 0.02 * i), box.y + 10);
      await page.locator("[data-testid=peek] [data-drawn=true]").waitFor({ timeout: 8_000 }).catch(() => faults.push(`${label}: no preview while dragging`));
    }, after: async (page, label) => {
      await page.mouse.up();
      await page.locator("[data-testid=peek]").waitFor({ state: "hidden", timeout: 8_000 }).catch(() => faults.push(`${label}: the recording did not follow the drag`));
      await page.locator("[data-phase=paused]").waitFor();
    } },
  { name: "timeline-wide", path: () => `/timeline/?camera=front_door&t=${t(60 * 24 * 3)}`, act: async (page, label) => {
      await page.locator("[data-testid=timeline-canvas]").waitFor();
      const counted = page.waitForResponse((r) => r.url().includes("bucket=3600000"), { timeout: 10_000 }).catch(() => faults.push(`${label}: a month was asked for without buckets`));
      for (let i = 0; i < 9; i++) await page.keyboard.press("-");
      await counted;
    } },
  { name: "timeline-calendar", path: () => `/timeline/?camera=front_door&t=${t(60 * 20)}`, act: async (page, label) => {
      await page.getByRole("button", { name: /Choose a day/ }).click();
      await page.getByRole("grid").waitFor();
      await page.getByRole("button", { name: /% recorded/ }).first().waitFor({ timeout: 5_000 }).catch(() => faults.push(`${label}: no coverage`));
      await page.keyboard.press("ArrowUp");
    } },
  { name: "timeline-selection", path: () => `/timeline/?camera=driveway&t=${t(90)}`, act: async (page, label) => {
      await page.locator("[data-phase=paused]").waitFor();
      await page.keyboard.press("i");
      await page.keyboard.press("Shift+ArrowRight");
      await page.waitForTimeout(300);
      await page.keyboard.press("Shift+ArrowRight");
      await page.waitForTimeout(300);
      await page.keyboard.press("o");
      const length = await page.getByTestId("selection-length").textContent();
      if (!/^(2 min|1 min 59 s)/.test(length)) faults.push(`${label}: I, two minutes, O selects ${length}`);
      await page.keyboard.press("p");
      await page.getByText(/^Saved driveway-/).waitFor({ timeout: 5_000 }).catch(() => faults.push(`${label}: no picture was saved`));
    } },
  { name: "timeline-sync", path: () => `/timeline/?sync=front_door,driveway&t=${START - 12 * 60_000}&play=1`, act: async (page, label) => {
      await inStep(page, label, 2);
    } },
  { name: "timeline-sync-four", path: () => `/timeline/?sync=front_door,driveway,side_gate,hall&t=${START - 12 * 60_000}&play=1`, act: async (page, label) => {
      await page.getByText(/Camera offline since/).first().waitFor({ timeout: 10_000 }).catch(() => faults.push(`${label}: the gap of a camera is not explained`));
      await inStep(page, label, 3);
    } },
  { name: "export-dialog", path: () => `/timeline/?camera=driveway&t=${t(90)}&range=${t(90)}-${t(84)}`, act: async (page) => {
      await page.getByRole("button", { name: "Export" }).waitFor();
      await page.keyboard.press("e");
      await page.getByRole("dialog").getByRole("button", { name: "Front door" }).click();
      await page.getByRole("switch", { name: "Evidence package" }).click();
      await page.getByTestId("estimate").getByText(/About/).waitFor();
    } },
  { name: "keep-dialog", path: () => `/timeline/?camera=driveway&t=${t(90)}&range=${t(90)}-${t(84)}`, act: async (page) => {
      await page.getByRole("button", { name: "Keep" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Legal hold" }).click();
    } },
  { name: "export-runs", path: () => `/timeline/?camera=driveway&t=${t(90)}&range=${t(90)}-${t(84)}`, act: async (page) => {
      await page.getByRole("button", { name: "Export" }).click();
      await page.getByTestId("estimate").getByText(/About/).waitFor();
      await page.getByRole("button", { name: "Start export" }).click();
      await page.getByText(/Exporting: \d+ %/).waitFor({ timeout: 6_000 });
    } },
  { name: "exports", path: "/exports/", act: async (page) => {
      await page.getByRole("link", { name: /^Download/ }).first().waitFor();
    } },
  { name: "exports-share", path: "/exports/", act: async (page) => {
      await page.getByRole("button", { name: /^Share/ }).first().click();
      await page.getByRole("button", { name: "Create and copy link" }).click();
      await page.getByRole("textbox", { name: "Link" }).waitFor();
    } },
  { name: "exports-delete", path: "/exports/", act: async (page) => {
      await page.getByRole("button", { name: /^Delete/ }).first().click();
      await page.getByRole("dialog").waitFor();
    } },
  { name: "exports-kept", path: "/exports/?tab=kept", act: (page) => page.getByTestId("hold").first().waitFor() },
  { name: "storage", path: "/system/storage/", tall: true, act: (page) => page.getByText("What would be deleted now, and why").waitFor() },
  { name: "timeline-to-live", path: () => `/timeline/?camera=driveway&t=${t(0.13)}&play=1`, desk: true, act: async (page, label) => {
      await moving(page, "recorded-video", label);
      await page.locator("[data-mode=live]").waitFor({ timeout: 30_000 }).catch(() => faults.push(`${label}: did not catch up with live`));
      await moving(page, "live-video", label);
    } },
  { name: "timeline-keys", path: () => `/timeline/?camera=driveway&t=${t(90)}`, desk: true, act: async (page, label) => {
      await page.locator("[data-phase=paused]").waitFor();
      const clock = () => page.getByTestId("wall-clock").locator("time").textContent();
      const before = await clock();
      await page.keyboard.press("]");
      await page.locator("[data-phase=playing]").waitFor();
      if ((await clock()) === before) faults.push(`${label}: "]" did not go to the next event`);
      await page.keyboard.press("2");
      await page.keyboard.press("3");
      await page.keyboard.press("1");
      await page.locator("[data-phase=playing]").waitFor();
      await page.keyboard.press(" ");
      await page.locator("[data-phase=paused]").waitFor();
      const box = await page.locator("[data-testid=timeline-canvas]").boundingBox();
      await page.mouse.click(box.x + box.width * 0.3, box.y + 40);
      await page.locator("[data-phase=playing]").waitFor();
      await page.mouse.move(box.x + 600, box.y + 60);
      for (let i = 0; i < 12; i++) await page.mouse.wheel(0, -120);
      await page.mouse.move(box.x + 600, box.y + 10);
      await page.mouse.down();
      await page.mouse.move(box.x + 700, box.y + 10, { steps: 8 });
      await page.mouse.up();
      await page.locator("[data-phase=playing]").waitFor();
      await page.keyboard.press("n");
      await page.locator("[data-mode=live]").waitFor();
      await page.keyboard.press(" ");
      await page.locator("[data-mode=recorded]").waitFor();
    } },
  { name: "events-to-timeline", path: "/events/?label=person&camera=driveway", act: async (page, label) => {
      await page.getByTestId("event").nth(3).getByRole("link").click();
      await page.waitForURL(/timeline\/\?/);
      await moving(page, "recorded-video", label);
    } },
  { name: "events", path: "/events/", act: (page) => page.getByTestId("event").first().waitFor() },
  { name: "events-filtered", path: "/events/?label=person&camera=driveway", act: (page) => page.getByTestId("event").first().waitFor() },
  { name: "events-empty", path: "/events/?label=bus", act: (page) => page.getByText("No event matches").waitFor() },
  { name: "event-detail", path: "/events/?label=person", act: async (page) => {
      await page.getByTestId("event").nth(2).hover();
      await page.getByRole("button", { name: /^Details of/ }).nth(2).click();
      await page.getByRole("dialog").waitFor();
      await page.waitForTimeout(400);
    } },
  { name: "events-alerts", path: "/events/", act: async (page) => {
      await page.getByTestId("event").first().waitFor();
      await page.getByRole("button", { name: "Alerts only" }).click();
      await page.waitForURL(/alerts=true/);
      await page.getByTestId("alert-badge").first().waitFor({ state: "attached" });
    } },
  { name: "event-why", path: "/events/?alerts=true&label=person", act: async (page) => {
      await page.getByTestId("event").first().hover();
      await page.getByRole("button", { name: /^Details of/ }).first().click();
      await page.getByRole("button", { name: "Why?" }).click();
      await page.getByTestId("verdict").first().waitFor();
    } },
  { name: "event-who", path: "/events/?person=unknown", act: async (page, label) => {
      await page.getByTestId("event").first().hover();
      await page.getByRole("button", { name: /^Details of/ }).first().click();
      await page.getByRole("button", { name: "This is…" }).click();
      await page.getByRole("combobox", { name: "Name" }).fill("be");
      await page.getByRole("option", { name: /^Ben/ }).waitFor();
      if ((await page.getByRole("option").count()) !== 2) faults.push(`${label}: "be" does not offer Ben and a new person`);
    } },
  { name: "events-person", path: "/events/?person=anna", act: (page) => page.getByTestId("identity").first().waitFor({ state: "attached" }) },
  { name: "faces", path: "/faces/", act: (page) => page.getByTestId("person").first().waitFor() },
  { name: "faces-missing", path: "/faces/", cookies: { mockfaces: "missing" }, act: (page) => page.getByTestId("face-status").getByText("nightjar models pull dlib").waitFor() },
  { name: "faces-disabled", path: "/faces/", cookies: { mockfaces: "disabled" }, act: (page) => page.getByText("Nobody is known yet").waitFor() },
  { name: "faces-add", path: "/faces/", act: async (page, label) => {
      await page.getByRole("button", { name: "Add a person" }).click();
      const jpeg = readFileSync(artifactPicture);
      await page.getByLabel("Pictures", { exact: true }).setInputFiles(["none.jpg", "two.jpg", "small.jpg"].map((name) => ({ name, mimeType: "image/jpeg", buffer: jpeg })));
      await page.getByRole("textbox", { name: "Name" }).fill(`Eva ${label}`);
      await page.getByRole("button", { name: "Add 3 pictures" }).click();
      await page.getByText("No face was found in the picture").waitFor();
      await page.getByText("too small").waitFor();
      await page.getByLabel("Pictures", { exact: true }).setInputFiles([{ name: "twin.jpg", mimeType: "image/jpeg", buffer: jpeg }]);
      await page.getByRole("button", { name: "Add person" }).click();
      await page.getByText("merge them").waitFor();
    }, allow: /422/ },
  { name: "faces-inbox", path: "/faces/?tab=unknown", tall: true, act: (page) => page.getByTestId("group").first().waitFor() },
  { name: "faces-inbox-keys", path: "/faces/?tab=unknown", desk: true, act: async (page, label) => {
      await page.getByTestId("group").first().waitFor();
      const before = await page.getByTestId("group").count();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowDown");
      await page.locator("[data-testid=group][data-current=true]").nth(0).waitFor();
      await page.keyboard.press("d");
      await page.getByRole("button", { name: "Undo" }).waitFor();
      if ((await page.getByTestId("group").count()) !== before - 1) faults.push(`${label}: D did not dismiss the group`);
      await page.keyboard.press("u");
      await page.getByRole("button", { name: "Undo" }).waitFor({ state: "hidden" });
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("x");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press(" ");
      await page.getByRole("toolbar", { name: "Chosen faces" }).getByText("2 faces").waitFor();
      await page.screenshot({ path: join(artifacts, `${label}-chosen.png`) });
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").getByRole("combobox").fill(`Fred ${label}`);
      await page.keyboard.press("Enter");
      await page.getByText(/2 faces are Fred/).waitFor();
    } },
  { name: "faces-inbox-choose", path: "/faces/?tab=unknown", act: async (page) => {
      await page.getByTestId("face").nth(1).getByRole("button").click();
      await page.getByTestId("face").nth(2).getByRole("button").click();
      await page.getByRole("toolbar", { name: "Chosen faces" }).waitFor();
    } },
  { name: "faces-inbox-name", path: "/faces/?tab=unknown", act: async (page) => {
      await page.getByRole("button", { name: "Somebody else…" }).first().click();
      await page.getByRole("dialog").getByRole("option").first().waitFor();
    } },
  { name: "person", path: "/faces/person/?id=ben", tall: true, act: async (page) => {
      await page.getByTestId("sample").first().waitFor();
      await page.getByTestId("event").first().waitFor();
    } },
  { name: "person-bare", path: "/faces/person/?id=dora", act: (page) => page.getByText("is never recognised").waitFor() },
  { name: "person-gone", path: "/faces/person/?id=nobody", act: (page) => page.getByText("This person is not in the library").waitFor(), allow: /404/ },
  { name: "person-merge", path: "/faces/person/?id=carl", act: async (page) => {
      await page.getByRole("button", { name: "Merge", exact: true }).click();
      await page.getByRole("dialog").getByRole("combobox").selectOption("ben");
      await page.getByText("Which name stays?").waitFor();
    } },
  { name: "person-rename", path: "/faces/person/?id=carl", act: async (page) => {
      await page.getByRole("button", { name: "Rename" }).click();
      await page.getByRole("dialog").getByRole("textbox", { name: "Name" }).waitFor();
    } },
  { name: "person-delete", path: "/faces/person/?id=ben", act: async (page) => {
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByRole("dialog").waitFor();
    } },
  { name: "mode", path: "/", act: async (page) => {
      await page.getByRole("button", { name: /Arming mode/ }).click();
      await page.getByRole("dialog", { name: "Arming mode" }).waitFor();
    } },
  { name: "motion", path: "/motion/?camera=front_door", act: async (page) => {
      await page.getByTestId("moment").first().waitFor();
      await page.getByRole("button", { name: "Begin in the middle" }).click();
      await page.getByRole("button", { name: "Heat" }).click();
      await page.getByTestId("heat").waitFor();
    }, allow: /404/ },
  { name: "zones", path: "/zones/?camera=front_door", act: async (page, label) => {
      await page.getByRole("button", { name: "Line", exact: true }).click();
      const box = await page.getByTestId("board").boundingBox();
      await page.mouse.move(box.x + box.width * 0.2, box.y + box.height * 0.3);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.7, box.y + box.height * 0.4, { steps: 4 });
      await page.mouse.up();
      await page.getByTestId("yaml").getByText(/line_1: \{points: \[\[0\.2, 0\.3\], \[0\.7, 0\.4\]\]\}/).waitFor({ timeout: 5_000 }).catch(() => faults.push(`${label}: the line that was drawn is not in the configuration`));
    } },
  { name: "system", path: "/system/", act: (page) => page.getByText("Cameras online").waitFor() },
  { name: "api-docs", path: "/api-docs/", act: async (page) => {
      await page.getByText("/api/v1/cameras/{id}/recording").click();
      await page.getByText("Example").first().waitFor();
    } },
  { name: "help", path: "/", desk: true, act: async (page) => {
      await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
      await page.getByRole("dialog").waitFor();
    } },
  { name: "not-found", path: "/nowhere/", allow: /404/ },
];

const only = process.env.PREFIX; // "root" or "ingress", for a quick look
for (const [prefixName, base] of [["root", ""], ["ingress", "/api/hassio_ingress/abc123"]]) {
  for (const [sizeName, viewport] of Object.entries(sizes)) {
    for (const step of steps) {
      const label = `${step.name}-${sizeName}-${prefixName}`;
      if ((only && only !== prefixName) || !label.includes(filter) || (step.desk && sizeName !== "desk")) continue;
      const context = await browser.newContext({ viewport, bypassCSP: false, hasTouch: sizeName === "phone", reducedMotion: "reduce", timezoneId: "Europe/Berlin" });
      const page = await context.newPage();
      page.on("console", (m) => m.type() === "error" && !step.allow?.test(m.text()) && faults.push(`${label}: console: ${m.text()} ${m.location().url}`));
      page.on("pageerror", (e) => faults.push(`${label}: ${e.message}`));
      page.on("request", (r) => r.url().startsWith("http") && !new URL(r.url()).pathname.startsWith(`${base}/`) && faults.push(`${label}: request outside the prefix: ${r.url()}`));
      if (!step.signedOut) {
        await context.addCookies(Object.entries({ mock: "1", ...step.cookies }).map(([name, value]) => ({ name, value, url: mock.url })));
        await context.addInitScript((key) => localStorage.setItem(key, "1"), `nightjar:${base}:session`);
      }
      try {
        await page.goto(`${mock.url}${base}${typeof step.path === "function" ? step.path() : step.path}`);
        await step.act?.(page, label);
        await page.waitForTimeout(900);
        await page.screenshot({ path: join(artifacts, `${label}.png`) });
        if (step.tall) await tallShot(page, viewport, label);
        await step.after?.(page, label);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        if (width > viewport.width) faults.push(`${label}: the page is ${width} px wide`);
      } catch (error) {
        faults.push(`${label}: ${error.message.split("\n")[0]}`);
        await page.screenshot({ path: join(artifacts, `${label}-failed.png`) }).catch(() => undefined);
      }
      await context.close();
      if (prefixName === "root") await accessibility(step, viewport, base, label);
    }
  }
}

/** Pages scroll inside the frame of the console, so a whole one needs a window as tall as it is. */
async function tallShot(page, viewport, label) {
  const height = await page.evaluate(() => document.documentElement.clientHeight - document.querySelector("main").clientHeight + document.querySelector("main").scrollHeight);
  await page.setViewportSize({ width: viewport.width, height });
  await page.waitForTimeout(200);
  await page.screenshot({ path: join(artifacts, `${label}-tall.png`) });
}

/** The same page once more with the policy off, for axe is a script from outside. */
async function accessibility(step, viewport, base, label) {
  const context = await browser.newContext({ viewport, bypassCSP: true, reducedMotion: "reduce" });
  if (!step.signedOut) {
    await context.addCookies(Object.entries({ mock: "1", ...step.cookies }).map(([name, value]) => ({ name, value, url: mock.url })));
    await context.addInitScript((key) => localStorage.setItem(key, "1"), `nightjar:${base}:session`);
  }
  const page = await context.newPage();
  try {
    await page.goto(`${mock.url}${base}${typeof step.path === "function" ? step.path() : step.path}`);
    await step.act?.(page, `${label}-axe`);
    await page.waitForTimeout(300);
    await page.addScriptTag({ content: axe });
    const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
    for (const v of violations) faults.push(`${label}: axe: ${v.id} (${v.impact}): ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(" | ")}`);
  } catch (error) {
    faults.push(`${label}: axe run: ${error.message.split("\n")[0]}`);
  }
  await context.close();
}

await browser.close();
await mock.stop();
console.log(faults.length ? `\n${faults.length} faults:\n${[...new Set(faults)].join("\n")}` : "\nno faults");
process.exit(faults.length ? 1 : 0);
