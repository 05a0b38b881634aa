package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/archive/s3test"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1")) // the thread that forks children
}

var (
	front = nvr.StreamID{Camera: "front", Role: nvr.Main}
	yard  = nvr.StreamID{Camera: "yard", Role: nvr.Main}
)

const testBucket = "recordings"

// noon is the middle of today, so that what a test records lies within one day.
func noon() time.Time { return time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour) }

// rig is a library, a server and an archive between them.
type rig struct {
	t      testing.TB
	server *s3test.Server
	lib    *library.Library
	opts   Options
	logs   *syncBuffer
	a      *Archive
	stop   func()
}

// newRig starts a server, but no archive. change adapts the options.
func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	g := &rig{t: t, server: s3test.Start(t), lib: openLibrary(t, t.TempDir()), logs: &syncBuffer{}}
	g.opts = optionsFor(g, g.server.Endpoint, g.server.AccessKey, g.server.SecretKey)
	for _, c := range change {
		c(&g.opts)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(g.logs.String())
		}
	})
	return g
}

func optionsFor(g *rig, endpoint, access, secret string) Options {
	return Options{
		Endpoint: endpoint, Bucket: testBucket, Prefix: "home/nvr", AccessKey: access, SecretKey: secret,
		Libraries: func() []*library.Library { return []*library.Library{g.lib} },
		Poll:      5 * time.Millisecond, JournalEvery: 20 * time.Millisecond,
		Retry:  lifecycle.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond, Factor: 2, Jitter: 0.2},
		Logger: slog.New(slog.NewTextHandler(g.logs, nil)),
	}
}

func openLibrary(t testing.TB, dir string) *library.Library {
	t.Helper()
	lib, err := library.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	return lib
}

// start runs a new archive until the test ends or stop is called.
func (g *rig) start() *Archive {
	g.t.Helper()
	g.make()
	g.run()
	return g.a
}

// run runs the archive that make prepared.
func (g *rig) run() {
	g.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	a := g.a
	go func() { defer close(done); _ = a.Run(ctx) }()
	g.stop = sync.OnceFunc(func() { cancel(); <-done })
	g.t.Cleanup(g.stop)
}

// make prepares a new archive, as after a restart of the process.
func (g *rig) make() *Archive {
	g.t.Helper()
	g.opts.Metrics = prometheus.NewRegistry()
	a, err := New(g.opts)
	if err != nil {
		g.t.Fatal(err)
	}
	g.a = a
	return a
}

// record puts a closed recording of size bytes in place.
func (g *rig) record(stream nvr.StreamID, at time.Time, size int) index.Recording {
	g.t.Helper()
	return recordIn(g.t, g.lib, stream, at, size)
}

func recordIn(t testing.TB, lib *library.Library, stream nvr.StreamID, at time.Time, size int) index.Recording {
	t.Helper()
	day := library.DayOf(stream, at)
	f, path, err := lib.Create(day, at.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	b := content(path, size)
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := index.Recording{
		Stream: stream, Start: at.UTC().Truncate(time.Millisecond), Duration: 10 * time.Second, Path: path, Bytes: int64(size), InitBytes: 100,
		CRC: crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)), Codecs: "avc1.640028", Width: 320, Height: 240,
		Segments: []index.Segment{{Offset: 100, Bytes: int64(size) - 100, Duration: 10 * time.Second}},
	}
	if err := lib.Append(day, library.Line{Recording: &r}); err != nil {
		t.Fatal(err)
	}
	return r
}

// content is what the recording at path holds.
func content(path string, size int) []byte {
	sum := sha256.Sum256([]byte(path))
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(sum).Read(b)
	return b
}

// stored returns the object's bytes as they lie in the server's directory.
func (g *rig) stored(path string) []byte {
	g.t.Helper()
	b, err := os.ReadFile(g.objectFile(path))
	if err != nil {
		return nil
	}
	return b
}

func (g *rig) objectFile(path string) string {
	return g.server.File(g.opts.Bucket, filepath.Join(g.opts.Prefix, path))
}

func (g *rig) ledger(d library.Day) *library.Ledger {
	g.t.Helper()
	led, err := g.lib.Ledger(d, 0)
	if err != nil {
		g.t.Fatal(err)
	}
	return led
}

// archived reports whether the journal says that the recording is archived.
func (g *rig) archived(r index.Recording) bool {
	h, err := library.HourOf(r.Path)
	if err != nil {
		g.t.Fatal(err)
	}
	_, ms, err := library.ParseFilePath(r.Path)
	if err != nil {
		g.t.Fatal(err)
	}
	got, ok := g.ledger(h.Day).Recording(ms)
	return ok && got.Remote
}

// checkCopies fails unless each recording is archived, and its object right.
func (g *rig) checkCopies(recs ...index.Recording) {
	g.t.Helper()
	for _, r := range recs {
		if !g.archived(r) {
			g.t.Errorf("the journal does not say that %s is archived", r.Path)
		}
		if !bytes.Equal(g.stored(r.Path), content(r.Path, int(r.Bytes))) {
			g.t.Errorf("the object of %s is not the recording", r.Path)
		}
	}
}

// lines counts the lines of a day's journal that note change.
func (g *rig) lines(d library.Day, change library.Change) (n int) {
	g.t.Helper()
	_, _, err := g.lib.Read(d, 0, func(l library.Line) error {
		if l.Files != nil && l.Files.Change == change {
			n += len(l.Files.MS)
		}
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}

func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true", what)
		}
		<-tick.C
	}
}

// syncBuffer collects the log.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
