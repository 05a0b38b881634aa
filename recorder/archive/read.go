package archive

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// cacheBytes bounds what is remembered of the bucket: init segments, mostly, of which a player asks for many.
	cacheBytes = 8 << 20
	// cacheRange is the longest range that is remembered.
	cacheRange = 64 << 10
)

// OpenRange opens n bytes from offset on of the copy of the recording at path, n < 0 for all that follow. It yields
// exactly these or an error. CodeNotFound where the bucket does not have them, CodeUnavailable where it cannot be asked.
// The caller closes it.
func (a *Archive) OpenRange(ctx context.Context, path string, offset, n int64) (io.ReadCloser, error) {
	r, err := a.openRange(ctx, path, offset, n)
	result := "ok"
	if err != nil {
		result = string(nvr.ErrorCode(err))
	}
	a.metrics.reads.WithLabelValues(result).Inc()
	return r, err
}

func (a *Archive) openRange(ctx context.Context, path string, offset, n int64) (io.ReadCloser, error) {
	if _, _, err := library.ParseFilePath(path); err != nil || offset < 0 {
		return nil, notFound(err)
	}
	if n == 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	key := rangeKey{path, offset, n}
	if b, ok := a.cache.get(key); ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	ctx, cancel := context.WithCancel(hurry(ctx))
	body, size, err := a.bucket.get(ctx, path, offset, n)
	switch {
	case err != nil:
	case size < 0 || n >= 0 && size > n:
		err = errors.Join(errors.New("download: the server announces another length than was asked for"), body.Close())
	case n >= 0 && size < n: // the object ends before the range does
		err = errors.Join(errNoObject, body.Close())
	}
	if err != nil {
		cancel()
		return nil, a.unavailable(err)
	}
	r := &remoteRange{a: a, body: body, left: size, cancel: cancel}
	if n < 0 || n > cacheRange {
		return r, nil
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, a.unavailable(err)
	}
	a.cache.put(key, b)
	return io.NopCloser(bytes.NewReader(b)), nil
}

// remoteRange yields as much as was promised, no more and, without an error, no less.
type remoteRange struct {
	a      *Archive
	body   io.ReadCloser
	left   int64
	cancel context.CancelFunc
}

func (r *remoteRange) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	r.a.metrics.readBytes.Add(float64(n))
	if errors.Is(err, io.EOF) {
		if err = nil; r.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		err = r.a.unavailable(err)
	}
	return n, err
}

func (r *remoteRange) Close() error {
	defer r.cancel()
	return r.body.Close()
}

// unavailable puts an error into words for whoever wants to watch.
func (a *Archive) unavailable(err error) error {
	var known *nvr.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, errNoObject):
		return notFound(err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return &nvr.Error{Code: nvr.CodeUnavailable, Message: "the archive does not answer as it should: " + a.bucket.explain(err).message, Err: err}
}

func notFound(err error) error {
	return &nvr.Error{Code: nvr.CodeNotFound, Message: "the archive does not have this piece of recording, it may have expired", Err: err}
}

// rangeKey names a range of an object. Objects never change, so what was read stays right until it expires.
type rangeKey struct {
	path      string
	offset, n int64
}

// cache remembers small ranges, those that were asked for last.
type cache struct {
	mu    sync.Mutex
	byKey map[rangeKey]*list.Element
	order *list.List // of cached, latest first
	bytes int
}

type cached struct {
	key  rangeKey
	data []byte
	at   time.Time
}

// cacheFor is how long a range is remembered, so that a copy that expired or was deleted is not played for ever.
const cacheFor = 10 * time.Minute

func newCache() *cache { return &cache{byKey: make(map[rangeKey]*list.Element), order: list.New()} }

func (c *cache) get(key rangeKey) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil, false
	}
	got := e.Value.(*cached)
	if time.Since(got.at) > cacheFor {
		c.remove(e)
		return nil, false
	}
	c.order.MoveToFront(e)
	return got.data, true
}

func (c *cache) put(key rangeKey, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[key]; e != nil {
		c.remove(e)
	}
	c.byKey[key] = c.order.PushFront(&cached{key: key, data: b, at: time.Now()})
	c.bytes += len(b)
	for c.bytes > cacheBytes {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(e *list.Element) {
	got := c.order.Remove(e).(*cached)
	delete(c.byKey, got.key)
	c.bytes -= len(got.data)
}

// forget drops what is remembered of an object.
func (c *cache) forget(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cached).key.path == path {
			c.remove(e)
		}
		e = next
	}
}
