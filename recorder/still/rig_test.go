package still_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/still"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	front = nvr.StreamID{Camera: "front", Role: nvr.Main}
	epoch = time.Date(2026, 3, 1, 23, 59, 40, 0, time.UTC) // midnight falls into the recording
)

// rig is a directory of recordings that it wrote itself, on the recorder's rules, and a player of them.
type rig struct {
	t     testing.TB
	dir   string
	idx   *memindex.Index
	maker *still.Maker
	now   time.Time
	reads atomic.Int64 // bytes of segments read
	opens atomic.Int64
	hold  chan struct{} // when not nil, ranges open once it is closed
}

func newRig(t testing.TB) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), idx: memindex.New()}
	g.maker = g.newMaker(still.Options{})
	return g
}

func (g *rig) newMaker(o still.Options) *still.Maker {
	g.t.Helper()
	o.Player, o.Metrics = g, prometheus.NewRegistry()
	o.Logger = slog.New(slog.NewTextHandler(g.t.Output(), nil))
	o.Now = func() time.Time { return g.now }
	m, err := still.New(o)
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

func (g *rig) Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error) {
	return g.idx.Recordings(ctx, stream, r)
}

func (g *rig) OpenInit(ctx context.Context, stream nvr.StreamID, ms int64) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(g.dir, library.FilePath(stream, ms)))
	if err != nil {
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "gone", Err: err}
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l, err := fmp4.Scan(f, info.Size())
	if err != nil {
		return nil, err
	}
	return part{io.NewSectionReader(f, 0, l.InitBytes), f, nil}, nil
}

func (g *rig) OpenRange(ctx context.Context, stream nvr.StreamID, ms, offset, n int64) (io.ReadCloser, error) {
	g.opens.Add(1)
	if g.hold != nil {
		select {
		case <-g.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f, err := os.Open(filepath.Join(g.dir, library.FilePath(stream, ms)))
	if err != nil {
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "gone", Err: err}
	}
	return part{io.NewSectionReader(f, offset, n), f, &g.reads}, nil
}

type part struct {
	io.Reader
	io.Closer
	count *atomic.Int64
}

func (p part) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if p.count != nil {
		p.count.Add(int64(n))
	}
	return n, err
}

// session records length of clip from start on, and returns when its first and its last picture are shown.
func (g *rig) session(clip *fmp4test.Clip, start time.Time, length time.Duration) (first, last time.Time) {
	g.t.Helper()
	w := writer{g: g, mux: g.muxer(clip)}
	next := clip.Play(clip.Desc, start)
	for {
		u := next()
		if u.NTP.Sub(start) >= length {
			break
		}
		if first.IsZero() || u.NTP.Before(first) {
			first = u.NTP
		}
		if u.NTP.After(last) {
			last = u.NTP
		}
		w.mux.Add(u)
		if w.pending++; w.pending >= 10 || u.Key {
			w.cut(false)
		}
	}
	w.cut(true)
	w.close()
	return first, last
}

func (g *rig) muxer(clip *fmp4test.Clip) *fmp4.Muxer {
	m, err := fmp4.NewMuxer(clip.Desc)
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

// writer writes files of 8 s or more, with segments of 1.9 s or more.
type writer struct {
	g       *rig
	mux     *fmp4.Muxer
	pending int
	p       fmp4.Part
	rec     index.Recording
	file    []byte
	from    time.Duration
}

func (w *writer) cut(flush bool) {
	w.pending = 0
	if !w.mux.Cut(&w.p, flush) {
		return
	}
	if w.p.Key && w.rec.Duration >= 8*time.Second {
		w.close()
	}
	if w.file == nil {
		w.from = w.p.Start.Truncate(time.Microsecond)
		w.file = bytes.Clone(w.mux.Init())
		w.rec = index.Recording{Stream: front, Start: w.mux.Origin().Truncate(time.Microsecond).Add(w.from), InitBytes: int64(len(w.file))}
		w.rec.Path = library.FilePath(front, w.rec.Start.UnixMilli())
	}
	at := w.p.Start.Truncate(time.Microsecond) - w.from
	if n := len(w.rec.Segments); w.p.Key && (n == 0 || at-w.rec.Segments[n-1].Start >= 1900*time.Millisecond) {
		w.rec.Segments = append(w.rec.Segments, index.Segment{Offset: int64(len(w.file)), Start: at})
	}
	w.file = w.p.AppendTo(w.file)
	s := &w.rec.Segments[len(w.rec.Segments)-1]
	s.Bytes = int64(len(w.file)) - s.Offset
	w.rec.Duration = (w.p.Start + w.p.Duration).Truncate(time.Microsecond) - w.from
	s.Duration = w.rec.Duration - s.Start
}

func (w *writer) close() {
	w.rec.Bytes = int64(len(w.file))
	name := filepath.Join(w.g.dir, w.rec.Path)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		w.g.t.Fatal(err)
	}
	if err := os.WriteFile(name, w.file, 0o600); err != nil {
		w.g.t.Fatal(err)
	}
	if err := w.g.idx.AddRecordings(w.g.t.Context(), []index.Recording{w.rec}); err != nil {
		w.g.t.Fatal(err)
	}
	w.file = nil
}

func (g *rig) recordings() []index.Recording {
	g.t.Helper()
	recs, err := g.idx.Recordings(g.t.Context(), front, nvr.TimeRange{Start: epoch.Add(-time.Hour), End: epoch.Add(time.Hour)})
	if err != nil {
		g.t.Fatal(err)
	}
	return recs
}

const bits = 10

// numbered is a clip at 15 pictures per second whose picture n shows the bits of n as columns, bright or dark.
func numbered(t testing.TB, seconds int, encode ...string) *fmp4test.Clip {
	t.Helper()
	args := []string{
		"-f", "lavfi", "-i", fmt.Sprintf("color=gray:size=80x16:rate=15:duration=%d", seconds),
		"-vf", "geq=lum='16+219*mod(floor(N/pow(2,floor(X/8))),2)':cb=128:cr=128,scale=320:64:flags=neighbor", "-pix_fmt", "yuv420p", "-g", "30",
	}
	return fmp4test.Load(t, append(args, encode...)...)
}

func plain(t testing.TB, seconds int) *fmp4test.Clip {
	t.Helper()
	return numbered(t, seconds, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0")
}

// number reads what numbered wrote.
func number(t testing.TB, jpeg []byte) int {
	t.Helper()
	img := picture(t, jpeg)
	b, n := img.Bounds(), 0
	for bit := range bits {
		r, _, _, _ := img.At(b.Min.X+(2*bit+1)*b.Dx()/(2*bits), b.Min.Y+b.Dy()/2).RGBA()
		if r > 0x8000 {
			n |= 1 << bit
		}
	}
	return n
}

func picture(t testing.TB, jpeg []byte) image.Image {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(jpeg))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// ffmpeg returns what ffmpeg writes to its standard output.
func ffmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), fmp4test.Tool(t, "ffmpeg"), append([]string{"-v", "error", "-nostdin"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
