package recorder

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) {
	if os.Getenv("RECORDER_CRASH_DIR") != "" {
		crashMain()
		return
	}
	goleak.VerifyTestMain(m)
}

var front = nvr.StreamID{Camera: "front", Role: nvr.Main}

// start of the media of all tests: shortly before an hour, so that hours change.
var epoch = time.Date(2026, 3, 1, 11, 59, 50, 0, time.UTC)

func openLibrary(t testing.TB, dir string) *library.Library {
	t.Helper()
	lib, err := library.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lib.Close(); err != nil {
			t.Error(err)
		}
	})
	return lib
}

func testOptions(t testing.TB, lib *library.Library) Options {
	return Options{Volumes: library.NewVolumes(lib), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: prometheus.NewRegistry()}
}

// bench is an instance without its goroutine: the test hands it batches itself.
type bench struct {
	*instance
	t   *testing.T
	lib *library.Library
}

func newBench(t *testing.T, change func(*Options)) *bench {
	t.Helper()
	return newBenchOn(t, openLibrary(t, t.TempDir()), change)
}

func newBenchOn(t *testing.T, lib *library.Library, change func(*Options)) *bench {
	t.Helper()
	o := testOptions(t, lib)
	if change != nil {
		change(&o)
	}
	hub := media.NewHub()
	m, err := New(o, []Stream{{ID: front, Hub: hub}})
	if err != nil {
		t.Fatal(err)
	}
	i := newInstance(m.recorders[front])
	i.reader = hub.Subscribe(media.ReaderOptions{Capacity: 1})
	t.Cleanup(i.reader.Close)
	return &bench{instance: i, t: t, lib: lib}
}

// feed hands over units up to length of wall time in batches as the hub makes them.
func (b *bench) feed(next func() *media.AccessUnit, length time.Duration) {
	b.t.Helper()
	var batch []*media.AccessUnit
	var first time.Time
	for {
		u := next()
		if first.IsZero() {
			first = u.NTP
		}
		if u.NTP.Sub(first) >= length {
			break
		}
		batch = append(batch, u)
		if lead := u.Desc.Tracks[u.Track].Video(); lead && u.Key || u.NTP.Sub(batch[0].NTP) >= 750*time.Millisecond {
			b.must(b.take(batch))
			batch = batch[:0]
		}
	}
	b.must(b.take(batch))
}

func (b *bench) end(reason string, at time.Time) {
	b.t.Helper()
	b.must(b.take([]*media.AccessUnit{{Desc: b.desc, Track: media.TrackEnd, NTP: at, Reason: reason}}))
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// journal returns everything in the journals, by day.
func journal(t testing.TB, lib *library.Library) (recs []index.Recording, gaps []index.Gap) {
	t.Helper()
	days, err := lib.Days()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		_, damaged, err := lib.Read(d, 0, func(l library.Line) error {
			if l.Recording != nil {
				recs = append(recs, *l.Recording)
			}
			if l.Gap != nil {
				gaps = append(gaps, *l.Gap)
			}
			return nil
		})
		if err != nil || damaged > 0 {
			t.Fatalf("journal of %s: %d damaged lines, error %v", d, damaged, err)
		}
	}
	return recs, gaps
}

// checkFiles compares what the journal says of each recording with the file, and plays the file in ffmpeg.
func checkFiles(t testing.TB, lib *library.Library, recs []index.Recording) {
	t.Helper()
	for _, r := range recs {
		b, err := os.ReadFile(filepath.Join(lib.Dir(), r.Path))
		if err != nil {
			t.Error(err)
			continue
		}
		if int64(len(b)) != r.Bytes || crc32.Checksum(b, castagnoli) != r.CRC {
			t.Errorf("%s: %d bytes with crc %08x, journal says %d with %08x", r.Path, len(b), crc32.Checksum(b, castagnoli), r.Bytes, r.CRC)
		}
		offset, at := r.InitBytes, time.Duration(0)
		for _, s := range r.Segments {
			if s.Offset != offset || s.Start != at || s.Duration <= 0 {
				t.Errorf("%s: segment %+v does not follow offset %d, time %v", r.Path, s, offset, at)
			}
			offset, at = s.Offset+s.Bytes, s.Start+s.Duration
		}
		if offset != r.Bytes || at != r.Duration {
			t.Errorf("%s: segments end at %d, %v; the recording at %d, %v", r.Path, offset, at, r.Bytes, r.Duration)
		}
		play(t, filepath.Join(lib.Dir(), r.Path))
	}
}

// play decodes a file with ffmpeg and fails on any complaint.
func play(t testing.TB, path string) {
	t.Helper()
	cmd := exec.Command(fmp4test.Tool(t, "ffmpeg"), "-v", "warning", "-xerror", "-i", path, "-f", "null", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("play %s: %v: %s", path, err, stderr.String())
	}
}

func scene(t testing.TB) *fmp4test.Clip {
	return fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-c:a", "aac")
}

func TestFilesFollowEachOtherWithoutAHole(t *testing.T) {
	b := newBench(t, func(o *Options) { o.File = 10 * time.Second })
	clip := scene(t)
	b.feed(clip.Play(clip.Desc, epoch), 65*time.Second)
	b.must(b.endRun())
	recs, gaps := journal(t, b.lib)
	if len(recs) < 6 || len(recs) > 9 || len(gaps) != 0 {
		t.Fatalf("%d recordings and %d gaps, want about 7 and none", len(recs), len(gaps))
	}
	for i, r := range recs {
		if i > 0 && !r.Start.Equal(recs[i-1].End()) {
			t.Errorf("recording %d starts at %v, the one before ends at %v", i, r.Start, recs[i-1].End())
		}
		for _, s := range r.Segments[:len(r.Segments)-1] {
			if s.Duration < minSegment || s.Duration > 6*time.Second {
				t.Errorf("segment of %v", s.Duration)
			}
		}
		if !strings.HasPrefix(r.Codecs, "avc1.42") || r.Width != 320 || r.Height != 240 {
			t.Errorf("described as %s %dx%d", r.Codecs, r.Width, r.Height)
		}
	}
	if first, last := recs[0].Start, recs[len(recs)-1].End(); !first.Equal(epoch) || last.Sub(first).Round(time.Second) != 65*time.Second {
		t.Errorf("recorded %v to %v, want 65 s from %v", first, last, epoch)
	}
	if !strings.Contains(recs[0].Path, "/2026-03-01/11/") || !strings.Contains(recs[len(recs)-1].Path, "/2026-03-01/12/") {
		t.Errorf("paths %s to %s", recs[0].Path, recs[len(recs)-1].Path)
	}
	checkFiles(t, b.lib, recs)
}

func TestRunsEndAndGapsAreTold(t *testing.T) {
	b := newBench(t, nil)
	clip := scene(t)
	at := epoch
	run := func(length time.Duration) {
		d := fmp4test.Copy(clip.Desc)
		b.feed(clip.Play(d, at), length)
		at = at.Add(length)
	}
	run(8 * time.Second)
	b.end("camera closed the connection", at)
	at = at.Add(7 * time.Second)
	run(4 * time.Second) // after an outage
	run(4 * time.Second) // a change of parameters: no end, no gap
	b.must(b.endRun())
	recs, gaps := journal(t, b.lib)
	if len(recs) != 3 || len(gaps) != 1 {
		t.Fatalf("%d recordings and %d gaps, want 3 and 1", len(recs), len(gaps))
	}
	g := gaps[0]
	if g.Reason != index.GapOffline || g.Detail != "camera closed the connection" || g.End.Sub(g.Start).Round(100*time.Millisecond) != 7*time.Second {
		t.Errorf("gap %+v", g)
	}
	if recs[2].Start.Equal(recs[1].End()) {
		t.Error("recordings of different parameters look continuous")
	}
	checkFiles(t, b.lib, recs)
}

// TestACameraWithoutKeyPictures sends key pictures for 4 s, then for half an hour only what depends on them, then a key picture again.
func TestACameraWithoutKeyPictures(t *testing.T) {
	b := newBench(t, nil)
	clip := scene(t)
	next := clip.Play(clip.Desc, epoch)
	b.feed(next, 4*time.Second)
	keyless := func() *media.AccessUnit {
		for {
			if u := next(); !u.Key || u.Track != 0 {
				return u
			}
		}
	}
	b.feed(keyless, 30*time.Minute)
	b.feed(next, 4*time.Second)
	b.must(b.endRun())
	recs, gaps := journal(t, b.lib)
	if len(gaps) != 1 || gaps[0].Reason != index.GapLoss || gaps[0].Detail != "The camera sent no key picture for 10m0s." {
		t.Fatalf("gaps %+v", gaps)
	}
	if d := gaps[0].End.Sub(gaps[0].Start).Round(10 * time.Second); d != 20*time.Minute {
		t.Errorf("the gap lasts %v, want the rest of the half hour", d)
	}
	for _, r := range recs {
		if r.Duration > maxSegment+b.r.opts.File {
			t.Errorf("a recording lasts %v", r.Duration)
		}
	}
	checkFiles(t, b.lib, recs)
}

func TestASegmentThatNobodyCouldReadIsEnded(t *testing.T) {
	b := newBench(t, nil)
	clip := scene(t)
	next := clip.Play(clip.Desc, epoch)
	u := next()
	big := &media.AccessUnit{Desc: u.Desc, Track: u.Track, PTS: u.PTS, DTS: u.DTS, NTP: u.NTP, Key: true, Payload: [][]byte{make([]byte, 1<<20)}}
	frame := int64(clip.Desc.Tracks[u.Track].ClockRate / 15)
	for n := range 230 { // a megabyte each, no key picture but the first
		b.must(b.take([]*media.AccessUnit{big}))
		again := *big
		again.PTS, again.DTS, again.NTP, again.Key = big.PTS+frame, big.DTS+frame, big.NTP.Add(time.Second/15), false
		big = &again
		if !b.running && n < 190 {
			t.Fatalf("the run ended after %d MB", n)
		}
	}
	if b.running && b.file != nil {
		t.Error("the segment goes on")
	}
	b.must(b.endRun())
	recs, _ := journal(t, b.lib)
	if len(recs) != 1 || recs[0].Bytes > 256<<20 {
		t.Errorf("recordings %+v", recs)
	}
}

func TestClockJumpsAndSilenceEndTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		media, wall time.Duration // how far each jumps
		reason      index.GapReason
	}{
		"clock ahead":         {0, time.Hour, index.GapClock},
		"clock back":          {0, -time.Hour, index.GapClock},
		"camera silent":       {20 * time.Second, 20 * time.Second, index.GapLoss},
		"camera clock ahead":  {time.Hour, 0, ""},
		"camera clock behind": {-time.Hour, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			clip := scene(t)
			next := clip.Play(clip.Desc, epoch)
			b.feed(next, 6*time.Second)
			b.feed(func() *media.AccessUnit {
				u := next()
				u.NTP = u.NTP.Add(c.wall)
				ticks := int64(c.media/time.Second) * int64(u.Desc.Tracks[u.Track].ClockRate)
				u.DTS += ticks
				u.PTS += ticks
				return u
			}, 6*time.Second)
			b.must(b.endRun())
			recs, gaps := journal(t, b.lib)
			var total time.Duration
			for _, r := range recs {
				total += r.Duration
			}
			if total < 11*time.Second || total > 13*time.Second {
				t.Errorf("recorded %v of 12 s", total)
			}
			if c.reason == "" && len(gaps) > 0 || c.reason != "" && (len(gaps) != 1 || gaps[0].Reason != c.reason) {
				t.Errorf("gaps %+v, want %q", gaps, c.reason)
			}
			if c.wall != 0 && len(recs) != 2 || c.wall == 0 && len(recs) != 1 {
				t.Errorf("%d recordings", len(recs))
			}
			checkFiles(t, b.lib, recs)
		})
	}
}

func TestManagerRecordsFromAHub(t *testing.T) {
	lib := openLibrary(t, t.TempDir())
	hub := media.NewHub()
	m, err := New(testOptions(t, lib), []Stream{{ID: front, Hub: hub}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	<-m.Ready()
	waitFor(t, func() bool { return hub.Readers() == 1 })
	clip := scene(t)
	next := clip.Play(clip.Desc, time.Now().Add(-10*time.Second))
	for range 300 {
		hub.Publish(next())
	}
	waitFor(t, func() bool { // the first part is there before the rest
		open := m.Open(front)
		return len(open) == 1 && open[0].Duration >= time.Second && len(open[0].Segments) > 0 && m.Statuses()[0].State == Recording
	})
	m.SetEnabled("front", false)
	waitFor(t, func() bool { return m.Statuses()[0].State == Disabled && hub.Readers() == 0 })
	m.SetEnabled("front", true)
	waitFor(t, func() bool { return hub.Readers() == 1 })
	late := clip.Play(fmp4test.Copy(clip.Desc), time.Now().Add(10*time.Second))
	for range 200 {
		hub.Publish(late())
	}
	waitFor(t, func() bool { return len(m.Open(front)) == 1 })
	hub.Close()
	waitFor(t, func() bool { return len(m.Open(front)) == 0 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	recs, gaps := journal(t, lib)
	if len(recs) != 2 || len(gaps) != 1 || gaps[0].Reason != index.GapDisabled {
		t.Errorf("%d recordings, gaps %+v", len(recs), gaps)
	}
	checkFiles(t, lib, recs)
}

func TestARestartIsToldApartFromWhatFollows(t *testing.T) {
	for name, c := range map[string]struct {
		since time.Duration // from the start of the process to the first picture
		lost  index.GapReason
		want  []index.GapReason
	}{
		"at once":        {2 * time.Second, "", []index.GapReason{index.GapRestart}},
		"camera away":    {time.Hour, "", []index.GapReason{index.GapRestart, index.GapOffline}},
		"switched off":   {time.Hour, index.GapDisabled, []index.GapReason{index.GapRestart, index.GapDisabled}},
		"disk was full":  {time.Hour, index.GapDisk, []index.GapReason{index.GapRestart, index.GapDisk}},
		"first of all":   {0, "", nil},
		"no hole at all": {-2 * time.Hour, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			if c.want != nil || c.since != 0 {
				b.r.resumeFrom(epoch.Add(-time.Hour - c.since))
			}
			b.r.started = epoch.Add(-c.since)
			if c.lost != "" {
				b.r.lost(b.r.started, c.lost, "told")
			}
			if c.since == -2*time.Hour {
				b.r.lastEnd = epoch.Add(-minGap / 2)
			}
			before := b.r.lastEnd
			clip := scene(t)
			b.feed(clip.Play(clip.Desc, epoch), 2*time.Second)
			_, gaps := journal(t, b.lib)
			var got []index.GapReason
			for _, g := range gaps {
				got = append(got, g.Reason)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("gaps %v, want %v", gaps, c.want)
			}
			if n := len(gaps); n > 0 && (!gaps[0].Start.Equal(before) || !gaps[n-1].End.Equal(epoch)) {
				t.Errorf("gaps %v do not fill the hole", gaps)
			}
		})
	}
}

func TestNewRefusesWrongOptions(t *testing.T) {
	lib := openLibrary(t, t.TempDir())
	for want, change := range map[string]func(*Options){
		"part duration 1h":  func(o *Options) { o.Part = time.Hour },
		"file duration 1s":  func(o *Options) { o.File = time.Second },
		`sync policy "now"`: func(o *Options) { o.Sync = "now" },
		"are required":      func(o *Options) { o.Volumes = nil },
	} {
		o := testOptions(t, lib)
		change(&o)
		if _, err := New(o, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	s := Stream{ID: front, Hub: media.NewHub()}
	if _, err := New(testOptions(t, lib), []Stream{s, s}); err == nil {
		t.Error("the same stream twice was taken")
	}
}

// waitFor polls cond for up to 30 s.
func waitFor(t testing.TB, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatal("condition did not come true in 30 s")
		}
		<-tick.C
	}
}

// newRand returns a generator whose seed is in the log.
func newRand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
