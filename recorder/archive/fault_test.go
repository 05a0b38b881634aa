package archive

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// failingWith waits until the archive says why it fails, and checks that it never says the secret.
func (g *rig) failingWith(words string) {
	g.t.Helper()
	waitFor(g.t, "failing: "+words, func() bool {
		s := g.a.Status()
		return s.State == Failing && strings.Contains(s.Reason, words)
	})
	if strings.Contains(g.a.Status().Reason+g.logs.String(), g.opts.SecretKey) {
		g.t.Error("the secret key is told")
	}
}

func TestTheServerGoesAndComesBack(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	first := g.record(front, noon(), 1000)
	a := g.start()
	waitFor(t, "the first copy", func() bool { return g.archived(first) })
	g.server.Stop()
	second := g.record(front, noon().Add(time.Minute), 1000)
	g.failingWith("refuses connections")
	if s := a.Status(); s.BacklogFiles != 1 || s.BacklogBytes != 1000 {
		t.Errorf("backlog %+v, want the second recording", s)
	}
	if err := g.server.Restart(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the second copy", func() bool { return g.archived(second) && a.Status().State == OK })
	g.checkCopies(first, second)
}

// TestPausesGrowAndNothingHappensInThem: no hot loop.
func TestPausesGrowAndNothingHappensInThem(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.record(front, noon(), 1000)
	var calls atomic.Int64
	g.opts.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
		calls.Add(1)
		return nil, io.ErrUnexpectedEOF
	})
	g.opts.Retry.Min, g.opts.Retry.Max, g.opts.Retry.Jitter = time.Hour, 8*time.Hour, 0
	a := g.make()
	if err := a.scan(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for n, hours := range []int{1, 2, 4, 8, 8} {
		want := time.Duration(hours) * time.Hour
		a.attempt(t.Context())
		for range 3 {
			_, pause, ok := a.attempt(t.Context())
			if ok || pause > want || pause < want-time.Minute {
				t.Errorf("failure %d: pause %s, want %s", n, pause, want)
			}
		}
		if got := int(calls.Load()); got != n+1 {
			t.Fatalf("%d requests after %d attempts", got, n+1)
		}
		a.mu.Lock()
		a.trouble.until = time.Time{}
		a.mu.Unlock()
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"access key": {func(o *Options) { o.AccessKey = "stranger" }, "does not know the access key"},
		"secret key": {func(o *Options) { o.SecretKey = "wrong-secret-9d1c" }, "does not accept the secret key"},
		"region":     {func(o *Options) { o.Region = "mars-1" }, "region"},
		"name":       {func(o *Options) { o.Endpoint = "http://nowhere.invalid" }, "cannot be resolved"},
		"no TLS":     {func(o *Options) { o.Endpoint = strings.Replace(o.Endpoint, "http:", "https:", 1) }, "does not speak TLS"},
		"clock": {func(o *Options) {
			o.Transport = answering(http.StatusForbidden, `<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>`)
		}, "clocks"},
		"denied": {func(o *Options) {
			o.Transport = answering(http.StatusForbidden, `<Error><Code>AccessDenied</Code><Message>m</Message></Error>`)
		}, "does not let this access key"},
		"busy": {func(o *Options) {
			o.Transport = answering(http.StatusServiceUnavailable, `<Error><Code>SlowDown</Code></Error>`)
		}, "fewer requests"},
		"full":    {func(o *Options) { o.Transport = answering(http.StatusInsufficientStorage, ``) }, "is full"},
		"garbage": {func(o *Options) { o.Transport = answering(http.StatusTeapot, strings.Repeat("teapot ", 1e5)) }, "status 418"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, c.change)
			rec := g.record(front, noon(), 1000)
			g.start()
			g.failingWith(c.want)
			if g.archived(rec) || g.a.Status().BacklogFiles != 1 {
				t.Error("the recording is not in the backlog any more")
			}
			if n := len(g.logs.String()); n > 10_000 {
				t.Errorf("the log has %d bytes", n)
			}
		})
	}
}

// answering is a server that has one answer.
func answering(status int, body string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		return &http.Response{
			StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}, nil
	})
}

func TestTheBucketIsCreatedOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	rec := g.record(front, noon(), 1000)
	g.start()
	waitFor(t, "a copy in a new bucket", func() bool { return g.archived(rec) })
	g.stop()
	if err := os.Rename(filepath.Join(g.server.Dir, testBucket), filepath.Join(g.server.Dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	second := g.record(front, noon().Add(time.Minute), 1000)
	g.start()
	g.failingWith("does not exist on " + g.server.Addr + " any more")
	if err := os.Rename(filepath.Join(g.server.Dir, "elsewhere"), filepath.Join(g.server.Dir, testBucket)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the bucket is back", func() bool { return g.archived(second) })
	g.checkCopies(rec, second)
}

func TestABucketThatMayNotBeCreated(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			return answering(http.StatusForbidden, `<Error><Code>AccessDenied</Code></Error>`).RoundTrip(r)
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	g.record(front, noon(), 1000)
	g.start()
	g.failingWith("may not create it")
}

// TestBytesThatChangeOnTheWay: the server refuses what does not have the signed checksum.
func TestBytesThatChangeOnTheWay(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	var bad atomic.Bool
	bad.Store(true)
	g.opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ".mp4") && bad.Load() {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			b[len(b)/2] ^= 1
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(bytes.NewReader(b))
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	rec := g.record(front, noon(), 50_000)
	g.start()
	g.failingWith("differs from what was sent")
	if g.stored(rec.Path) != nil || g.archived(rec) {
		t.Error("damaged bytes were stored")
	}
	bad.Store(false)
	waitFor(t, "a whole copy", func() bool { return g.archived(rec) })
	g.checkCopies(rec)
}

// afterPut calls f once, after the server stored the first recording and before the archive looks at it. With blind, the
// server tells no checksums.
func (g *rig) afterPut(blind bool, f func(path string)) {
	var done atomic.Bool
	g.opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ".mp4") && done.CompareAndSwap(false, true) {
			f(filepath.Join(g.server.Dir, filepath.FromSlash(r.URL.Path)))
		}
		if err == nil && blind {
			resp.Header.Del("X-Amz-Checksum-Sha256")
		}
		return resp, err
	})
}

// TestObjectsThatTheServerDamages: verification finds a lost tail always, and a changed byte where the server has no
// checksum of its own and the object is read back. The object is then uploaded again.
func TestObjectsThatTheServerDamages(t *testing.T) {
	t.Parallel()
	truncate := func(p string) error { return os.Truncate(p, 700) }
	flip := func(p string) error {
		b, err := os.ReadFile(p)
		if err == nil {
			b[len(b)/2] ^= 1
			err = os.WriteFile(p, b, 0o600)
		}
		return err
	}
	for name, c := range map[string]struct {
		blind  bool
		damage func(string) error
	}{"tail": {false, truncate}, "tail, no checksums": {true, truncate}, "byte, no checksums": {true, flip}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			var noted atomic.Bool
			rec := g.record(front, noon(), 5000)
			g.afterPut(c.blind, func(p string) {
				noted.Store(g.archived(rec))
				if err := c.damage(p); err != nil {
					t.Error(err)
				}
			})
			g.start()
			waitFor(t, "a whole copy", func() bool { return g.archived(rec) && g.a.Status().State == OK })
			g.checkCopies(rec)
			if !strings.Contains(g.logs.String(), "does not keep what was sent") || noted.Load() {
				t.Error("the damage was not found before the copy was noted")
			}
		})
	}
}

// TestVerifyFindsWhatTheServerDoesNot: a byte that rots later, under a checksum that was right once.
func TestVerifyFindsWhatTheServerDoesNot(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	rec := g.record(front, noon(), 5000)
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	if err := g.a.Verify(t.Context(), rec); err != nil {
		t.Errorf("a whole copy: %v", err)
	}
	b := g.stored(rec.Path)
	b[2500] ^= 1
	if err := os.WriteFile(g.objectFile(rec.Path), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := g.a.Verify(t.Context(), rec); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("a rotten copy: %v, want %s", err, nvr.CodeConflict)
	}
	if err := os.Remove(g.objectFile(rec.Path)); err != nil {
		t.Fatal(err)
	}
	if err := g.a.Verify(t.Context(), rec); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("no copy: %v, want %s", err, nvr.CodeNotFound)
	}
}

// TestOneBadFileKeepsNoOtherFromBeingCopied: damaged, missing, or its name taken in the bucket by something else.
func TestOneBadFileKeepsNoOtherFromBeingCopied(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	damaged, missing := g.record(front, noon(), 4000), g.record(front, noon().Add(time.Minute), 4000)
	taken, good := g.record(front, noon().Add(2*time.Minute), 4000), g.record(front, noon().Add(3*time.Minute), 4000)
	b := content(damaged.Path, 4000)
	b[77] ^= 4
	if err := os.WriteFile(filepath.Join(g.lib.Dir(), damaged.Path), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(g.lib.Dir(), missing.Path)); err != nil {
		t.Fatal(err)
	}
	a := g.make()
	if err := a.bucket.create(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("x", 4000)
	if _, err := a.bucket.core.PutObject(t.Context(), testBucket, a.bucket.prefix+taken.Path, strings.NewReader(other), 4000, "", "", minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	g.start()
	waitFor(t, "the good one's copy", func() bool { return g.archived(good) && g.a.Status().BacklogFiles == 0 })
	if string(g.stored(taken.Path)) != other || g.archived(taken) || g.archived(damaged) || g.archived(missing) {
		t.Error("something was copied or replaced that should not")
	}
	if s := g.a.Status(); s.State != OK || !strings.Contains(s.Reason, "cannot be copied") {
		t.Errorf("status %+v", s)
	}
	if err := os.WriteFile(filepath.Join(g.lib.Dir(), damaged.Path), content(damaged.Path, 4000), 0o600); err != nil {
		t.Fatal(err)
	}
	g.a.review()
	waitFor(t, "a copy of the mended one", func() bool { return g.archived(damaged) })
}

func TestSlowCutAndStallingConnections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		up, down way
		words    string // "" where it works all the same
	}{
		"slow":                {way{piece: 2000}, way{piece: 50}, ""},
		"cut on the way up":   {way{cutAfter: 100_000}, way{}, "cannot be reached"},
		"cut on the way down": {way{}, way{cutAfter: 10}, "cannot be reached"},
		"stall going up":      {way{stallAfter: 100_000}, way{}, "in time"},
		"stall going down":    {way{}, way{stallAfter: 10}, "in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			p := newProxy(t, g.server.Addr)
			p.set(c.up, c.down)
			g.opts.Endpoint = "http://" + p.addr
			tr := http.DefaultTransport.(*http.Transport).Clone()
			t.Cleanup(tr.CloseIdleConnections)
			g.opts.Transport = tr
			rec := g.record(front, noon(), 300_000)
			a := g.make()
			if c.words != "" {
				a.bucket.transport.stall = 500 * time.Millisecond
			}
			g.run()
			if c.words != "" {
				g.failingWith(c.words)
				p.set(way{}, way{})
			}
			waitFor(t, "a copy", func() bool { return g.archived(rec) && a.Status().State == OK })
			g.checkCopies(rec)
		})
	}
}

// TestAVolumeThatGoesAway is no fault of its files: they are copied when it is back.
func TestAVolumeThatGoesAway(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	var away atomic.Bool
	mem := faultfs.NewMem()
	lib, err := library.OpenFS(faultfs.Wrap(mem, func(op faultfs.Op) error {
		if away.Load() && op.Kind == faultfs.Open && strings.HasSuffix(op.Name, ".mp4") {
			return library.ErrMissing
		}
		return nil
	}), "volume")
	if err != nil {
		t.Fatal(err)
	}
	g.lib = lib
	rec := g.record(front, noon(), 1000)
	away.Store(true)
	g.start()
	g.failingWith("the volume volume is not there")
	away.Store(false)
	waitFor(t, "a copy", func() bool { return g.archived(rec) && g.a.Status().State == OK })
}
