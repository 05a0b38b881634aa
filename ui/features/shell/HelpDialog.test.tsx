import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { HelpDialog } from "./HelpDialog";

it("lets keys scroll the help: its text takes the focus", async () => {
  render(<HelpDialog open onOpenChange={() => undefined} />);
  const text = await screen.findByRole("group", { name: "Keys by page" });
  expect(text.textContent).toContain("Alerts only");
  for (let i = 0; i < 3 && document.activeElement !== text; i++) await userEvent.tab();
  expect(document.activeElement).toBe(text);
});
