import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "@/lib/api/client";
import type { Notifier } from "@/lib/api/plugin-types";
import { storageKey } from "@/lib/base";
import { mockBootstrap, mockSession } from "@/test/fixtures";
import { renderPage, server } from "@/test/render";
import { PluginsView } from "./PluginsView";

vi.mock("next/navigation", () => ({ usePathname: () => "/system/plugins/" }));

const sent = vi.fn();
const notifier: Notifier = { id: "hook", name: "Hook", plugin: "webhook", plugin_name: "Webhook", version: "1.1.0", trust: "core", source: "database", enabled: true, state: "backoff", reason: "it ended with status 2", warning: "no route sends alerts to it, so it tells nothing: add one", since: 0, retry_at: 0, restarts: 3, delivered: 5, failed: 1, memory_bytes: 20e6, limits: ["at most 64 MB of memory"], capabilities: [], settings: { snapshot: true }, secrets_set: ["url"], created_at: 1, updated_at: 1 };
const version = { version: "1.0.0", state: "pending", reason: "", trust: "key", sha256: "ab".repeat(32), bundle_sha256: "", signer: "f1", signer_name: "Ada", permissions: [{ name: "kv", text: "keep data of its own" }], capabilities: [], memory_mb: 0, platforms: ["linux-amd64"], homepage: "", licence: "MIT", installed_at: 0, installed_by: "", approved_at: 0, approved_by: "" };
const plugin = { id: "com.example.ntfy", name: "Ntfy", trust: "key", enabled: true, active: "", previous: "", problem: "", modified: false, notifiers: [], versions: [version] };
const webhook = { ...plugin, id: "webhook", name: "Webhook", trust: "core", active: "1.1.0", versions: [{ ...version, version: "1.1.0", state: "approved" }] };

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  sent.mockReset();
  localStorage.setItem(storageKey("session"), "1");
  const remember = (name: string, answer: () => Response) => async ({ request }: { request: Request }) => {
    sent(name, await request.json());
    return answer();
  };
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap())),
    http.get("*/api/v1/notifiers", () => HttpResponse.json({ notifiers: [notifier] })),
    http.get("*/api/v1/plugins", () => HttpResponse.json({ plugins: [plugin, webhook], keys: [], allow_unsigned: false, platform: "linux-amd64" })),
    http.get("*/api/v1/plugin-audit", () => HttpResponse.json({ steps: [] })),
    http.get("*/api/v1/delivery-queues", () => HttpResponse.json({ queues: [{ notifier: "hook", pending: 0, held: 2, oldest: 0 }] })),
    http.get("*/api/v1/plugins/:id/schema", () => HttpResponse.json({ schema: { type: "object", required: ["url"], properties: { snapshot: { type: "boolean" }, url: { type: "string", "x-secret": true } } } })),
    http.get("*/api/v1/plugins/:id/versions/:version", () => HttpResponse.json({ plugin, version, from: "0.9.0", added: version.permissions, removed: [], signer_changed: true })),
    http.post("*/api/v1/plugins/:id/versions/:version/approve", remember("approve", () => HttpResponse.json(plugin))),
    http.post("*/api/v1/notifiers/hook/test", remember("test", () => HttpResponse.json({ class: "permanent", detail: "no such chat", retry_after_ms: 0 }))),
    http.put("*/api/v1/notifiers/hook", remember("put", () => HttpResponse.json({ title: "invalid", status: 422, detail: "the settings are not right", errors: [{ location: "body.settings.url", message: "must begin with https://" }] }, { status: 422 }))),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

describe("PluginsView", () => {
  it("says how a notifier fares, and what an example became", async () => {
    renderPage(<PluginsView />);
    expect(await screen.findByText("It ended with status 2.")).toBeTruthy();
    expect(screen.getByText(/^No route sends alerts to it/).closest("p")?.querySelector("a")?.getAttribute("href")).toMatch(/^\/notifications/);
    expect(await screen.findByText(/3 restarts.*2 held on purpose/)).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Test" }));
    await userEvent.click(screen.getByRole("button", { name: "Send an example" }));
    expect(await screen.findByText(/Refused.*No such chat\./)).toBeTruthy();
  });

  it("keeps secrets until they are replaced, and shows what the server says at the field", async () => {
    renderPage(<PluginsView />);
    await userEvent.click(await screen.findByRole("button", { name: "Settings of Hook" }));
    const dialog = await screen.findByRole("dialog");
    await userEvent.click(await within(dialog).findByRole("button", { name: "Save" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("put", { name: "Hook", settings: { snapshot: true } }));
    expect(await within(dialog).findByText("Must begin with https://")).toBeTruthy();
    await userEvent.click(within(dialog).getByRole("button", { name: "Replace URL" }));
    await userEvent.type(within(dialog).getByLabelText(/^URL/), "https://x");
    await userEvent.click(within(dialog).getByRole("button", { name: "Save" }));
    await waitFor(() => expect(sent).toHaveBeenLastCalledWith("put", { name: "Hook", settings: { snapshot: true, url: "https://x" } }));
  });

  it("goes back to a version that ran, after a failed upgrade left none to go back to", async () => {
    const ran = { ...version, version: "1.0.0", state: "approved", approved_at: 5, sha256: "cd".repeat(32) };
    const failed = { ...version, version: "1.2.0", state: "rolled_back", approved_at: 9, reason: "it did not start" };
    const after = { ...plugin, active: "1.1.0", versions: [failed, { ...version, version: "1.1.0", state: "approved" }, ran] };
    server.use(http.get("*/api/v1/plugins", () => HttpResponse.json({ plugins: [after], keys: [], allow_unsigned: false, platform: "linux-amd64" })));
    renderPage(<PluginsView />);
    await userEvent.click(await screen.findByRole("button", { name: "Back to 1.0.0" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("approve", { sha256: "cd".repeat(32) }));
  });

  it("shows what a version asks for before it is approved by its sum", async () => {
    renderPage(<PluginsView />);
    await userEvent.click(await screen.findByRole("button", { name: "Review" }));
    const review = within(await screen.findByTestId("review"));
    expect(review.getByText(/asks for more than version 0\.9\.0/)).toBeTruthy();
    expect(review.getByRole("alert").textContent).toMatch(/another key/);
    await userEvent.click(review.getByRole("button", { name: "Upgrade from 0.9.0" }));
    await waitFor(() => expect(sent).toHaveBeenCalledWith("approve", { sha256: "ab".repeat(32) }));
  });
});
