package recorder

import (
	"context"
	"hash/crc32"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

// fakeCamera makes up sessions of pictures on a clock of its own.
type fakeCamera struct {
	rng   *rand.Rand
	desc  *media.Description
	step  int64 // ticks per picture
	gop   int   // pictures per group
	order int64 // pictures that reordering holds back

	wall    time.Time // true time on our clock, steps included
	highest time.Time // that wall has been, or a recording has reached
	base    time.Time // wall time of the session's zero
	ppm     float64   // the camera's clock against ours
	n       int       // pictures in this session
	tick    int64     // added to the camera's timestamps
	replay  time.Duration
	damaged bool

	given  time.Duration // of pictures handed over that could be recorded
	upsets int           // events that may cost a group of pictures and more

	leaps bool // our clock may also be set by hours, and by more in several steps
	far   int  // how often it was set by more than can be hidden
}

const clock = 90000

func newFakeCamera(rng *rand.Rand, desc *media.Description) *fakeCamera {
	c := &fakeCamera{rng: rng, step: clock / int64(1+rng.IntN(4)), gop: 2 + rng.IntN(8), order: int64(rng.IntN(3)), wall: epoch}
	c.session(desc, 0)
	return c
}

// session begins with a new description; a replay sends pictures from before.
func (c *fakeCamera) session(desc *media.Description, replay time.Duration) {
	c.desc = fmp4test.Copy(desc)
	c.n, c.damaged, c.replay = 0, false, replay
	c.base = c.wall.Add(-replay)
	c.tick = c.rng.Int64N(1 << 40)
	c.ppm = c.rng.Float64()*1000 - 500
	c.upsets++
}

// next returns a picture, or nil where it was lost on the way.
func (c *fakeCamera) next() *media.AccessUnit {
	dts := int64(c.n) * c.step
	cto := c.order * c.step
	if c.order > 0 && c.n%c.gop != 0 {
		cto = int64(c.n%3) * c.step // out of order within the group
	}
	at := time.Duration(float64(dts+cto-c.order*c.step) / clock * float64(time.Second) * (1 + c.ppm/1e6))
	u := &media.AccessUnit{
		Desc: c.desc, DTS: dts + c.tick, PTS: dts + cto + c.tick, NTP: c.base.Add(at), Key: c.n%c.gop == 0, Payload: [][]byte{{0x65, byte(c.n), byte(c.n >> 8)}},
	}
	c.n++
	length := time.Duration(c.step) * time.Second / clock
	c.wall = c.base.Add(time.Duration(float64(int64(c.n)*c.step) / clock * float64(time.Second) * (1 + c.ppm/1e6)))
	c.highest = latest(c.highest, c.wall)
	switch r := c.rng.IntN(2000); {
	case r == 0: // our clock is set
		by := time.Duration(c.rng.Int64N(int64(5*time.Minute))) - 150*time.Second
		if c.leaps || c.highest.Sub(c.wall.Add(by)) < 4*time.Minute {
			c.base, c.wall = c.base.Add(by), c.wall.Add(by)
			c.upsets++
		}
	case c.leaps && r == 10 && c.rng.IntN(4) == 0:
		c.leap()
	case r == 1: // the camera's clock is set
		c.tick += c.rng.Int64N(1<<34) - 1<<33
	case r == 2: // a timestamp of its own
		u.DTS -= c.rng.Int64N(20 * clock)
		u.PTS = u.DTS
	case r < 10: // lost on the way
		c.damaged = true
		c.upsets++
		c.given += length
		return nil
	}
	if u.Key {
		c.damaged = false
	}
	u.Damaged = c.damaged
	c.given += length
	return u
}

// life records hours of a camera's life and returns what was handed over. look is called now and then.
func (c *fakeCamera) life(b *bench, length time.Duration, look func()) {
	desc := c.desc
	var batch []*media.AccessUnit
	flush := func() {
		b.must(b.take(batch))
		batch = nil
	}
	for c.given < length {
		c.highest = latest(c.highest, b.r.lastEnd)
		if b.file != nil {
			c.highest = latest(c.highest, b.file.rec.End())
		}
		if u := c.next(); u != nil {
			batch = append(batch, u)
		}
		if len(batch) > c.rng.IntN(8) {
			flush()
		}
		switch r := c.rng.IntN(3000); {
		case r < 3: // the session ends, and another begins, perhaps with pictures that were there before
			flush()
			b.end("cable", c.wall)
			c.wall = c.wall.Add(time.Duration(c.rng.Int64N(int64(90 * time.Second))))
			c.session(desc, time.Duration(c.rng.IntN(2))*time.Duration(c.rng.Int64N(int64(8*time.Second))))
		case r == 3: // parameters change
			flush()
			c.session(desc, 0)
		case r < 6:
			flush()
			look()
		}
	}
	flush()
	b.must(b.endRun())
}

// noFeeder is an index that knows nothing.
type noFeeder struct{}

func (noFeeder) Offset(library.Day) int64 { return 0 }
func (noFeeder) Complete() bool           { return false }

// alone is the part of a Manager that playback asks.
type alone struct{ r *Recorder }

func (a alone) Open(nvr.StreamID) []index.Recording    { return a.r.open() }
func (a alone) OpenGap(nvr.StreamID) (index.Gap, bool) { return index.Gap{}, false }
func quiet() *slog.Logger                              { return slog.New(slog.DiscardHandler) }
func crcOf(b []byte) uint32                            { return crc32.Checksum(b, castagnoli) }
func randomRange(rng *rand.Rand, span time.Duration) nvr.TimeRange {
	from := epoch.Add(time.Duration(rng.Int64N(int64(span))))
	return nvr.TimeRange{Start: from, End: from.Add(time.Second + time.Duration(rng.Int64N(int64(20*time.Minute))))}
}

// TestAnyLifeOfACamera lets random cameras live for hours of simulated time, with clocks that drift and jump, pictures
// out of order and lost, sessions that end and begin with a replay: recordings never overlap, unless our clock was set by more
// than can be hidden, segments are whole, every hole is told, what came in is recorded, and playlists of it are sound.
func TestAnyLifeOfACamera(t *testing.T) {
	t.Parallel()
	const usual = 200
	runs := usual
	if os.Getenv("NIGHTJAR_SLOW") != "" {
		runs = 2000
	}
	if testing.Short() {
		runs = 40
	}
	desc := fmp4test.Scene(t, 1, "-c:v", "libx264", "-preset", "ultrafast", "-s", "64x48", "-g", "15", "-bf", "0", "-an").Desc
	seed := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("NIGHTJAR_SEED"), 10, 64); err == nil {
		seed, runs = s, 1
	}
	began := time.Now()
	for n := range runs {
		if n >= 20 && runs == usual && time.Since(began) > 6*time.Second { // under the race detector, or on a busy machine
			t.Logf("%d lives", n)
			return
		}
		oneLife(t, seed+uint64(n), desc)
		if t.Failed() {
			t.Fatalf("run it again with NIGHTJAR_SEED=%d", seed+uint64(n))
		}
	}
}

func oneLife(t *testing.T, seed uint64, desc *media.Description) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	lib, err := library.OpenFS(faultfs.NewMem(), "memory")
	if err != nil {
		t.Fatal(err)
	}
	b := newBenchOn(t, lib, func(o *Options) {
		o.File = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute}[rng.IntN(3)]
		o.Logger = quiet()
	})
	p, err := playback.New(playback.Options{
		Volumes: b.r.opts.Volumes, Index: memindex.New(), Indexed: []playback.Indexed{noFeeder{}}, Open: alone{b.r}, Logger: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	v := viewer{t: t, p: p, seen: make(map[string]uint32)}
	c := newFakeCamera(rng, desc)
	c.leaps = rng.IntN(3) == 0
	length := 20*time.Minute + time.Duration(rng.Int64N(int64(2*time.Hour)))
	looks := rng.IntN(4) == 0 // reading journals again and again is most of the work
	c.life(b, length, func() {
		if !looks {
			return
		}
		if c.leaps {
			v.repeats = time.Second
		}
		v.watch(nvr.TimeRange{Start: c.wall.Add(-3 * time.Minute), End: c.wall.Add(time.Minute)})
	})
	recs, gaps := journal(t, lib)
	if c.leaps {
		checkLeaps(t, recs, gaps)
		v.repeats = time.Second
	}
	checkLife(t, c, recs, gaps)
	for range 3 {
		v.watch(randomRange(rng, length))
	}
	v.again()
	if os.Getenv("NIGHTJAR_SEED") != "" {
		t.Logf("%d recordings, %d gaps, our clock was set %d times by more than can be hidden", len(recs), len(gaps), c.far)
	}
}

// checkLife compares what was recorded and told with what came in.
func checkLife(t *testing.T, c *fakeCamera, recs []index.Recording, gaps []index.Gap) {
	t.Helper()
	slices.SortFunc(recs, func(a, b index.Recording) int { return a.Start.Compare(b.Start) })
	for i, r := range recs {
		offset, at := r.InitBytes, time.Duration(0)
		for _, s := range r.Segments {
			if s.Offset != offset || s.Start != at || s.Duration <= 0 || s.Bytes <= 0 {
				t.Errorf("%s: segment %+v does not follow offset %d, time %v", r.Path, s, offset, at)
			}
			offset, at = s.Offset+s.Bytes, s.Start+s.Duration
		}
		if r.Duration <= 0 || offset != r.Bytes || at != r.Duration {
			t.Errorf("%s: segments end at %d, %v; the recording at %d, %v", r.Path, offset, at, r.Bytes, r.Duration)
		}
		if i == 0 || c.leaps { // then checkLeaps says what may overlap
			continue
		}
		end := recs[i-1].End()
		hole := r.Start.Sub(end)
		if hole < 0 {
			t.Errorf("%s begins %v before the end of %s", r.Path, -hole, recs[i-1].Path)
		}
		told := slices.ContainsFunc(gaps, func(g index.Gap) bool { return g.Start.Equal(end) && g.End.Equal(r.Start) && g.Detail != "" })
		if hole >= minGap && !told {
			t.Errorf("hole of %v at %v is not told", hole, end)
		}
	}
	for _, g := range gaps {
		if !g.Start.Before(g.End) {
			t.Errorf("gap %+v", g)
		}
	}
	// An upset costs what was replayed or lay before the end of the recordings, and the rest of a group of pictures.
	group := time.Duration(int64(c.gop)*c.step) * time.Second / clock
	slack := time.Duration(c.upsets+4) * (maxReplay + 2*group)
	if got := total(recs); got < c.given-slack || got > c.given+slack {
		t.Errorf("recorded %v of %v, %d upsets", got, c.given, c.upsets)
	}
}

// viewer asks for playlists and remembers what was behind each name.
type viewer struct {
	t    *testing.T
	p    *playback.Player
	seen map[string]uint32

	repeats time.Duration // how much of what it saw may come again, where an hour happens twice
}

var (
	segmentName = regexp.MustCompile(`^(\d+)/(\d+)-(\d+)\.m4s$`)
	dateLine    = regexp.MustCompile(`^#EXT-X-PROGRAM-DATE-TIME:(.*)$`)
)

func (v *viewer) watch(r nvr.TimeRange) {
	v.t.Helper()
	for range 20 {
		list, err := v.p.Playlist(context.Background(), front, r, "")
		if nvr.ErrorCode(err) == nvr.CodeNotFound {
			return
		}
		if err != nil {
			v.t.Fatal(err)
		}
		v.check(list.Text)
		if list.Next.IsZero() {
			return
		}
		r.Start = list.Next
	}
}

func (v *viewer) check(text string) {
	v.t.Helper()
	var last time.Time
	for line := range strings.SplitSeq(text, "\n") {
		if m := dateLine.FindStringSubmatch(line); m != nil {
			at, err := time.Parse(time.RFC3339, m[1])
			if err != nil || at.Before(last.Add(-v.repeats)) {
				v.t.Fatalf("%q after %v in\n%s", line, last, text)
			}
			last = at
		}
		if m, ok := strings.CutPrefix(line, "#EXTINF:"); ok {
			if s, err := strconv.ParseFloat(strings.TrimSuffix(m, ","), 64); err != nil || s <= 0 {
				v.t.Fatalf("%q in\n%s", line, text)
			}
		}
		if segmentName.MatchString(line) {
			if _, ok := v.seen[line]; !ok {
				v.seen[line] = crcOf(v.read(line))
			}
		}
	}
	if !strings.HasPrefix(text, "#EXTM3U\n") || !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") || last.IsZero() {
		v.t.Fatalf("no playlist:\n%s", text)
	}
}

func (v *viewer) read(name string) []byte {
	v.t.Helper()
	m := segmentName.FindStringSubmatch(name)
	num := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }
	f, err := v.p.OpenRange(context.Background(), front, num(m[1]), num(m[2]), num(m[3]))
	if err != nil {
		v.t.Fatalf("%s: %v", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil || int64(len(b)) != f.Size() {
		v.t.Fatalf("%s: %d bytes, error %v", name, len(b), err)
	}
	return b
}

// again demands that every name still means the same bytes.
func (v *viewer) again() {
	v.t.Helper()
	for name, sum := range v.seen {
		if crcOf(v.read(name)) != sum {
			v.t.Errorf("the bytes of %s changed", name)
		}
	}
}
