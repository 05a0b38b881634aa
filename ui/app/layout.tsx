import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { BASE_PLACEHOLDER } from "@/next.config";
import "./globals.css";
import { Providers } from "./providers";

export const metadata: Metadata = { title: { default: "Nightjar", template: "%s · Nightjar" }, description: "Network video recorder", robots: "noindex" };
export const viewport: Viewport = { width: "device-width", initialScale: 1, viewportFit: "cover", themeColor: "#0a0c0f", colorScheme: "dark" };

// Next does not put basePath before files of public/, so it is written here; the server replaces it in HTML.
const base = process.env.NODE_ENV === "production" ? BASE_PLACEHOLDER : "";

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <head>
        <link rel="icon" type="image/svg+xml" href={`${base}/icon.svg`} />
      </head>
      <body>
        <Providers>{children}</Providers>
      </body>
    </html>
  );
}
