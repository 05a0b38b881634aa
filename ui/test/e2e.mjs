// The browser's half of the end-to-end test (core/internal/e2e): the real interface of a running Nightjar, at E2E_BASE,
// which may lie below a prefix. Fails on a console error, a failed request, a black or standing picture.
// Screenshots land in E2E_ARTIFACTS.
import { join } from "node:path";
import { chromium } from "playwright-core";

const { E2E_BASE: base, E2E_NAME: name, E2E_PASSWORD: password, E2E_ARTIFACTS: artifacts, E2E_CAMERA: camera } = process.env;
const faults = [];
const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
page.on("console", (m) => m.type() === "error" && faults.push(`console: ${m.text()} (${m.location().url})`));
page.on("pageerror", (e) => faults.push(`page error: ${e.message}`));
page.on("response", (r) => r.status() >= 400 && faults.push(`${r.status()} ${r.url()}`));
page.on("request", (r) => r.url().startsWith("http") && !r.url().startsWith(`${base}/`) && faults.push(`outside the prefix: ${r.url()}`));

const shot = (what) => page.screenshot({ path: join(artifacts, `e2e-${name}-${what}.png`) });

/** Waits until a video moves, then looks at its pixels: a black or empty picture has no contrast. */
async function plays(testid, what) {
  const began = Date.now();
  try {
    await page.waitForFunction((id) => document.querySelector(`[data-testid=${id}]`)?.readyState >= 2, testid, { timeout: 20_000 });
    const first = Date.now() - began;
    const t = await page.locator(`[data-testid=${testid}]`).first().evaluate((v) => v.currentTime);
    await page.waitForFunction(([id, at]) => document.querySelector(`[data-testid=${id}]`).currentTime > at + 1, [testid, t], { timeout: 15_000 });
    const contrast = await page.locator(`[data-testid=${testid}]`).first().evaluate((v) => {
      const c = document.createElement("canvas");
      [c.width, c.height] = [64, 36];
      const g = c.getContext("2d");
      g.drawImage(v, 0, 0, 64, 36);
      const px = g.getImageData(0, 0, 64, 36).data;
      let [lo, hi] = [255, 0];
      for (let i = 0; i < px.length; i += 4) [lo, hi] = [Math.min(lo, px[i + 1]), Math.max(hi, px[i + 1])];
      return hi - lo;
    });
    if (contrast < 40) faults.push(`${what}: the picture is blank (contrast ${contrast})`);
    console.log(`${what}: plays, first picture after ${first} ms, contrast ${contrast}`);
  } catch (e) {
    faults.push(`${what}: ${testid} does not play: ${e.message.split("\n")[0]}`);
  }
}

async function step(what, f) {
  try {
    await f();
  } catch (e) {
    faults.push(`${what}: ${e.message.split("\n")[0]}`);
  }
  await shot(what);
}

await step("login", async () => {
  await page.goto(`${base}/`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await shot("login-form");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((u) => !u.pathname.includes("/login"));
});
await step("live", async () => {
  await plays("live-video", "live grid");
  await page.getByText("Latest events").waitFor({ timeout: 10_000 });
});
await step("camera", async () => {
  await page.goto(`${base}/camera/?id=${camera}`);
  await plays("live-video", "live camera");
});
await step("timeline", async () => {
  await page.goto(`${base}/timeline/?camera=${camera}&t=${Date.now() - 30_000}&play=1`);
  await plays("recorded-video", "recording");
});
await step("scrub", async () => {
  for (let i = 0; i < 6; i++) await page.keyboard.press("+"); // so that a minute is wide
  const box = await page.getByTestId("timeline-canvas").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + 10);
  await page.mouse.down();
  for (let i = 1; i <= 6; i++) await page.mouse.move(box.x + box.width / 2 + 3 * i, box.y + 10);
  await page.locator('[data-testid="peek"] [data-drawn="true"]').waitFor({ timeout: 15_000 });
  await shot("scrubbing");
  await page.mouse.up();
});
await step("export", async () => {
  const now = Date.now();
  await page.goto(`${base}/timeline/?camera=${camera}&t=${now - 30_000}&range=${now - 30_000}-${now - 20_000}`);
  await page.getByRole("button", { name: "Export" }).click();
  await page.getByRole("switch", { name: "Evidence package" }).click();
  await page.getByTestId("estimate").getByText(/About/).waitFor();
  await page.getByRole("button", { name: "Start export" }).click();
  await page.goto(`${base}/exports/`);
  await page.getByText(/^evidence_.*\.zip$/).first().waitFor({ timeout: 30_000 });
});
await step("storage", async () => {
  await page.goto(`${base}/system/storage/`);
  await page.getByText("Recording here").waitFor();
  await page.getByText("What would be deleted now, and why").waitFor();
});
await step("events", async () => {
  await page.goto(`${base}/events/`);
  await page.getByTestId("event").first().waitFor();
});
await step("alerts", async () => {
  await page.getByRole("button", { name: "Alerts only" }).click();
  await page.waitForURL(/alerts=true/);
  await page.getByTestId("event").first().hover();
  await page.getByRole("button", { name: /^Details of/ }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Why?" }).click();
  await page.getByTestId("why").getByText(/rules/).first().waitFor();
});
await step("notifications", async () => {
  // The event on show: whether anybody was told of it is said, whatever the answer.
  const section = page.getByTestId("notifications");
  await section.getByTestId("delivery").or(section.getByText("Nobody was told of this.")).first().waitFor({ timeout: 20_000 });
  // One that was told to the end. New ones come in meanwhile, so what is clicked must not depend on its place in the list.
  await page.goto(`${base}/notifications/?tab=deliveries`);
  const told = page.locator('[data-testid="delivery"][data-notifier="hook"][data-state="delivered"]').first();
  await told.waitFor({ timeout: 60_000 });
  const event = await told.getAttribute("data-event");
  await page.goto(`${base}/events/?event=${event}`);
  await section.locator('[data-testid="delivery"][data-notifier="hook"]').first().waitFor({ timeout: 20_000 });
});
await step("plugins", async () => {
  await page.goto(`${base}/system/plugins/`);
  await page.locator('[data-notifier="hook"][data-state="running"]').first().waitFor({ timeout: 60_000 });
  await page.locator('[data-package="webhook"]').waitFor();
});
await step("zones", async () => {
  await page.goto(`${base}/zones/?camera=${camera}`);
  await page.getByRole("button", { name: "Zone", exact: true }).click();
  await page.getByRole("button", { name: "Begin in the middle" }).click();
  await page.getByTestId("yaml").getByText(/zone_1:/).waitFor();
});
await step("system", async () => {
  await page.goto(`${base}/system/`);
  await page.getByText("Cameras online").waitFor();
});
await step("api-docs", async () => {
  await page.goto(`${base}/api-docs/`);
  await page.getByText("/api/v1/cameras/{id}/recording").first().waitFor();
});
await page.setViewportSize({ width: 390, height: 844 });
for (const [what, path] of [["live", "/"], ["timeline", `/timeline/?camera=${camera}&t=${Date.now() - 40_000}`], ["events", "/events/"], ["zones", `/zones/?camera=${camera}`], ["exports", "/exports/"], ["system", "/system/"], ["plugins", "/system/plugins/"], ["notifications", "/notifications/"], ["storage", "/system/storage/"]]) {
  await step(`phone-${what}`, async () => {
    await page.goto(`${base}${path}`);
    await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {}); // a live socket never idles
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    if (wide) faults.push(`phone-${what}: scrolls sideways`);
  });
}

await browser.close();
for (const f of faults) console.error(f);
console.log(`${name}: ${faults.length ? `${faults.length} faults` : "no fault"}`);
process.exit(faults.length ? 1 : 0);
