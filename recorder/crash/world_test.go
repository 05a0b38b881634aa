package crash

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/feed"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func slow() bool { return os.Getenv("NIGHTJAR_SLOW") == "1" }

// cams are the streams of the scenario.
var cams = []nvr.StreamID{{Camera: "yard", Role: nvr.Main}, {Camera: "gate", Role: nvr.Sub}}

// small is a clip of few and small pictures, so that thousands of runs are cheap: 10 per second, a key picture each 2 s.
func small(tb testing.TB) *fmp4test.Clip {
	return fmp4test.Load(tb, "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=4", "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "20", "-bf", "0", "-b:v", "40k")
}

// world is one run of the scenario, in a synctest bubble: its time is simulated.
type world struct {
	t       testing.TB
	clip    *fmp4test.Clip
	sync    recorder.Sync
	idx     index.Index
	sent    map[nvr.StreamID][]nvr.TimeRange // what the cameras delivered
	dropped map[nvr.StreamID][]nvr.TimeRange // what was given up
}

func newWorld(t testing.TB, clip *fmp4test.Clip, sync recorder.Sync, idx index.Index) *world {
	return &world{
		t: t, clip: clip, sync: sync, idx: idx,
		sent: make(map[nvr.StreamID][]nvr.TimeRange), dropped: make(map[nvr.StreamID][]nvr.TimeRange),
	}
}

// run records two streams over a change of the hour, with files of 5 s and a camera that goes away in between, feeds the
// index, and gives up an hour of one stream and a file of the other as retention does. What fails is what the caller wants
// to fail; run ends in order all the same.
func (w *world) run(fsys library.FS) {
	<-time.After(time.Until(time.Now().Truncate(time.Hour).Add(59*time.Minute + 44*time.Second)))
	lib, err := library.OpenFS(fsys, "volume")
	if err != nil {
		return // the process does not start
	}
	hubs := []*media.Hub{media.NewHub(), media.NewHub()}
	m, err := recorder.New(recorder.Options{
		Volumes: library.NewVolumes(lib), File: 5 * time.Second, Sync: w.sync, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}, []recorder.Stream{{ID: cams[0], Hub: hubs[0]}, {ID: cams[1], Hub: hubs[1]}})
	if err != nil {
		w.t.Fatal(err)
	}
	stopRecorder := start(m.Run)
	stopFeeder := start(newFeeder(w.t, lib, w.idx).Run)
	synctest.Wait()
	w.play(hubs, 14*time.Second)
	for _, h := range hubs {
		h.End("cable")
	}
	<-time.After(4 * time.Second)
	w.play(hubs, 8*time.Second)
	w.giveUpHour(lib)
	w.giveUpFile(lib)
	w.play(hubs, 5*time.Second)
	stopRecorder()
	<-time.After(time.Minute) // the feeder tries again what failed
	stopFeeder()
}

// start runs a component and returns what stops it and waits for its end.
func start(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = run(ctx) }()
	return func() { cancel(); <-done }
}

func newFeeder(t testing.TB, lib *library.Library, idx index.Index) *feed.Feeder {
	t.Helper()
	f, err := feed.New(feed.Options{Library: lib, Index: idx, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// play publishes the clip to all hubs in simulated real time, as a new session.
func (w *world) play(hubs []*media.Hub, length time.Duration) {
	from := time.Now()
	next := w.clip.Play(fmp4test.Copy(w.clip.Desc), from)
	for _, id := range cams {
		w.sent[id] = append(w.sent[id], nvr.TimeRange{Start: from.UTC(), End: from.UTC()})
	}
	for u := next(); u.NTP.Sub(from) < length; u = next() {
		<-time.After(time.Until(u.NTP))
		for n, h := range hubs {
			h.Publish(u)
			w.sent[cams[n]][len(w.sent[cams[n]])-1].End = u.NTP.UTC()
		}
		synctest.Wait()
	}
}

// giveUpHour deletes the hour before this one of the second stream: the line, then the files.
func (w *world) giveUpHour(lib *library.Library) {
	h := hourOf(cams[1], time.Now().Add(-time.Hour))
	ok := w.drop(lib, h.Day, func(r index.Recording) bool { is, err := library.HourOf(r.Path); return err == nil && is == h })
	if ok && lib.Append(h.Day, library.Line{Deleted: &h}) == nil {
		_ = lib.RemoveHour(h)
	}
}

// giveUpFile evicts the first recording of the first stream.
func (w *world) giveUpFile(lib *library.Library) {
	day := library.DayOf(cams[0], time.Now())
	led, err := lib.Ledger(day, 0)
	if err != nil || len(led.Recordings()) == 0 {
		return
	}
	first := led.Recordings()[0]
	_, ms, err := library.ParseFilePath(first.Path)
	if err != nil {
		w.t.Fatal(err)
	}
	ok := w.drop(lib, day, func(r index.Recording) bool { return r.Path == first.Path })
	if ok && lib.Append(day, library.Line{Files: &library.Files{Change: library.Evicted, MS: []int64{ms}}}) == nil {
		_ = lib.RemoveFiles(cams[0], []int64{ms})
	}
}

// drop notes that what which picks is given up, and reports whether that could be found out.
func (w *world) drop(lib *library.Library, day library.Day, which func(index.Recording) bool) bool {
	led, err := lib.Ledger(day, 0)
	if err != nil {
		return false
	}
	for _, r := range led.Recordings() {
		if which(r) {
			w.dropped[day.Stream] = append(w.dropped[day.Stream], nvr.TimeRange{Start: r.Start, End: r.End()})
		}
	}
	return true
}

func hourOf(id nvr.StreamID, t time.Time) library.Hour {
	return library.Hour{Day: library.DayOf(id, t), Hour: t.UTC().Hour()}
}

// restart is the next start of the process on a healthy file system: recovery, and the feeder until it has caught up.
func restart(t testing.TB, fsys library.FS, idx index.Index) *library.Library {
	t.Helper()
	lib, err := library.OpenFS(fsys, "volume")
	if err != nil {
		t.Fatal(err)
	}
	m, err := recorder.New(recorder.Options{
		Volumes: library.NewVolumes(lib), Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := start(m.Run)
	<-m.Ready()
	stop()
	stop = start(newFeeder(t, lib, idx).Run)
	<-time.After(time.Minute)
	stop()
	return lib
}

// checkAll demands that files, journals and index agree in every byte.
func checkAll(t testing.TB, libs []*library.Library, idx index.Index) fsck.Report {
	t.Helper()
	rep, err := fsck.Check(context.Background(), fsck.Options{Libraries: libs, Index: idx, Level: fsck.Content, Streams: cams})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Findings {
		if f.Severity == fsck.Error {
			t.Errorf("fsck: invariant %d, %s: %s", f.Invariant, f.Path, f.Problem)
		}
	}
	return rep
}

// recordings returns what the journals say is here, by stream, in order.
func recordings(t testing.TB, lib *library.Library) map[nvr.StreamID][]index.Recording {
	t.Helper()
	days, err := lib.Days()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[nvr.StreamID][]index.Recording)
	for _, d := range days {
		led, err := lib.Ledger(d, 0)
		if err != nil {
			t.Fatal(err)
		}
		out[d.Stream] = append(out[d.Stream], led.Recordings()...)
	}
	for _, recs := range out {
		slices.SortFunc(recs, func(a, b index.Recording) int { return a.Start.Compare(b.Start) })
	}
	return out
}

// lost returns how much of what was sent until before is neither recorded nor given up.
func (w *world) lost(id nvr.StreamID, recs []index.Recording, before time.Time) (sum time.Duration) {
	have := slices.Clone(w.dropped[id])
	for _, r := range recs {
		have = append(have, nvr.TimeRange{Start: r.Start, End: r.End()})
	}
	slices.SortFunc(have, func(a, b nvr.TimeRange) int { return a.Start.Compare(b.Start) })
	for _, s := range w.sent[id] {
		at, end := s.Start, s.End
		if end.After(before) {
			end = before
		}
		for _, h := range have {
			if h.Start.After(at) && h.Start.Before(end) && h.Start.Sub(at) > time.Millisecond { // runs start a microsecond later
				sum += h.Start.Sub(at)
			}
			if h.End.After(at) && h.Start.Before(end) {
				at = h.End
			}
		}
		if at.Before(end) {
			sum += end.Sub(at)
		}
	}
	return sum
}

// checkBoxes walks every file and demands that nothing of it is torn.
func checkBoxes(t testing.TB, lib *library.Library) {
	t.Helper()
	for _, p := range files(t, lib) {
		b, err := library.ReadFile(lib.FS(), p)
		if err != nil {
			t.Error(err)
			continue
		}
		l, err := fmp4.Scan(bytes.NewReader(b), int64(len(b)))
		if err != nil || l.Size != int64(len(b)) || len(l.Parts) == 0 {
			t.Errorf("%s: %d bytes, scan %+v, error %v", p, len(b), l, err)
		}
	}
}

// files returns the paths of all recordings that no journal gave up.
func files(t testing.TB, lib *library.Library) (out []string) {
	t.Helper()
	for _, recs := range recordings(t, lib) {
		for _, r := range recs {
			if !r.Evicted {
				out = append(out, r.Path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// probe decodes a file with ffprobe and fails on any complaint.
func probe(t testing.TB, lib *library.Library, p string) {
	t.Helper()
	b, err := library.ReadFile(lib.FS(), p)
	if err != nil {
		t.Error(err)
		return
	}
	name := filepath.Join(t.TempDir(), path.Base(p))
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	probeFile(t, name)
}

func probeFile(t testing.TB, name string) {
	t.Helper()
	cmd := exec.Command(fmp4test.Tool(t, "ffprobe"), "-v", "warning", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames",
		"-of", "csv=p=0", name)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 || strings.TrimSpace(stdout.String()) == "0" {
		t.Errorf("%s does not play: %v, %s frames: %s", name, err, strings.TrimSpace(stdout.String()), stderr.String())
	}
}

// copyIndex returns the rows of idx: a database that survived with what it had committed.
func copyIndex(idx index.Index) (*memindex.Index, error) {
	out := memindex.New()
	all := nvr.TimeRange{Start: time.UnixMilli(0), End: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, id := range cams {
		recs, err := idx.Recordings(context.Background(), id, all)
		gaps, gerr := idx.Gaps(context.Background(), id, all)
		if err := errors.Join(err, gerr, out.AddRecordings(context.Background(), recs), out.AddGaps(context.Background(), gaps)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// dump logs what journals and index say, for a person who looks into a failure.
func dump(t testing.TB, lib *library.Library, idx index.Index) {
	t.Helper()
	for id := range recordings(t, lib) {
		days, err := lib.Days()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range days {
			if d.Stream != id {
				continue
			}
			b, err := library.ReadFile(lib.FS(), library.JournalPath(d))
			t.Logf("journal of %s (error %v):\n%s", d, err, b)
			gaps, err := idx.Gaps(context.Background(), id, nvr.TimeRange{Start: d.Start(), End: d.Start().Add(24 * time.Hour)})
			t.Logf("gaps in the index (error %v): %+v", err, gaps)
		}
	}
	b, err := library.ReadFile(lib.FS(), ".cursor")
	t.Logf("cursor (error %v): %s", err, b)
}
