package archive

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func readRange(ctx context.Context, a *Archive, path string, offset, n int64) ([]byte, error) {
	r, err := a.OpenRange(ctx, path, offset, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestRangesAreReadBack(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	const size = 300_000
	rec := g.record(front, noon(), size)
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	whole := content(rec.Path, size)
	for range 2 { // the second time some come from memory
		for _, c := range [][2]int64{{0, 100}, {0, size}, {0, -1}, {1000, -1}, {size - 1, 1}, {size - 1, -1}, {5, 200_000}, {77, 0}} {
			want := whole[c[0]:]
			if c[1] >= 0 {
				want = want[:c[1]]
			}
			if got, err := readRange(t.Context(), g.a, rec.Path, c[0], c[1]); err != nil || !bytes.Equal(got, want) {
				t.Errorf("range %d, %d: %d bytes, %v", c[0], c[1], len(got), err)
			}
		}
	}
	for name, c := range map[string]struct {
		path      string
		offset, n int64
	}{
		"absent": {library.FilePath(front, noon().UnixMilli()+5), 0, 10}, "behind the end": {rec.Path, size, 1}, "over the end": {rec.Path, size - 5, 6},
		"negative": {rec.Path, -1, 5}, "journal": {journalKey(library.DayOf(front, noon()), g.a.snapshot()[0].id), 0, 5}, "outside": {"../../x", 0, 5},
	} {
		if _, err := readRange(t.Context(), g.a, c.path, c.offset, c.n); nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Errorf("%s: %v, want %s", name, err, nvr.CodeNotFound)
		}
	}
	// What expired is not remembered.
	if err := os.Remove(g.objectFile(rec.Path)); err != nil {
		t.Fatal(err)
	}
	if _, err := readRange(t.Context(), g.a, rec.Path, 0, 100); err != nil {
		t.Errorf("a small range is not remembered: %v", err)
	}
	if err := g.a.forgetCopy(t.Context(), rec.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := readRange(t.Context(), g.a, rec.Path, 0, 100); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("after it expired: %v", err)
	}
	g.server.Stop()
	if _, err := readRange(t.Context(), g.a, rec.Path, 9, 9); nvr.ErrorCode(err) != nvr.CodeUnavailable || !strings.Contains(err.Error(), "refuses connections") {
		t.Errorf("without a server: %v", err)
	}
}

// TestHostileServers answer with less, more, something else, or not to the end.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	path := library.FilePath(front, noon().UnixMilli())
	answer := func(status int, contentRange string, declared, sent int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", contentRange)
			w.Header().Set("Content-Length", strconv.Itoa(declared))
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(status)
			_, _ = w.Write(make([]byte, sent))
		}
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		n     int64
		want  nvr.Code
	}{
		"whole object instead": {answer(200, "", 500_000, 500_000), 100_000, nvr.CodeUnavailable},
		"another range":        {answer(206, "bytes 0-99999/500000", 100_000, 100_000), 100_000, nvr.CodeUnavailable},
		"longer range":         {answer(206, "bytes 10-400009/500000", 400_000, 400_000), 100_000, nvr.CodeUnavailable},
		"shorter range":        {answer(206, "bytes 10-99/500000", 90, 90), 100_000, nvr.CodeNotFound},
		"short body":           {answer(206, "bytes 10-100009/500000", 100_000, 70_000), 100_000, nvr.CodeUnavailable},
		"short small body":     {answer(206, "bytes 10-109/500000", 100, 70), 100, nvr.CodeUnavailable},
		"no length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 10-100009/500000")
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusPartialContent)
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(make([]byte, 500_000))
		}, 100_000, nvr.CodeUnavailable},
		"not found, with much to say": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write(bytes.Repeat([]byte("no "), 1<<20))
		}, 100, nvr.CodeNotFound},
		"error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, 100, nvr.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(c.serve)
			t.Cleanup(s.Close)
			a := strangerArchive(t, s.URL)
			b, err := readRange(t.Context(), a, path, 10, c.n)
			if nvr.ErrorCode(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			if int64(len(b)) > c.n {
				t.Errorf("%d bytes, asked for %d", len(b), c.n)
			}
		})
	}
}

// strangerArchive is one whose server is not ours.
func strangerArchive(t *testing.T, endpoint string) *Archive {
	t.Helper()
	g := &rig{t: t, logs: &syncBuffer{}, lib: openLibrary(t, t.TempDir())}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(tr.CloseIdleConnections)
	g.opts = optionsFor(g, endpoint, "key", "secret")
	g.opts.Transport = tr
	return g.make()
}

// TestAStallingServerIsGivenUp: before the first byte and in the middle.
func TestAStallingServerIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]int{"at once": -1, "in the middle": 70_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stopped atomic.Bool
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if sent >= 0 {
					w.Header().Set("Content-Range", "bytes 10-100009/500000")
					w.Header().Set("Content-Length", "100000")
					w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
					w.WriteHeader(http.StatusPartialContent)
					_, _ = w.Write(make([]byte, sent))
					_ = http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
				stopped.Store(true)
			}))
			t.Cleanup(s.Close)
			a := strangerArchive(t, s.URL)
			a.bucket.transport.readStall = 200 * time.Millisecond
			_, err := readRange(t.Context(), a, library.FilePath(front, noon().UnixMilli()), 10, 100_000)
			if nvr.ErrorCode(err) != nvr.CodeUnavailable || !strings.Contains(err.Error(), "in time") {
				t.Errorf("%v", err)
			}
			waitFor(t, "the request was given up", stopped.Load)
		})
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache()
	key := func(n int) rangeKey { return rangeKey{path: strconv.Itoa(n)} }
	for n := range 1000 {
		c.put(key(n), make([]byte, cacheRange))
		c.get(key(0))
	}
	if c.bytes > cacheBytes || c.bytes < cacheBytes-cacheRange || len(c.byKey) != c.order.Len() {
		t.Errorf("%d bytes in %d entries", c.bytes, len(c.byKey))
	}
	if _, ok := c.get(key(0)); !ok {
		t.Error("what is asked for all the time was dropped")
	}
	if _, ok := c.get(key(500)); ok {
		t.Error("what was asked for long ago is still there")
	}
}
