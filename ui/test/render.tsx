import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { setupServer } from "msw/node";
import type { ReactElement } from "react";
import { vi } from "vitest";

/** Answers are added per test; a request without one fails the test. */
export const server = setupServer();

/** What next/navigation would be: the address is `navigation.search`, moves are recorded. */
export const navigation = { search: "", replace: vi.fn(), push: vi.fn() };

export function renderPage(page: ReactElement) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  return { client, ...render(<QueryClientProvider client={client}>{page}</QueryClientProvider>) };
}
