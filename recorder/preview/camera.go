package preview

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
)

const (
	// queue is how many units may wait: about 15 s of a camera with sound. Beyond it the older ones are lost.
	queue = 512
	// batch is how much waits at least before the reader wakes up; previews need no hurry.
	batch = time.Second
	// pushAge is how long a pushed picture keeps us from decoding.
	pushAge = 3 * time.Second
	// period is the least distance of two pictures: a second, less what rounding may take.
	period = 990 * time.Millisecond
	// idle is how long a file stays open without pictures.
	idle = 15 * time.Second
	// retryAfter is how long a file is left alone after it failed.
	retryAfter = 10 * time.Second
)

// camera makes one camera's previews: one goroutine reads and decodes, one scales, encodes and writes. Between them is
// one picture; when it is still there as the next comes, the next is lost.
type camera struct {
	p       *Previews
	stream  Stream
	logger  *slog.Logger
	metrics cameraMetrics
	pushed  atomic.Int64  // wall time of the latest pushed picture, unix nanoseconds
	wake    chan struct{} // buffered, for write
	room    chan struct{} // buffered, for put
	retry   time.Time     // no file is opened before; of write

	mu     sync.Mutex
	slot   *decode.Frame // the picture that waits, or memory for it
	full   bool          // slot holds a picture
	ended  bool          // the session ended behind the picture
	closed bool          // write is gone
	latest time.Time     // of the latest picture taken
	file   *hourFile     // that is being written, or nil
}

func newCamera(p *Previews, s Stream, m *metrics) *camera {
	return &camera{
		p: p, stream: s, logger: p.logger.With("camera_id", string(s.Camera)), metrics: m.of(s.Camera),
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1), slot: &decode.Frame{},
	}
}

// offer takes f if a second has passed since the one before, and reports false when there is no room for it now. It
// never blocks for longer than a copy takes.
func (c *camera) offer(f *decode.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := f.Time.Sub(c.latest); c.closed || since > -period && since < period {
		return true
	}
	if c.full {
		return false
	}
	if err := c.slot.CopyFrom(f); err != nil {
		c.metrics.dropped("memory").Inc()
		return true
	}
	c.full, c.latest = true, f.Time
	c.signal()
	return true
}

// put is offer for a reader that has a queue of its own: it waits for room. The error is ctx's.
func (c *camera) put(ctx context.Context, f *decode.Frame) error {
	for !c.offer(f) {
		select {
		case <-c.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// end lets write close the file: nothing comes for a while.
func (c *camera) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.signal()
}

func (c *camera) signal() { poke(c.wake) }

func poke(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// read decodes what previews need of the camera's stream.
func (c *camera) read(ctx context.Context) {
	r := c.stream.Hub.Subscribe(media.ReaderOptions{Capacity: queue, Batch: batch, DropQueued: true})
	defer r.Close()
	s := &source{c: c}
	defer s.close()
	lost := uint64(0)
	for {
		units, err := r.Read(ctx)
		if n := r.Dropped(); n > lost {
			c.metrics.dropped("overload").Add(float64(n - lost))
			lost = n
		}
		if err != nil { // ctx ended, or the hub: then write goes on with what is pushed
			return
		}
		for _, u := range units {
			if err := s.take(ctx, u); err != nil {
				return
			}
		}
	}
}

// write puts pictures into files.
func (c *camera) write(ctx context.Context) {
	spare := &decode.Frame{}
	defer func() { c.leave(spare) }()
	quiet := time.NewTicker(idle)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-quiet.C:
			c.finish()
			continue
		case <-c.wake:
			quiet.Reset(idle)
		}
		c.mu.Lock()
		full, ended := c.full, c.ended
		c.full, c.ended = false, false
		if full {
			c.slot, spare = spare, c.slot
		}
		c.mu.Unlock()
		poke(c.room)
		if full {
			if err := c.add(ctx, spare); err != nil && !errors.Is(err, context.Canceled) {
				c.metrics.errors.Inc()
				c.logger.Warn("preview cannot be written", "err", err, "retry_after", retryAfter.String())
				c.retry = c.p.now().Add(retryAfter)
				c.drop()
			}
		}
		if ended {
			c.finish()
		}
	}
}

// leave closes everything at the end of write.
func (c *camera) leave(spare *decode.Frame) {
	c.finish()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.slot.Close()
	spare.Close()
}

func (c *camera) add(ctx context.Context, f *decode.Frame) error {
	if err := c.p.acquire(ctx); err != nil {
		return err
	}
	defer c.p.release()
	hour := f.Time.UTC().Truncate(time.Hour)
	if c.file != nil && !c.file.hour.Equal(hour) {
		c.finish()
	}
	if c.file == nil {
		if c.p.now().Before(c.retry) {
			c.metrics.dropped("disk").Inc()
			return nil
		}
		file, err := c.p.openHour(c.stream.Camera, hour, f.Width, f.Height)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.file = file
		c.mu.Unlock()
	}
	wrote, ok, err := c.file.add(f)
	if err != nil {
		return err
	}
	if !ok {
		c.metrics.dropped("late").Inc() // the clock was set back
		return nil
	}
	c.metrics.pictures.Inc()
	c.metrics.bytes.Add(float64(wrote))
	return nil
}

// finish writes what waits and closes the file.
func (c *camera) finish() {
	if c.file == nil {
		return
	}
	n, err := c.file.flush()
	c.metrics.bytes.Add(float64(n))
	if err != nil {
		c.metrics.errors.Inc()
		c.logger.Warn("end of a preview cannot be written", "err", err)
	}
	c.drop()
}

// drop closes the file as it is.
func (c *camera) drop() {
	c.mu.Lock()
	file := c.file
	c.file = nil
	c.mu.Unlock()
	if file == nil {
		return
	}
	if err := file.close(); err != nil {
		c.logger.Warn("preview does not close", "err", err)
	}
}
