/** Delay before attempt `n` (from 0): doubles from `base` to `max`, with half of it random so that tabs do not stampede. */
export function backoff(n: number, random: () => number, base = 500, max = 15_000): number {
  const ceiling = Math.min(max, base * 2 ** n);
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}
