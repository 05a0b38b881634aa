// This browser's subscription to alerts: the service worker, the permission, the key it was made with.
import { basePath, storageKey } from "./base";
import { ApiError } from "./api/errors";
import { removeSubscription, storeSubscription } from "./queries/push";

export type PushSupport = "yes" | "insecure" | "none";

export function pushSupport(w: Pick<Window, "isSecureContext"> & Partial<Pick<typeof globalThis, "PushManager" | "Notification">> = window, n: Pick<Navigator, never> & { serviceWorker?: unknown } = navigator): PushSupport {
  if (!w.isSecureContext) return "insecure";
  return n.serviceWorker && "PushManager" in w && "Notification" in w ? "yes" : "none";
}

/** What is remembered of the subscription: where it is told from, and its id at the server. */
interface Kept {
  id: string;
  notifier: string;
}

const KEY = "push";

function kept(): Kept | undefined {
  try {
    return JSON.parse(localStorage.getItem(storageKey(KEY)) ?? "null") as Kept | undefined ?? undefined; // written below
  } catch {
    return undefined;
  }
}

function keep(value: Kept | undefined): void {
  if (value) localStorage.setItem(storageKey(KEY), JSON.stringify(value));
  else localStorage.removeItem(storageKey(KEY));
}

const registration = () => navigator.serviceWorker.getRegistration(`${basePath()}/`);

/** Where this browser is told from; undefined where it is not. */
export async function current(): Promise<Kept | undefined> {
  const mine = kept();
  if (!mine) return undefined;
  const subscription = await (await registration())?.pushManager.getSubscription();
  return subscription ? mine : undefined;
}

/** Asks the person and the browser, and tells the server. It is an error with a sentence where either says no. */
export async function subscribe(notifier: string, publicKey: string): Promise<Kept> {
  if ((await Notification.requestPermission()) !== "granted") throw new Error("This browser does not allow notifications from this site. Allow them in its settings for the site, then try again.");
  const worker = await navigator.serviceWorker.register(`${basePath()}/push-worker.js`, { scope: `${basePath()}/` });
  await navigator.serviceWorker.ready;
  const old = await worker.pushManager.getSubscription();
  await old?.unsubscribe(); // it may have been made with another key
  let subscription: PushSubscription;
  try {
    subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: keyBytes(publicKey) });
  } catch {
    throw new Error("The browser’s push service does not answer. It needs the internet; some browsers have it switched off.");
  }
  try {
    const mine = { id: await storeSubscription(notifier, subscription.toJSON()), notifier };
    keep(mine);
    return mine;
  } catch (error) {
    await subscription.unsubscribe();
    throw error;
  }
}

export async function unsubscribe(): Promise<void> {
  const mine = kept();
  if (mine) {
    await removeSubscription(mine.id).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error; // gone is what was wanted
    });
  }
  await (await (await registration())?.pushManager.getSubscription())?.unsubscribe();
  keep(undefined);
}

/** base64url → the bytes that PushManager wants. */
export function keyBytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "="));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}
