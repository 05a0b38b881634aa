package flatmp4

// blockLen is how many numbers a column holds in one allocation. Columns grow by blocks, because a slice that doubles
// would need three times the memory of a day's table while it moves.
const blockLen = 1 << 14

// column is a list of numbers that only grows.
type column struct {
	blocks [][]uint32
	n      int
}

func (c *column) add(v uint32) {
	if c.n%blockLen == 0 {
		c.blocks = append(c.blocks, make([]uint32, 0, blockLen))
	}
	last := len(c.blocks) - 1
	c.blocks[last] = append(c.blocks[last], v)
	c.n++
}

func (c *column) each(f func(uint32)) {
	for _, b := range c.blocks {
		for _, v := range b {
			f(v)
		}
	}
}

func (c *column) last() *uint32 {
	b := c.blocks[len(c.blocks)-1]
	return &b[len(b)-1]
}

// runs is a list of numbers as (count, value) pairs, the form of stts and ctts.
type runs struct {
	counts, values column
}

func (r *runs) add(v uint32) {
	if r.values.n > 0 && *r.values.last() == v {
		*r.counts.last()++
		return
	}
	r.counts.add(1)
	r.values.add(v)
}

func (r *runs) pairs() int { return r.values.n }

func (r *runs) each(f func(count, value uint32)) {
	for i, b := range r.values.blocks {
		for j, v := range b {
			f(r.counts.blocks[i][j], v)
		}
	}
}

// chunks lists where a track's samples lie: one offset per chunk, and how many samples each has.
type chunks struct {
	low, high column // of the offset from the first payload byte
	samples   runs
}

func (c *chunks) add(offset int64, samples int) {
	c.low.add(uint32(offset))
	c.high.add(uint32(offset >> 32))
	c.samples.add(uint32(samples))
}

func (c *chunks) each(f func(offset int64)) {
	for i, b := range c.low.blocks {
		for j, v := range b {
			f(int64(c.high.blocks[i][j])<<32 | int64(v))
		}
	}
}

// table is everything that is remembered of a track's samples: 4 bytes for each size, 8 for each change of duration or
// of composition offset, 4 for each key picture.
type table struct {
	sizes     column
	durations runs
	offsets   runs // composition offsets, two's complement
	keys      column
	chunks    chunks

	reordered bool  // some composition offset is not 0
	negative  bool  // some is below 0
	first     int64 // DTS of the first sample
	last      int64 // DTS of the last sample
	lastDur   int64 // how long it lasts if nothing follows
	bytes     int64
}

func (t *table) add(s Sample) {
	if t.sizes.n == 0 {
		t.first = s.DTS
	} else {
		t.durations.add(uint32(s.DTS - t.last))
	}
	t.sizes.add(uint32(s.Size))
	t.offsets.add(uint32(int32(s.CTO)))
	t.reordered = t.reordered || s.CTO != 0
	t.negative = t.negative || s.CTO < 0
	if s.Key {
		t.keys.add(uint32(t.sizes.n))
	}
	t.last, t.lastDur = s.DTS, s.Duration
	t.bytes += int64(s.Size)
}

// end is the DTS after the last sample.
func (t *table) end() int64 { return t.last + t.lastDur }
