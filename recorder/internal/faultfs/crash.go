package faultfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// block is what a device writes at once.
const block = 4096

// CrashClone returns the file system as it may be after a power cut at this moment: everything that was synced, and a
// part of the rest that rng chooses. Of each file's unsynced bytes a prefix of whole blocks is there, the last of which may
// be zeros, as after an allocation without its data. Of the changes of names since their directory's last SyncDir, any
// subset took effect, a rename wholly or not at all. Everything in the clone is durable. The original goes on.
func (m *Mem) CrashClone(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Luck is drawn once per cut as well as per item, so that cuts that keep all or nothing happen too.
	luck := rng.Float64()
	switch rng.IntN(8) {
	case 0:
		luck = 0
	case 1:
		luck = 1
	}
	names := make(map[*node]map[string]*node)
	pick := func(n *node) map[string]*node {
		if names[n] == nil {
			names[n] = maps.Clone(n.durable)
		}
		return names[n]
	}
	for _, c := range m.pending {
		if rng.Float64() < luck {
			c.apply(pick)
		}
	}
	c := crash{rng: rng, luck: luck, names: pick, done: make(map[*node]*node)}
	return &Mem{root: c.node(m.root)}
}

type crash struct {
	rng   *rand.Rand
	luck  float64
	names func(*node) map[string]*node
	done  map[*node]*node // a node may have two names, when a removal was forgotten
}

func (c *crash) node(n *node) *node {
	if out := c.done[n]; out != nil {
		return out
	}
	out := &node{mtime: n.mtime}
	c.done[n] = out
	if !n.isDir() {
		out.data = c.content(n)
		out.synced = len(out.data)
		return out
	}
	out.names = make(map[string]*node)
	left := c.names(n)
	for _, name := range sortedNames(left) {
		out.names[name] = c.node(left[name])
	}
	out.durable = maps.Clone(out.names)
	return out
}

// content returns what is left of a file.
func (c *crash) content(n *node) []byte {
	if n.dirty && c.rng.Float64() >= c.luck {
		return slices.Clone(n.old)
	}
	size := n.synced
	for size < len(n.data) && c.rng.Float64() < c.luck {
		size = min(len(n.data), (size/block+1)*block)
	}
	out := slices.Clone(n.data[:size])
	if last := max(n.synced, (size-1)/block*block); size > n.synced && c.rng.IntN(4) == 0 {
		clear(out[last:])
	}
	return out
}
