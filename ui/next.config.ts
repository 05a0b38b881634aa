import type { NextConfig } from "next";
import { PHASE_DEVELOPMENT_SERVER } from "next/constants.js";

// The prefix under which Nightjar is served is only known per request (Home Assistant ingress), while Next fixes
// basePath at build time. So the export is built with a placeholder which scripts/postbuild.mjs and serve.go replace.
export const BASE_PLACEHOLDER = "/__NIGHTJAR_BASE__";

export default function config(phase: string): NextConfig {
  const shared: NextConfig = {
    reactStrictMode: true,
    trailingSlash: true,
    poweredByHeader: false,
    images: { unoptimized: true },
  };
  if (phase === PHASE_DEVELOPMENT_SERVER) {
    const api = process.env.NIGHTJAR_DEV_API ?? "http://127.0.0.1:8080";
    return {
      ...shared,
      agentRules: false,
      skipTrailingSlashRedirect: true,
      rewrites: () => Promise.resolve([{ source: "/api/v1/:path*", destination: `${api}/api/v1/:path*` }]),
    };
  }
  return { ...shared, output: "export", basePath: BASE_PLACEHOLDER };
}
