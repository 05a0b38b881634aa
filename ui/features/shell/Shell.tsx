"use client";
import dynamic from "next/dynamic";
import { usePathname, useRouter } from "next/navigation";
import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import { Wordmark } from "@/components/Wordmark";
import { HEADER_SLOT } from "@/components/HeaderSlot";
import { Failure } from "@/components/Notice";
import { useBootstrap } from "@/hooks/use-bootstrap";
import { useHotkeys } from "@/hooks/use-hotkeys";
import { api } from "@/lib/api/client";
import { BottomBar, Rail } from "./Nav";
import { nav, titleOf } from "./nav";
import { StatusBar } from "./StatusBar";
import { useLiveData } from "./use-live-data";

// Loaded when it is wanted, and with it what dialogs are made of.
const HelpDialog = dynamic(() => import("./HelpDialog").then((module) => module.HelpDialog));

const unknown = { status: "unknown" } as const;

/** Frame of every page behind the sign-in: who you are, where you can go, what time it is, whether the data is live. */
export function Shell({ children }: { children: ReactNode }) {
  const auth = useSyncExternalStore(api.subscribe, api.state, () => unknown);
  const router = useRouter();
  const pathname = usePathname();
  const [failure, setFailure] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (auth.status === "unknown") api.refresh().then(() => setFailure(undefined), setFailure);
    if (auth.status === "signed_out") {
      const here = pathname + window.location.search;
      router.replace(here === "/" ? "/login/" : `/login/?next=${encodeURIComponent(here)}`);
    }
  }, [auth.status, router, pathname, attempt]);

  if (failure) return <Failure error={failure} retry={() => setAttempt(attempt + 1)} className="min-h-dvh" />;
  if (auth.status !== "signed_in") return <Splash />;
  return <SignedIn pathname={pathname}>{children}</SignedIn>;
}

function Splash() {
  return (
    <main className="grid min-h-dvh place-items-center">
      <h1 className="sr-only">Nightjar</h1>
      <Wordmark className="animate-breathe" />
    </main>
  );
}

function SignedIn({ pathname, children }: { pathname: string; children: ReactNode }) {
  const boot = useBootstrap();
  const [help, setHelp] = useState(false);
  useLiveData();
  useNavKeys(() => setHelp(true));
  return (
    <div className="flex h-dvh flex-col pb-(--bottombar) pl-(--rail)">
      <a href="#content" className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:absolute focus:left-2 focus:top-2">
        Skip to content
      </a>
      <Rail pathname={pathname} onHelp={() => setHelp(true)} />
      <header className="flex h-(--topbar) shrink-0 items-center gap-2 border-b border-line bg-surface px-3">
        {titleOf(pathname) && <h1 className="mr-1 shrink-0 text-lg font-semibold max-md:text-xl">{titleOf(pathname)}</h1>}
        <div id={HEADER_SLOT} className="flex min-w-0 flex-1 items-center gap-2" />
        <StatusBar />
      </header>
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto outline-none">
        {boot.isError && !boot.data ? <Failure error={boot.error} retry={() => void boot.refetch()} className="h-full" /> : children}
      </main>
      <BottomBar pathname={pathname} />
      {help && <HelpDialog open onOpenChange={setHelp} />}
    </div>
  );
}

/** "?" for help; "g" and then a letter goes to a page. */
function useNavKeys(onHelp: () => void) {
  const router = useRouter();
  const [pending, setPending] = useState(false);
  useEffect(() => {
    if (!pending) return;
    const timer = setTimeout(() => setPending(false), 1200);
    return () => clearTimeout(timer);
  }, [pending]);
  const go = Object.fromEntries(
    nav.map((item) => [
      item.key,
      () => {
        setPending(false);
        router.push(item.href);
      },
    ]),
  );
  useHotkeys({ "?": onHelp, g: () => setPending(true), ...(pending ? go : {}) });
}
