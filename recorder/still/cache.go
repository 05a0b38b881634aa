package still

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// cacheKey names a thumbnail. A segment's first picture never changes, not even while its file grows.
type cacheKey struct {
	path    string
	segment int
	width   int
}

type picture struct {
	jpeg []byte
	at   time.Time
}

// entryOverhead is about what an entry takes beside its picture.
const entryOverhead = 256

// cache keeps the thumbnails asked for last, up to a number of bytes.
type cache struct {
	limit int64

	mu      sync.Mutex
	size    int64
	order   list.List // of entry, latest first
	entries map[cacheKey]*list.Element
}

type entry struct {
	key cacheKey
	pic picture
}

func (e entry) size() int64 { return int64(len(e.pic.jpeg)+len(e.key.path)) + entryOverhead }

func newCache(limit int64) *cache {
	return &cache{limit: limit, entries: make(map[cacheKey]*list.Element)}
}

func (c *cache) get(key cacheKey) (picture, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return picture{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(entry).pic, true
}

func (c *cache) put(key cacheKey, pic picture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[key]; ok {
		return
	}
	e := entry{key: key, pic: pic}
	c.entries[key] = c.order.PushFront(e)
	c.size += e.size()
	for c.size > c.limit {
		oldest := c.order.Remove(c.order.Back()).(entry)
		delete(c.entries, oldest.key)
		c.size -= oldest.size()
	}
}

func (c *cache) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

// flights makes several requests for one picture share the work. The work ends early when all who want it have left.
type flights struct {
	mu      sync.Mutex
	running map[cacheKey]*flight
}

type flight struct {
	done    chan struct{}
	pic     picture
	err     error
	waiting int // guarded by flights.mu
	cancel  context.CancelFunc
}

func (f *flights) do(ctx context.Context, key cacheKey, work func(context.Context) (picture, error)) (picture, error) {
	f.mu.Lock()
	if f.running == nil {
		f.running = make(map[cacheKey]*flight)
	}
	fl := f.running[key]
	if fl == nil {
		fl = &flight{done: make(chan struct{})}
		f.running[key] = fl
		var own context.Context
		own, fl.cancel = context.WithCancel(context.WithoutCancel(ctx))
		go f.run(own, key, fl, work)
	}
	fl.waiting++
	f.mu.Unlock()
	select {
	case <-fl.done:
		return fl.pic, fl.err
	case <-ctx.Done():
		f.leave(key, fl)
		return picture{}, ctx.Err()
	}
}

func (f *flights) run(ctx context.Context, key cacheKey, fl *flight, work func(context.Context) (picture, error)) {
	fl.pic, fl.err = work(ctx)
	f.mu.Lock()
	if f.running[key] == fl {
		delete(f.running, key)
	}
	f.mu.Unlock()
	fl.cancel()
	close(fl.done)
}

func (f *flights) leave(key cacheKey, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl.waiting--; fl.waiting == 0 {
		fl.cancel()
		if f.running[key] == fl { // whoever comes now must not join what was called off
			delete(f.running, key)
		}
	}
}
