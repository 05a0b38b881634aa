package faults

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// tellFrom is the shortest hole that must have a gap (recorder/docs/recording.md).
const tellFrom = time.Second

// account is what a stream came to.
type account struct {
	recs []index.Recording
	runs []nvr.TimeRange // what they cover, exactly
	gaps []index.Gap     // all that were told
}

// holes returns the intervals between runs from a length on.
func (a account) holes(from time.Duration) (out []nvr.TimeRange) {
	for i := 1; i < len(a.runs); i++ {
		if h := (nvr.TimeRange{Start: a.runs[i-1].End, End: a.runs[i].Start}); h.Duration() >= from {
			out = append(out, h)
		}
	}
	return out
}

// reasons returns the reasons of all gaps that explain holes.
func (a account) reasons() (out []index.GapReason) {
	for _, h := range a.holes(tellFrom) {
		for _, g := range a.gaps {
			if g.Start.Before(h.End) && h.Start.Before(g.End) {
				out = append(out, g.Reason)
			}
		}
	}
	return out
}

// length is the time from the first picture to the last.
func (a account) length() time.Duration { return a.runs[len(a.runs)-1].End.Sub(a.runs[0].Start) }

// count finishes the rig, and demands of every stream that recordings do not overlap and last, that recorded time and
// gaps are the time that passed, that every file is whole, that some play, and that files, journals and index agree.
func (r *rig) count() map[nvr.StreamID]account {
	r.t.Helper()
	r.finish()
	out := make(map[nvr.StreamID]account, len(r.streams))
	for _, id := range r.streams {
		a := r.account(id)
		out[id] = a
		checkOrder(r.t, id, a)
		checkTold(r.t, id, a)
		r.checkFiles(a)
		r.t.Logf("%s: %v in %d files, recorded %v, holes %v, gaps %v", id, a.length().Round(time.Millisecond), len(a.recs),
			total(a.runs).Round(time.Millisecond), show(a.holes(0)), told(a.gaps))
	}
	rep, err := fsck.Check(context.Background(), fsck.Options{
		Libraries: r.volumes.There(), Index: r.index, Level: fsck.Content, Streams: r.streams,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range rep.Findings {
		if f.Severity == fsck.Error {
			r.t.Errorf("fsck: invariant %d, %s: %s", f.Invariant, f.Path, f.Problem)
		}
	}
	return out
}

func show(holes []nvr.TimeRange) (out []time.Duration) {
	for _, h := range holes {
		out = append(out, h.Duration().Round(time.Millisecond))
	}
	return out
}

func told(gaps []index.Gap) (out []string) {
	for _, g := range gaps {
		out = append(out, string(g.Reason)+" "+g.End.Sub(g.Start).Round(time.Millisecond).String())
	}
	return out
}

// account reads a stream from the index.
func (r *rig) account(id nvr.StreamID) (a account) {
	r.t.Helper()
	ctx := context.Background()
	var err error
	if a.recs, err = r.index.Recordings(ctx, id, r.span()); err != nil {
		r.t.Fatal(err)
	}
	if a.gaps, err = r.index.Gaps(ctx, id, r.span()); err != nil {
		r.t.Fatal(err)
	}
	for _, rec := range a.recs {
		a.runs = index.AppendRun(a.runs, rec, r.span())
	}
	if len(a.runs) == 0 {
		r.t.Fatalf("nothing of %s is recorded", id)
	}
	return a
}

func checkOrder(t testing.TB, id nvr.StreamID, a account) {
	t.Helper()
	for i, rec := range a.recs {
		if rec.Duration <= 0 || len(rec.Segments) == 0 {
			t.Errorf("%s: %s lasts %v and has %d segments", id, rec.Path, rec.Duration, len(rec.Segments))
		}
		for _, s := range rec.Segments {
			if s.Duration <= 0 || s.Bytes <= 0 {
				t.Errorf("%s: segment %+v of %s", id, s, rec.Path)
			}
		}
		if i > 0 && rec.Start.Before(a.recs[i-1].End()) {
			t.Errorf("%s: %s begins %v before the one before ends", id, rec.Path, a.recs[i-1].End().Sub(rec.Start))
		}
	}
}

// checkTold demands that each hole has gaps of exactly its length, and that no gap lies where intact pictures are.
func checkTold(t testing.TB, id nvr.StreamID, a account) {
	t.Helper()
	for _, h := range a.holes(tellFrom) {
		at := h.Start
		for _, g := range a.gaps {
			if !g.Start.After(at) && g.End.After(at) {
				at = g.End
			}
		}
		if at.Before(h.End) {
			t.Errorf("%s: of the hole of %v at %v, the last %v are not told: %v", id, h.Duration(), h.Start, h.End.Sub(at), told(a.gaps))
		}
	}
	for _, g := range a.gaps {
		if !g.Start.Before(g.End) || g.Reason == "" || g.Detail == "" {
			t.Errorf("%s: gap %+v", id, g)
		}
		if g.Reason == index.GapLoss {
			continue // may lie within a run: its pictures are damaged
		}
		for _, run := range a.runs {
			if g.Start.Before(run.End) && run.Start.Before(g.End) {
				t.Errorf("%s: %s gap from %v to %v over what is recorded from %v to %v", id, g.Reason, g.Start, g.End, run.Start, run.End)
			}
		}
	}
}

// checkFiles walks the boxes of every file, and lets ffprobe read the first, the last and one in between.
func (r *rig) checkFiles(a account) {
	r.t.Helper()
	for i, rec := range a.recs {
		lib, b := r.read(rec.Path)
		if lib == nil {
			r.t.Errorf("%s is nowhere", rec.Path)
			continue
		}
		l, err := fmp4.Scan(bytes.NewReader(b), int64(len(b)))
		if err != nil || l.Size != int64(len(b)) || len(l.Parts) == 0 {
			r.t.Errorf("%s: %d bytes, scan %+v: %v", rec.Path, len(b), l, err)
		}
		if i == 0 || i == len(a.recs)-1 || i == len(a.recs)/2 {
			probe(r.t, filepath.Join(lib.Dir(), filepath.FromSlash(rec.Path)), r.noise && i < len(a.recs)-1)
		}
	}
}

func (r *rig) read(path string) (*library.Library, []byte) {
	for _, lib := range r.volumes.There() {
		if b, err := library.ReadFile(lib.FS(), path); err == nil {
			return lib, b
		}
	}
	return nil, nil
}

// probe lets ffprobe decode a file. Damaged pictures may make it complain, but never fail; noise may hold no picture at all.
func probe(t testing.TB, name string, noise bool) {
	t.Helper()
	tool, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Log("NOT CHECKED: ffprobe is not installed")
		return
	}
	cmd := exec.Command(tool, "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", name)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if n := strings.Trim(stdout.String(), " ,\n"); err != nil || !noise && (n == "" || n == "0" || n == "N/A") {
		t.Errorf("%s does not play: %v, %s pictures: %s", name, err, n, stderr.String())
	}
}

// only demands that all holes of a stream have these reasons and no other.
func only(t testing.TB, id nvr.StreamID, a account, want ...index.GapReason) {
	t.Helper()
	got := a.reasons()
	if len(got) == 0 {
		t.Errorf("%s: no gap with a reason", id)
	}
	for _, reason := range got {
		if !slices.Contains(want, reason) {
			t.Errorf("%s: gap of reason %s, want only %v: %+v", id, reason, want, a.gaps)
		}
	}
}

// untouched demands that a stream was recorded without a hole and that nothing was told of it, apart from its end.
func untouched(t testing.TB, id nvr.StreamID, a account) {
	t.Helper()
	end := a.runs[len(a.runs)-1].End
	for _, g := range a.gaps {
		if g.Start.Before(end) {
			t.Errorf("%s: gap %+v", id, g)
		}
	}
	if len(a.runs) != 1 {
		t.Errorf("%s: holes of %v", id, show(a.holes(0)))
	}
}
