// Shows alerts that the push notifier sends (plugins/notifiers/push, message version 1), opens their event when pressed,
// and acknowledges them under the person's own login. It keeps nothing and caches nothing.
const base = new URL(self.registration.scope).pathname.replace(/\/$/, "");
const api = (path) => `${base}/api/v1/${path}`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let message = {};
  try {
    message = event.data?.json() ?? {};
  } catch {
    // A message of somebody else: browsers want every push to be shown, so it is shown as it can be.
  }
  const test = !message.tag;
  event.waitUntil(
    self.registration.showNotification(message.title || "Nightjar", {
      body: message.body || "",
      tag: message.tag || "nightjar",
      renotify: message.phase === "new" && !message.silent,
      silent: message.silent === true,
      image: message.image || undefined,
      icon: `${base}/icon.svg`,
      data: { event: message.tag || "", delivery: message.delivery_id || "" },
      actions: test || !message.delivery_id ? [] : [{ action: "acknowledge", title: "Acknowledge" }],
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  const { event: id, delivery } = event.notification.data ?? {};
  event.notification.close();
  event.waitUntil(event.action === "acknowledge" && delivery ? acknowledge(id, delivery) : open(id));
});

/** The event's page, in a window that is there if possible. */
async function open(id, query = "") {
  const url = new URL(id ? `${base}/events/?event=${encodeURIComponent(id)}${query}` : `${base}/`, self.location.origin).href;
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const ours = windows.find((w) => new URL(w.url).pathname.startsWith(`${base}/`));
  if (ours) {
    await ours.focus().catch(() => undefined);
    if (await ours.navigate(url).catch(() => null)) return;
  }
  await self.clients.openWindow(url);
}

async function acknowledge(id, delivery) {
  try {
    const token = await signIn();
    const answer = token && (await fetch(api(`deliveries/${encodeURIComponent(delivery)}/acknowledge`), { method: "POST", headers: { Authorization: `Bearer ${token}` } }));
    if (answer && answer.ok) return;
  } catch {
    // The recorder cannot be reached from here: the page says so better than a notification.
  }
  await open(id);
}

/** The refresh cookie rotates, so tabs and this worker take turns with one lock. */
async function signIn() {
  return self.navigator.locks.request(`nightjar-refresh${api("")}`, async () => {
    const answer = await fetch(api("auth/refresh"), { method: "POST", credentials: "same-origin" });
    return answer.status === 200 ? (await answer.json()).access_token : "";
  });
}
