import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { useToasts } from "@/hooks/use-toasts";
import { api } from "@/lib/api/client";
import { storageKey } from "@/lib/base";
import { mockBootstrap, mockSession } from "@/test/fixtures";
import { renderPage, server } from "@/test/render";
import { ModeControl } from "./ModeControl";

const put = vi.fn();
let role: "admin" | "viewer";

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(async () => {
  role = "admin";
  put.mockReset();
  useToasts.setState({ toasts: [] });
  localStorage.setItem(storageKey("session"), "1");
  server.use(
    http.post("*/api/v1/auth/refresh", () => HttpResponse.json(mockSession)),
    http.get("*/api/v1/bootstrap", () => HttpResponse.json(mockBootstrap({ user: { id: "u", name: "u", role } }))),
    http.get("*/api/v1/mode", () => HttpResponse.json({ mode: "home" })),
    http.put("*/api/v1/mode", async ({ request }) => {
      const body = (await request.json()) as { mode: string }; // our own request
      put(body);
      return HttpResponse.json(body);
    }),
  );
  await api.refresh();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const open = async () => userEvent.click(await screen.findByRole("button", { name: /Arming mode: Home/ }));

describe("ModeControl", () => {
  it("sets another mode, and shows it at once", async () => {
    renderPage(<ModeControl />);
    await open();
    await userEvent.click(screen.getByRole("button", { name: /^Night/ }));
    expect(await screen.findByRole("button", { name: /Arming mode: Night/ })).toBeTruthy();
    await waitFor(() => expect(put).toHaveBeenCalledWith({ mode: "night" }));
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("takes it back, with the server's sentence, when it is refused", async () => {
    server.use(http.put("*/api/v1/mode", () => HttpResponse.json({ title: "Service Unavailable", status: 503, detail: "the database is away" }, { status: 503 })));
    renderPage(<ModeControl />);
    await open();
    await userEvent.click(screen.getByRole("button", { name: /^Away/ }));
    await waitFor(() => expect(useToasts.getState().toasts.map((t) => t.text)).toEqual(["Away was not set: The database is away."]));
    expect(screen.getByRole("button", { name: /Arming mode: Home/ })).toBeTruthy();
  });

  it("only tells a viewer", async () => {
    role = "viewer";
    renderPage(<ModeControl />);
    await open();
    expect(await screen.findByText("Only an administrator can change the mode.")).toBeTruthy();
    expect(screen.getByRole("button", { name: /^Night/ })).toHaveProperty("disabled", true);
  });
});
