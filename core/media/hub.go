package media

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrReaderClosed is returned by Read after Close, or after the hub was closed.
var ErrReaderClosed = errors.New("reader closed")

// gopLimit bounds what the hub keeps of the current group of pictures for readers that ask for a burst. A camera
// with a longer group loses its burst, not its memory bound: 32 MiB is 60 s at 4 Mbit/s.
const (
	gopLimitBytes = 32 << 20
	gopLimitUnits = 4096
)

// Hub hands every access unit of one stream to every reader. Publish never blocks: each reader has a bounded queue of
// its own and loses its own units when it is slow, up to the next key frame, counted. The hub keeps the current group
// of pictures so that a new viewer sees a picture at once.
type Hub struct {
	mu      sync.Mutex
	readers map[*Reader]struct{}
	desc    *Description
	gop     []*AccessUnit // from the last key frame on; empty when there is none
	gopSize int
	closed  bool
}

// NewHub returns an empty hub.
func NewHub() *Hub { return &Hub{readers: make(map[*Reader]struct{})} }

// ReaderOptions says how a reader wants to be served.
type ReaderOptions struct {
	// Capacity is how many units may wait; at least 1. Beyond it, units are lost up to the next key frame.
	Capacity int
	// Burst delivers the current group of pictures first, so that decoding can start at once.
	Burst bool
	// Batch wakes the reader only when the waiting units span this much time, at a key frame or at a session's end.
	// It saves a goroutine switch per unit; 0 wakes for each unit.
	Batch time.Duration
	// DropQueued empties the queue on overflow, for readers to whom fresh matters more than complete.
	DropQueued bool
	// MaxLag is how old, in stream time, a unit may be for Late to say that it is worth the work; 0: any age.
	MaxLag time.Duration
}

// Subscribe adds a reader. The caller must Close it.
func (h *Hub) Subscribe(o ReaderOptions) *Reader {
	r := &Reader{hub: h, opts: o, wake: make(chan struct{}, 1)}
	r.opts.Capacity = max(1, o.Capacity)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		r.closed = true
		r.signal()
		return r
	}
	if o.Burst && len(h.gop) > 0 && len(h.gop) <= r.opts.Capacity {
		r.queue = append(r.queue, h.gop...)
		r.burst = h.gop[len(h.gop)-1]
		r.signal()
	}
	// Without a burst a picture reader must begin at a key frame.
	r.skipping = len(r.queue) == 0 && h.desc != nil && h.desc.VideoTrack() >= 0
	h.readers[r] = struct{}{}
	return r
}

// Publish hands u to all readers. It returns at once. The caller must not change u afterwards.
func (h *Hub) Publish(u *AccessUnit) {
	h.mu.Lock()
	h.remember(u)
	for r := range h.readers {
		r.push(u)
	}
	h.mu.Unlock()
}

// End tells all readers that the session ended and why, and forgets the group of pictures.
func (h *Hub) End(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.desc == nil {
		return
	}
	u := &AccessUnit{Desc: h.desc, Track: TrackEnd, NTP: time.Now(), Reason: reason}
	h.desc, h.gop, h.gopSize = nil, nil, 0
	for r := range h.readers {
		r.push(u)
	}
}

// Close ends all readers: they read what is queued, then ErrReaderClosed.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for r := range h.readers {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.signal()
	}
	h.readers = make(map[*Reader]struct{})
}

// Description returns what the running session carries, or nil while there is none.
func (h *Hub) Description() *Description {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.desc
}

// Readers returns the number of readers now.
func (h *Hub) Readers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.readers)
}

func (h *Hub) remember(u *AccessUnit) {
	if u.Desc != h.desc {
		h.desc, h.gop, h.gopSize = u.Desc, nil, 0
	}
	if u.Key && u.Desc.Tracks[u.Track].Video() {
		h.gop, h.gopSize = make([]*AccessUnit, 0, max(16, len(h.gop)+8)), 0
	} else if len(h.gop) == 0 {
		return
	}
	if h.gopSize += u.Size(); h.gopSize > gopLimitBytes || len(h.gop) >= gopLimitUnits {
		h.gop, h.gopSize = nil, 0
		return
	}
	h.gop = append(h.gop, u)
}

// Reader is one bounded consumer of a hub. Read is for one goroutine; Close may be called from any.
type Reader struct {
	hub  *Hub
	opts ReaderOptions
	wake chan struct{}

	mu       sync.Mutex
	queue    []*AccessUnit
	spare    []*AccessUnit // the slice handed out by the previous Read, reused
	skipping bool          // units are lost until the next key frame
	closed   bool

	burst   *AccessUnit  // the last of the burst
	newest  atomic.Int64 // NTP of the last picture that was published, Unix ns
	dropped atomic.Uint64
}

// push is called with the hub's lock held.
func (r *Reader) push(u *AccessUnit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	video := !u.End() && u.Desc.Tracks[u.Track].Video()
	if video {
		r.newest.Store(u.NTP.UnixNano())
	}
	if r.skipping {
		switch {
		case u.End(), video && u.Key, u.Desc.VideoTrack() < 0:
			r.skipping = false
		default:
			r.dropped.Add(1)
			return
		}
	}
	if len(r.queue) >= r.opts.Capacity && !u.End() {
		if !r.opts.DropQueued || !video || !u.Key {
			r.skipping = true
			r.dropped.Add(1)
			if r.opts.DropQueued {
				r.dropped.Add(uint64(len(r.queue)))
				r.queue = r.queue[:0]
			}
			r.signal()
			return
		}
		r.dropped.Add(uint64(len(r.queue)))
		r.queue = r.queue[:0]
	}
	r.queue = append(r.queue, u)
	if r.opts.Batch == 0 || u.End() || (video && u.Key) || u.NTP.Sub(r.queue[0].NTP) >= r.opts.Batch ||
		len(r.queue) >= r.opts.Capacity/2 {
		r.signal()
	}
}

func (r *Reader) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Read waits for units and returns all that are queued, in order. The slice is valid until the next Read. The error
// is ctx's, or ErrReaderClosed.
func (r *Reader) Read(ctx context.Context) ([]*AccessUnit, error) {
	for {
		r.mu.Lock()
		if len(r.queue) > 0 {
			out := r.queue
			clear(r.spare[:cap(r.spare)]) // let go of the units of the Read before
			r.queue, r.spare = r.spare[:0], out
			r.mu.Unlock()
			return out, nil
		}
		closed := r.closed
		r.mu.Unlock()
		if closed {
			return nil, ErrReaderClosed
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.wake:
		}
	}
}

// Late reports whether u, which Read returned, is more than MaxLag older than what is published now: whoever works on it works on
// the past. What was there when the reader came, its burst, is never late. It is for the goroutine that reads.
func (r *Reader) Late(u *AccessUnit) bool {
	if r.opts.MaxLag <= 0 || r.newest.Load()-u.NTP.UnixNano() <= int64(r.opts.MaxLag) {
		return false
	}
	return r.burst == nil || u.Desc != r.burst.Desc || u.NTP.After(r.burst.NTP)
}

// Dropped returns how many units this reader lost because it was slow.
func (r *Reader) Dropped() uint64 { return r.dropped.Load() }

// Close removes the reader from the hub. A waiting Read returns ErrReaderClosed.
func (r *Reader) Close() {
	r.hub.mu.Lock()
	delete(r.hub.readers, r)
	r.hub.mu.Unlock()
	r.mu.Lock()
	r.closed = true
	r.queue = nil
	r.mu.Unlock()
	r.signal()
}
