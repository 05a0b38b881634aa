"use client";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { LazyMotion, MotionConfig } from "framer-motion";
import { type ReactNode, useState } from "react";
import { Toasts } from "@/components/Toasts";
import { ApiError } from "@/lib/api/errors";

const motionFeatures = () => import("./motion-features").then((module) => module.default);

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(
    () =>
      new QueryClient({
        defaultOptions: {
          // An answer of the server is an answer; only silence is worth another try.
          queries: { retry: (count, error) => !(error instanceof ApiError && error.status < 500) && count < 2, refetchOnWindowFocus: false },
        },
      }),
  );
  return (
    <QueryClientProvider client={client}>
      <LazyMotion features={motionFeatures} strict>
        <MotionConfig reducedMotion="user" transition={{ duration: 0.16, ease: "easeOut" }}>
          {children}
          <Toasts />
        </MotionConfig>
      </LazyMotion>
    </QueryClientProvider>
  );
}
