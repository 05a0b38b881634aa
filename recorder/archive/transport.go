package archive

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// stall is how long nothing may move on a connection before it is given up. A server that has all bytes may need a
	// while to store them.
	stall = time.Minute
	// readStall is the same while a person waits for a picture.
	readStall = 15 * time.Second
)

var errStalled = errors.New("the connection stalled")

type hurryKey struct{}

// hurry marks requests that somebody waits for.
func hurry(ctx context.Context) context.Context { return context.WithValue(ctx, hurryKey{}, true) }

// transport gives up requests on which nothing moves, however long the whole may take, and remembers what the server's
// clock says.
type transport struct {
	next             http.RoundTripper
	now              func() time.Time
	stall, readStall time.Duration
	skew             atomic.Int64 // server's clock minus ours at the last answer, nanoseconds
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	limit := t.stall
	if req.Context().Value(hurryKey{}) != nil {
		limit = t.readStall
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(limit, func() { cancel(errStalled) })
	moved := &movement{cause: func() error { return context.Cause(ctx) }, timer: timer, limit: limit}
	out := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &body{ReadCloser: req.Body, movement: moved}
	}
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		timer.Stop()
		err = moved.explain(err)
		cancel(nil)
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.skew.Store(int64(date.Sub(t.now())))
	}
	resp.Body = &body{ReadCloser: resp.Body, movement: moved, done: func() { timer.Stop(); cancel(nil) }}
	return resp, nil
}

// idle closes connections that nobody uses.
func (t *transport) idle() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// movement is the watch over one request.
type movement struct {
	cause func() error // why it was given up
	timer *time.Timer
	limit time.Duration
}

// explain replaces the error that a stall caused by the stall.
func (m *movement) explain(err error) error {
	if err != nil && errors.Is(m.cause(), errStalled) {
		return errStalled
	}
	return err
}

// body tells of bytes that move.
type body struct {
	io.ReadCloser
	*movement
	done func() // of an answer: the request is over
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		b.timer.Reset(b.limit)
	} else if !errors.Is(err, io.EOF) {
		err = b.explain(err)
	}
	return n, err
}

func (b *body) Close() error {
	if b.done != nil {
		defer b.done()
	}
	return b.ReadCloser.Close()
}
