package export_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	front = nvr.StreamID{Camera: "front", Role: nvr.Main}
	epoch = time.Date(2026, 11, 25, 14, 30, 0, 0, time.UTC)
)

// tape is recordings on disk as the recorder makes them, in a fraction of the time that it takes.
type tape struct {
	t    testing.TB
	dir  string
	file time.Duration // of a recording

	mu   sync.Mutex
	recs map[nvr.StreamID][]index.Recording
	gaps map[nvr.StreamID][]index.Gap
	open func(ctx context.Context) error // before a range is opened; may be nil
}

func newTape(t testing.TB) *tape {
	return &tape{t: t, dir: t.TempDir(), file: 10 * time.Second, recs: make(map[nvr.StreamID][]index.Recording), gaps: make(map[nvr.StreamID][]index.Gap)}
}

// session records length of clip from start on.
func (p *tape) session(stream nvr.StreamID, clip *fmp4test.Clip, start time.Time, length time.Duration) {
	p.t.Helper()
	mux, err := fmp4.NewMuxer(clip.Desc)
	if err != nil {
		p.t.Fatal(err)
	}
	w := &tapeWriter{tape: p, mux: mux, stream: stream}
	next := clip.Play(clip.Desc, start)
	for u := next(); time.Duration(u.DTS)*time.Second/time.Duration(clip.Desc.Tracks[u.Track].ClockRate) < length; u = next() {
		w.add(u)
	}
	w.write(true)
	w.close()
}

// tapeWriter follows recorder.instance: segments and files begin at key pictures.
type tapeWriter struct {
	*tape
	mux    *fmp4.Muxer
	stream nvr.StreamID
	origin time.Time
	from   time.Duration
	rec    *index.Recording
	data   []byte
	parts  time.Duration
	part   fmp4.Part
	cut    bool
}

func (w *tapeWriter) add(u *media.AccessUnit) {
	if !w.mux.Add(u) || !w.mux.Lead(u) {
		return
	}
	at, _ := w.mux.Last()
	if w.rec == nil {
		w.origin = w.mux.Origin().Truncate(time.Microsecond)
		w.begin(0)
		return
	}
	age := us(at) - us(w.from)
	seg := age
	if n := len(w.rec.Segments); n > 0 {
		seg = age - w.rec.Segments[n-1].Start
	}
	switch {
	case u.Key && age >= w.file:
		w.write(false)
		w.close()
		w.begin(at)
	case u.Key && seg >= 1900*time.Millisecond:
		w.write(false)
		w.cut = true
	case at-w.parts >= 750*time.Millisecond:
		w.write(false)
	}
}

func us(d time.Duration) time.Duration { return d.Truncate(time.Microsecond) }

func (w *tapeWriter) begin(at time.Duration) {
	d := w.mux.Description()
	init := w.mux.Init()
	start := w.origin.Add(us(at)).UTC()
	w.rec = &index.Recording{
		Stream: w.stream, Start: start, Path: library.FilePath(w.stream, start.UnixMilli()), InitBytes: int64(len(init)), Codecs: fmp4.Codecs(d),
	}
	if i := d.VideoTrack(); i >= 0 {
		w.rec.Width, w.rec.Height = d.Tracks[i].Width, d.Tracks[i].Height
	}
	w.data = append([]byte(nil), init...)
	w.from, w.cut, w.parts = at, true, at
}

func (w *tapeWriter) write(flush bool) {
	if !w.mux.Cut(&w.part, flush) {
		return
	}
	if w.cut {
		w.cut = false
		w.rec.Segments = append(w.rec.Segments, index.Segment{Offset: int64(len(w.data)), Start: us(w.part.Start) - us(w.from)})
	}
	w.data = w.part.AppendTo(w.data)
	s := &w.rec.Segments[len(w.rec.Segments)-1]
	s.Bytes = int64(len(w.data)) - s.Offset
	if w.part.Duration > 0 {
		w.parts = w.part.Start + w.part.Duration
		w.rec.Duration = us(w.parts) - us(w.from)
		s.Duration = w.rec.Duration - s.Start
	}
}

func (w *tapeWriter) close() {
	w.t.Helper()
	w.rec.Bytes, w.rec.CRC = int64(len(w.data)), crc32.Checksum(w.data, crc32.MakeTable(crc32.Castagnoli))
	name := filepath.Join(w.dir, filepath.FromSlash(w.rec.Path))
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, w.data, 0o640); err != nil {
		w.t.Fatal(err)
	}
	w.recs[w.stream] = append(w.recs[w.stream], *w.rec)
	w.rec = nil
}

// Recordings implements export.Player.
func (p *tape) Recordings(_ context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []index.Recording
	for _, rec := range p.recs[stream] {
		if (nvr.TimeRange{Start: rec.Start, End: rec.End()}).Overlaps(r) {
			out = append(out, rec)
		}
	}
	return out, nil
}

// Gaps implements export.Player.
func (p *tape) Gaps(_ context.Context, stream nvr.StreamID, _ nvr.TimeRange) ([]index.Gap, error) {
	return p.gaps[stream], nil
}

// OpenInit implements export.Player.
func (p *tape) OpenInit(ctx context.Context, stream nvr.StreamID, ms int64) (io.ReadCloser, error) {
	for _, rec := range p.recs[stream] {
		if rec.Path == library.FilePath(stream, ms) {
			return p.OpenRange(ctx, stream, ms, 0, rec.InitBytes)
		}
	}
	return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "no such recording"}
}

// OpenRange implements export.Player.
func (p *tape) OpenRange(ctx context.Context, stream nvr.StreamID, ms, offset, n int64) (io.ReadCloser, error) {
	if p.open != nil {
		if err := p.open(ctx); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(filepath.Join(p.dir, filepath.FromSlash(library.FilePath(stream, ms))))
	if err != nil {
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "the recording was deleted", Err: err}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, offset, n), f}, nil
}

// holds remembers what is held.
type holds struct {
	mu   sync.Mutex
	held map[string]hold.Hold
}

// Add implements export.Holds.
func (h *holds) Add(x hold.Hold) (hold.Hold, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.held[x.ID]; ok {
		return hold.Hold{}, &nvr.Error{Code: nvr.CodeConflict, Message: "there is one"}
	}
	h.held[x.ID] = x
	return x, nil
}

// Release implements export.Holds.
func (h *holds) Release(id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.held[id]; !ok {
		return &nvr.Error{Code: nvr.CodeNotFound, Message: "there is none"}
	}
	delete(h.held, id)
	return nil
}

func (h *holds) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.held)
}

var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// lab is an exporter over a tape.
type lab struct {
	t     testing.TB
	tape  *tape
	opts  export.Options
	exp   *export.Exporter
	holds *holds
	stop  func()
}

func newLab(t testing.TB, p *tape) *lab {
	h := &holds{held: make(map[string]hold.Hold)}
	l := &lab{t: t, tape: p, holds: h, opts: export.Options{
		Dir: filepath.Join(t.TempDir(), "exports"), Player: p, Holds: h, Key: testKey, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}}
	return l
}

// start makes an exporter and runs it until stop.
func (l *lab) start() *lab {
	l.t.Helper()
	l.open()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.exp.Run(ctx)
	}()
	l.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := l.exp.Close(); err != nil {
			l.t.Error(err)
		}
	})
	l.t.Cleanup(l.stop)
	return l
}

func (l *lab) open() {
	l.t.Helper()
	l.opts.Metrics = prometheus.NewRegistry()
	var err error
	if l.exp, err = export.New(l.opts); err != nil {
		l.t.Fatal(err)
	}
}

func wait(t testing.TB, what string, cond func() bool) {
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

// end waits until an export has ended.
func (l *lab) end(id string) export.Export {
	l.t.Helper()
	var x export.Export
	wait(l.t, "end of the export", func() bool {
		var err error
		if x, err = l.exp.Get(id); err != nil {
			l.t.Fatal(err)
		}
		return x.State == export.Done || x.State == export.Failed
	})
	return x
}

// make exports and returns what came of it.
func (l *lab) make(r export.Request) export.Export {
	l.t.Helper()
	x, err := l.exp.Create(l.t.Context(), r)
	if err != nil {
		l.t.Fatal(err)
	}
	if x = l.end(x.ID); x.State != export.Done {
		l.t.Fatalf("export %s: %s", x.State, x.Error)
	}
	return x
}

func (l *lab) path(x export.Export, i int) string {
	l.t.Helper()
	if i >= len(x.Files) {
		l.t.Fatalf("export has %d files", len(x.Files))
	}
	return filepath.Join(l.opts.Dir, x.ID, x.Files[i].Name)
}

// between returns a range in milliseconds from the epoch.
func between(from, to int) nvr.TimeRange {
	ms := time.Millisecond
	return nvr.TimeRange{Start: epoch.Add(time.Duration(from) * ms), End: epoch.Add(time.Duration(to) * ms)}
}

// bars is a clip at 15 pictures a second of which picture n shows the bits of n as eight columns, bright or dark; it
// repeats after 255 pictures. The key pictures are 2 s apart.
func bars(t testing.TB, seconds int, encode ...string) *fmp4test.Clip {
	t.Helper()
	clips.Lock()
	defer clips.Unlock()
	name := fmt.Sprint(seconds, encode)
	if clips.made[name] == nil {
		clips.made[name] = newBars(t, seconds, encode...)
	}
	return clips.made[name]
}

// clips are made once for all tests: they take most of the time.
var clips = struct {
	sync.Mutex
	made map[string]*fmp4test.Clip
}{made: make(map[string]*fmp4test.Clip)}

func newBars(t testing.TB, seconds int, encode ...string) *fmp4test.Clip {
	t.Helper()
	args := []string{
		"-f", "lavfi", "-i", fmt.Sprintf("color=gray:size=256x64:rate=15:duration=%d", seconds),
		"-f", "lavfi", "-i", fmt.Sprintf("sine=sample_rate=48000:duration=%d", seconds),
		"-filter:v", "geq=lum='16+219*mod(floor(N/pow(2,floor(X/32))),2)':cb=128:cr=128", "-pix_fmt", "yuv420p", "-g", "30",
	}
	c := fmp4test.Load(t, append(args, encode...)...)
	// ffmpeg makes the first picture last as long as the sound's priming; that is healed here.
	excess, n := int64(0), int64(0)
	for i := range c.Units {
		u := &c.Units[i]
		if u.Track != 0 {
			continue
		}
		if n == 1 {
			excess = u.DTS - 6000
		}
		u.DTS -= excess
		u.PTS -= excess
		if n++; u.DTS != (n-1)*6000 {
			t.Fatalf("picture %d of the clip has DTS %d", n, u.DTS)
		}
	}
	c.Length = time.Duration(seconds) * time.Second
	return c
}

var (
	plain   = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-x264-params", "scenecut=0", "-c:a", "aac"}
	bframes = []string{"-c:v", "libx264", "-preset", "fast", "-bf", "3", "-x264-params", "scenecut=0:b-adapt=0:b-pyramid=normal", "-c:a", "aac"}
	hevc    = []string{"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=none:bframes=3:open-gop=0:scenecut=0", "-c:a", "aac"}
)

// run runs a program and fails when it says anything on stderr.
func run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command(fmp4test.Tool(t, name), args...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return out.Bytes()
}

// numbers decodes a file of bars and reads the number of each picture.
func numbers(t testing.TB, path string) []int {
	t.Helper()
	const w, h = 256, 64
	raw := run(t, "ffmpeg", "-v", "warning", "-nostdin", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	var out []int
	for ; len(raw) >= w*h; raw = raw[w*h:] {
		n := 0
		for bit := range 8 {
			if raw[h/2*w+bit*32+16] > 126 {
				n |= 1 << bit
			}
		}
		out = append(out, n)
	}
	return out
}

// count returns the numbers from a to b, b excluded.
func count(a, b int) []int {
	var out []int
	for n := a; n < b; n++ {
		out = append(out, n%256)
	}
	return out
}

func sameNumbers(t testing.TB, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("pictures\n%v, want\n%v", got, want)
	}
}

// probe asks ffprobe for one value.
func probe(t testing.TB, path string, args ...string) string {
	t.Helper()
	out := run(t, "ffprobe", append(append([]string{"-v", "warning", "-of", "csv=p=0"}, args...), path)...)
	return strings.TrimSpace(string(out))
}

func seconds(t testing.TB, path, stream string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(strings.TrimSuffix(probe(t, path, "-select_streams", stream, "-show_entries", "stream=duration"), ","), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
