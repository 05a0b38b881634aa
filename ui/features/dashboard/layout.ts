export interface Grid {
  columns: number;
  rows: number;
}

/** Columns and rows that give `n` pictures of 16:9 the largest area in width × height. */
export function bestGrid(n: number, width: number, height: number): Grid {
  let best: Grid = { columns: 1, rows: Math.max(1, n) };
  let bestWidth = 0;
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    const tile = Math.min(width / columns, ((height / rows) * 16) / 9);
    if (tile > bestWidth + 0.5) {
      bestWidth = tile;
      best = { columns, rows };
    }
  }
  return best;
}

/** Grid for a chosen number of columns; the rows then follow and may scroll. */
export function fixedGrid(n: number, columns: number): Grid {
  return { columns, rows: Math.max(1, Math.ceil(n / columns)) };
}
