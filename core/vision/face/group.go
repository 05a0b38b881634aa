package face

import (
	"cmp"
	"math"
	"slices"
)

// Group sorts faces by likeness: two groups are joined while the mean distance of their members is at most threshold
// (average linkage, by the nearest-neighbour chain: Murtagh, A survey of recent advances in hierarchical clustering
// algorithms, 1983). It returns the indexes of each group's members in rising order, the largest group first, then by
// first member. It takes n² time and 4·n² bytes: a few thousand faces at once.
func Group(faces []Embedding, threshold float64) [][]int {
	c := newClusters(faces)
	for len(c.alive) > 0 {
		c.step(threshold)
	}
	slices.SortFunc(c.done, func(a, b []int) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a[0], b[0]))
	})
	return c.done
}

// clusters is the state of a grouping. A cluster is named by the index of one of its members.
type clusters struct {
	n        int
	distance []float32 // n×n, mean distances of live clusters
	members  [][]int
	alive    []int // in rising order
	chain    []int // each the nearest neighbour of the one before
	done     [][]int
}

func newClusters(faces []Embedding) *clusters {
	n := len(faces)
	c := &clusters{n: n, distance: make([]float32, n*n), members: make([][]int, n)}
	for i := range faces {
		c.members[i] = []int{i}
		c.alive = append(c.alive, i)
		for j := range i {
			d := float32(faces[i].Distance(&faces[j]))
			c.distance[i*n+j], c.distance[j*n+i] = d, d
		}
	}
	return c
}

// step follows the chain to its next neighbour. Mean distances never shrink by joining others, so a cluster whose
// nearest neighbour is too far is complete.
func (c *clusters) step(threshold float64) {
	if len(c.chain) == 0 {
		c.chain = append(c.chain, c.alive[0])
	}
	last := c.chain[len(c.chain)-1]
	before := -1
	if len(c.chain) > 1 {
		before = c.chain[len(c.chain)-2]
	}
	near, d := c.nearest(last, before)
	switch {
	case near < 0 || d > threshold:
		c.finish(last)
		c.chain = c.chain[:len(c.chain)-1]
	case near == before:
		c.chain = c.chain[:len(c.chain)-2]
		c.join(before, last)
	default:
		c.chain = append(c.chain, near)
	}
}

// nearest returns the live cluster nearest to i; of equals prefer, so that the chain cannot run in a circle, else the first.
func (c *clusters) nearest(i, prefer int) (int, float64) {
	best, least := -1, float32(math.Inf(1))
	if prefer >= 0 {
		best, least = prefer, c.distance[i*c.n+prefer]
	}
	for _, j := range c.alive {
		if d := c.distance[i*c.n+j]; j != i && d < least {
			best, least = j, d
		}
	}
	return best, float64(least)
}

// join puts b into a. The mean distance to a third is that of both, weighted by their members (Lance and Williams, 1967).
func (c *clusters) join(a, b int) {
	na, nb := float32(len(c.members[a])), float32(len(c.members[b]))
	for _, k := range c.alive {
		d := (na*c.distance[a*c.n+k] + nb*c.distance[b*c.n+k]) / (na + nb)
		c.distance[a*c.n+k], c.distance[k*c.n+a] = d, d
	}
	c.members[a] = append(c.members[a], c.members[b]...)
	c.remove(b)
}

func (c *clusters) finish(i int) {
	slices.Sort(c.members[i])
	c.done = append(c.done, c.members[i])
	c.remove(i)
}

func (c *clusters) remove(i int) {
	if at, ok := slices.BinarySearch(c.alive, i); ok {
		c.alive = slices.Delete(c.alive, at, at+1)
	}
}
