package export_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// damage breaks the boxes of recording n of front from its second segment on.
func (p *tape) damage(n int) {
	p.t.Helper()
	rec := p.recs[front][n]
	name := filepath.Join(p.dir, filepath.FromSlash(rec.Path))
	b, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	copy(b[rec.Segments[1].Offset:], bytes.Repeat([]byte{0xff}, 64))
	if err := os.WriteFile(name, b, 0o640); err != nil {
		p.t.Fatal(err)
	}
}

func TestADamagedRecordingDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 24*time.Second)
	p.damage(1)
	l := newLab(t, p).start()
	x := l.make(export.Request{Cameras: cameras, Range: between(0, 24000)})
	if len(x.Notes) != 1 || !strings.Contains(x.Notes[0], "damaged on their disk") || len(x.Files) != 1 || len(x.Files[0].Gaps) != 1 {
		t.Fatalf("notes %q, files %+v", x.Notes, x.Files)
	}
	run(t, "ffmpeg", "-v", "error", "-i", l.path(x, 0), "-f", "null", "-")
	if got := len(numbers(t, l.path(x, 0))); got != 360-150 {
		t.Errorf("%d pictures", got)
	}
	y := l.make(export.Request{Cameras: cameras, Range: between(0, 24000), Evidence: true})
	if !strings.Contains(strings.Join(y.Notes, " "), "differs from what was recorded") {
		t.Errorf("evidence says %q", y.Notes)
	}
}

// TestAnHourThatHappenedTwiceIsExportedOnce sets the clock back by more than can be hidden: the files of both times begin a second
// apart, and the film must not go from one to the other with each.
func TestAnHourThatHappenedTwiceIsExportedOnce(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 40*time.Second)
	p.session(front, bars(t, 16, plain...), epoch.Add(1100*time.Millisecond), 60*time.Second)
	slices.SortFunc(p.recs[front], func(a, b index.Recording) int { return a.Start.Compare(b.Start) })
	l := newLab(t, p).start()
	x := l.make(export.Request{Cameras: cameras, Range: between(0, 55000)})
	if len(x.Notes) != 1 || !strings.Contains(x.Notes[0], "recorded twice") || len(x.Files) != 1 || len(x.Files[0].Pieces) != 2 || len(x.Files[0].Gaps) > 0 {
		t.Fatalf("notes %q, files %+v", x.Notes, x.Files)
	}
	if second := x.Files[0].Pieces[1].Start.Sub(epoch); second < 39*time.Second || second > 42*time.Second {
		t.Errorf("the film goes to the other time at %v", second)
	}
	run(t, "ffmpeg", "-v", "error", "-i", l.path(x, 0), "-f", "null", "-")
}

func TestClipsOfHostileRanges(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 24*time.Second)
	p.session(front, bars(t, 16, hevc...), epoch.Add(30*time.Second), 4*time.Second)
	film := func(r nvr.TimeRange) (int64, []export.Piece, error) {
		f, err := os.Create(filepath.Join(t.TempDir(), "clip.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		pieces, err := export.Clip(t.Context(), p, front, r, 1<<30, f)
		info, serr := f.Stat()
		if serr != nil {
			t.Fatal(serr)
		}
		if err == nil {
			run(t, "ffmpeg", "-v", "error", "-i", f.Name(), "-f", "null", "-")
		}
		return info.Size(), pieces, err
	}
	recorded := int64(0)
	for _, r := range p.recs[front] {
		recorded += r.Bytes
	}
	n, pieces, err := film(nvr.TimeRange{Start: epoch.AddDate(0, 0, -15), End: epoch.AddDate(0, 0, 15)})
	if err != nil || n > 2*recorded {
		t.Errorf("a month with %d bytes in it has %d, %v", recorded, n, err)
	}
	if last := pieces[len(pieces)-1]; last.Start.Add(last.Duration).After(epoch.Add(25 * time.Second)) {
		t.Errorf("another format was joined: %+v", pieces)
	}
	for name, r := range map[string]nvr.TimeRange{
		"reversed": between(9000, 1000), "nothing": between(5000, 5000), "the hole": between(25000, 29000), "before time": {End: epoch.AddDate(-60, 0, 0)},
	} {
		if _, _, err := film(r); err == nil {
			t.Errorf("%s: a film was made", name)
		}
	}
	p.damage(0)
	if _, pieces, err = film(between(1000, 15000)); err != nil || pieces[0].Start.Before(epoch.Add(9*time.Second)) {
		t.Errorf("behind a damaged recording: %+v, %v", pieces, err)
	}
}

func TestAJobThatEndsTheProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]export.State{"1": export.Done, "2": export.Failed} {
		p := newTape(t)
		p.session(front, bars(t, 16, plain...), epoch, 8*time.Second)
		l := newLab(t, p)
		l.open()
		x, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 8000)})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.exp.Close(); err != nil {
			t.Fatal(err)
		}
		record := filepath.Join(l.opts.Dir, x.ID, "export.json")
		b, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		killed := strings.Replace(string(b), `"state": "queued"`, `"state": "running", "crashes": `+before, 1)
		if err := os.WriteFile(record, []byte(killed), 0o640); err != nil {
			t.Fatal(err)
		}
		l.start()
		if x = l.end(x.ID); x.State != want || want == export.Failed && !strings.Contains(x.Error, "ended 3 times") {
			t.Errorf("killed %s times before: %s: %s", before, x.State, x.Error)
		}
		l.stop()
	}
}
