package track

// impossible is the cost of a pair that must not be matched.
const impossible = 1e6

// assigner solves the assignment problem by the Hungarian method with potentials (Kuhn and Munkres, in the O(n²m) form
// of shortest augmenting paths). It keeps its buffers.
type assigner struct {
	u, v, least []float64
	match, way  []int
	used        []bool
	result      []int
}

// solve assigns each of n rows to at most one of m columns at the least total cost and returns the column per row, or
// -1. cost is called with row and column.
func (a *assigner) solve(n, m int, cost func(row, col int) float64) []int {
	a.result = resize(a.result, n)
	for i := range a.result {
		a.result[i] = -1
	}
	if n == 0 || m == 0 {
		return a.result
	}
	// With more rows than columns the extra columns are impossible ones.
	cols := max(n, m)
	at := func(r, c int) float64 {
		if c >= m {
			return impossible
		}
		return min(cost(r, c), impossible)
	}
	a.u, a.v, a.least = resize(a.u, n+1), resize(a.v, cols+1), resize(a.least, cols+1)
	a.match, a.way, a.used = resize(a.match, cols+1), resize(a.way, cols+1), resize(a.used, cols+1)
	clear(a.u)
	clear(a.v)
	clear(a.match)
	clear(a.way)
	for row := 1; row <= n; row++ {
		a.augment(row, cols, at)
	}
	for c := 1; c <= m; c++ {
		if r := a.match[c]; r > 0 && at(r-1, c-1) < impossible {
			a.result[r-1] = c - 1
		}
	}
	return a.result
}

// augment adds one row along the cheapest augmenting path. Rows and columns count from 1; column 0 is the start.
func (a *assigner) augment(row, cols int, cost func(r, c int) float64) {
	a.match[0] = row
	col := 0
	for i := range a.least {
		a.least[i], a.used[i] = 1e18, false
	}
	for a.match[col] != 0 {
		a.used[col] = true
		r, delta, next := a.match[col], 1e18, 0
		for c := 1; c <= cols; c++ {
			if a.used[c] {
				continue
			}
			if d := cost(r-1, c-1) - a.u[r] - a.v[c]; d < a.least[c] {
				a.least[c], a.way[c] = d, col
			}
			if a.least[c] < delta {
				delta, next = a.least[c], c
			}
		}
		for c := 0; c <= cols; c++ {
			if a.used[c] {
				a.u[a.match[c]] += delta
				a.v[c] -= delta
			} else {
				a.least[c] -= delta
			}
		}
		col = next
	}
	for col != 0 {
		prev := a.way[col]
		a.match[col] = a.match[prev]
		col = prev
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n*2)
	}
	return s[:n]
}
