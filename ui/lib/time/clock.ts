// The only place that reads the machine's clock. The recorder's clock is the truth: a phone that is minutes off must
// still ask for the right minute of footage.
let offset = 0;

/** Takes over the server's time as it was at the moment of the answer (half the round trip is below our precision). */
export function syncClock(serverTime: string): void {
  const server = Date.parse(serverTime);
  if (!Number.isNaN(server)) offset = server - Date.now();
}

/** Milliseconds since 1970 by the recorder's clock. */
export function now(): number {
  return Date.now() + offset;
}
