import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http, HttpResponse } from "msw";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { mockSession } from "@/test/fixtures";
import { navigation, renderPage, server } from "@/test/render";
import { LoginForm } from "./LoginForm";
import { nextPath } from "./next-path";

vi.mock("next/navigation", () => ({
  useRouter: () => navigation,
  useSearchParams: () => new URLSearchParams(navigation.search),
}));

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
beforeEach(() => {
  navigation.search = "";
  navigation.replace.mockReset();
  server.use(http.post("*/api/v1/auth/refresh", () => new HttpResponse(null, { status: 204 })));
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

async function signIn(name: string, password: string) {
  const user = userEvent.setup();
  if (name) await user.type(screen.getByLabelText("Name"), name);
  if (password) await user.type(screen.getByLabelText("Password"), password);
  await user.click(screen.getByRole("button", { name: "Sign in" }));
}

describe("LoginForm", () => {
  it("signs in and goes where the person wanted to go", async () => {
    navigation.search = "next=%2Fevents%2F%3Flabel%3Dperson";
    const sent = vi.fn();
    server.use(
      http.post("*/api/v1/auth/login", async ({ request }) => {
        sent(await request.json());
        return HttpResponse.json(mockSession);
      }),
    );
    renderPage(<LoginForm />);
    await signIn("admin", "correct horse");
    await vi.waitFor(() => expect(navigation.replace).toHaveBeenCalledWith("/events/?label=person"));
    expect(sent).toHaveBeenCalledWith({ username: "admin", password: "correct horse" });
  });

  it("shows the server's sentence and lets one try again", async () => {
    server.use(http.post("*/api/v1/auth/login", () => HttpResponse.json({ title: "Too Many Requests", status: 429, detail: "too many attempts, wait 30 s" }, { status: 429 })));
    renderPage(<LoginForm />);
    await signIn("admin", "wrong");
    expect((await screen.findByRole("alert")).textContent).toBe("Too many attempts, wait 30 s.");
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Sign in" }).disabled).toBe(false);
    expect(navigation.replace).not.toHaveBeenCalled();
  });

  it("asks for both fields before asking the server", async () => {
    renderPage(<LoginForm />);
    await signIn("admin", "");
    expect(screen.getByRole("alert").textContent).toMatch(/Enter your name and your password/);
  });

  it("says so when Nightjar cannot be reached", async () => {
    server.use(http.post("*/api/v1/auth/login", () => HttpResponse.error()));
    renderPage(<LoginForm />);
    await signIn("admin", "x");
    expect((await screen.findByRole("alert")).textContent).toMatch(/cannot be reached/);
  });

  it("shows the password on request", async () => {
    renderPage(<LoginForm />);
    const user = userEvent.setup();
    expect(screen.getByLabelText<HTMLInputElement>("Password").type).toBe("password");
    await user.click(screen.getByRole("button", { name: "Show password" }));
    expect(screen.getByLabelText<HTMLInputElement>("Password").type).toBe("text");
  });
});

describe("nextPath", () => {
  it("never leaves this application", () => {
    for (const evil of ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", null, "/login/?next=/login/"]) expect(nextPath(evil)).toBe("/");
    expect(nextPath("/timeline/?t=1")).toBe("/timeline/?t=1");
  });
});
