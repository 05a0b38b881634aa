package fsck_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// bubble runs f with a shelf in a synctest bubble.
func bubble(t *testing.T, f func(*testing.T, *shelf)) {
	t.Helper()
	t.Parallel()
	c := clip(t)
	synctest.Test(t, func(t *testing.T) { f(t, newShelf(t, c)) })
}

// TestJournalLost takes the journal away altogether: names tell the milliseconds, and the media timeline which recordings
// are one run.
func TestJournalLost(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		s.must(s.disk.Remove(library.JournalPath(s.day)))
		s.must(s.disk.Remove(".cursor"))
		if rep := s.check(repair); rep.Errors > 0 {
			t.Errorf("left %+v", rep.Findings)
		}
		s.rebuilt()
		if rep := s.check(nil); rep.Errors > 0 {
			t.Errorf("then found %+v", rep.Findings)
		}
	})
}

// rebuilt demands the recordings of before, but for their starts' microseconds, and that runs still meet exactly.
func (s *shelf) rebuilt() {
	s.t.Helper()
	got := s.journal()
	if len(got) != len(s.recs) || len(s.rows()) != len(s.recs) {
		s.t.Fatalf("%d recordings in the journal, %d in the index, want %d", len(got), len(s.rows()), len(s.recs))
	}
	for i, r := range got {
		was := s.recs[i]
		if d := r.Start.Sub(was.Start); d.Abs() >= time.Millisecond {
			s.t.Errorf("recording %d starts %v later", i, d)
		}
		if i > 0 && was.Start.Equal(s.recs[i-1].End()) != r.Start.Equal(got[i-1].End()) {
			s.t.Errorf("recording %d: starts at %v, the one before ends at %v", i, r.Start, got[i-1].End())
		}
		was.Start = r.Start
		if !same(r, was) {
			s.t.Errorf("recording %d is now %+v, was %+v", i, r, was)
		}
	}
}

func TestRebuild(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		first := s.recs[0]
		archived := []int64{first.Start.UnixMilli()}
		s.must(s.lib.Append(s.day, library.Line{Files: &library.Files{Change: library.Archived, MS: archived}}))
		s.must(s.lib.Append(s.day, library.Line{Files: &library.Files{Change: library.Evicted, MS: archived}}))
		s.must(s.lib.RemoveFiles(front, archived))
		o := fsck.Options{Libraries: []*library.Library{s.lib}, Index: s.idx, Streams: []nvr.StreamID{front}}
		rep, err := fsck.Rebuild(t.Context(), o)
		if err != nil || rep.Errors > 0 {
			t.Fatalf("%v, %+v", err, rep)
		}
		s.rebuilt()
		if r := s.journal()[0]; !r.Remote || !r.Evicted || !r.Start.Equal(first.Start) {
			t.Errorf("what only the archive has is now %+v", r)
		}
		if gaps, err := s.idx.Gaps(t.Context(), front, all); err != nil || len(gaps) == 0 {
			t.Errorf("gaps %+v, error %v", gaps, err)
		}
		if !s.lost(library.JournalPath(s.day)) {
			t.Error("the old journal is gone")
		}
		s.feed()
		if rep := s.check(nil); rep.Errors+rep.Warnings > 0 {
			t.Errorf("then found %+v", rep.Findings)
		}
		fresh := memindex.New() // the database was lost
		o.Index, o.Repair = fresh, true
		if rep, err := fsck.Check(t.Context(), o); err != nil || rep.Errors > 0 || fresh.Len() != len(s.recs) {
			t.Errorf("an empty index was filled with %d rows: %v, %+v", fresh.Len(), err, rep)
		}
	})
}

func TestTwoVolumesWithOneName(t *testing.T) {
	for name, other := range map[string]bool{"a copy": false, "another recording": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *shelf) {
				two, err := library.OpenFS(faultfs.NewMem(), "two")
				s.must(err)
				r := s.recs[1]
				if other { // of the same name
					r = s.recs[2]
					r.Start, r.Path = s.recs[1].Start, s.recs[1].Path
				}
				dup := &shelf{t: s.t, disk: two.FS(), lib: two, idx: s.idx, day: s.day}
				from := s.recs[1].Path
				if other {
					from = s.recs[2].Path
				}
				dup.write(r.Path, s.read(from))
				s.must(two.Append(s.day, library.Line{Recording: &r}))
				both := func(o *fsck.Options) { o.Libraries = append(o.Libraries, two) }
				rep := s.check(both)
				if !slices.ContainsFunc(rep.Findings, func(f fsck.Finding) bool { return f.Volume == "two" && f.Invariant == 9 }) {
					t.Fatalf("found %+v", rep.Findings)
				}
				s.check(func(o *fsck.Options) { both(o); repair(o) })
				s.check(func(o *fsck.Options) { both(o); repair(o) }) // what the renaming has to do with the index
				for _, f := range s.check(both).Findings {            // the time of another one stays told twice
					if f.Invariant != 8 || !other {
						t.Errorf("after the repair: %+v", f)
					}
				}
				if got := dup.journal(); other != (len(got) == 1) || other && !got[0].Start.Equal(r.Start.Add(time.Millisecond)) {
					t.Errorf("the second volume has %+v", got)
				}
				if !other && !dup.lost(r.Path) {
					t.Error("the copy is gone")
				}
			})
		})
	}
}

func TestOverlapIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		repeat := func(r index.Recording, back time.Duration) {
			from := r.Path
			r.Start = r.Start.Add(-back)
			r.Path = library.FilePath(front, r.Start.UnixMilli())
			s.write(r.Path, s.read(from))
			s.must(s.lib.Append(s.day, library.Line{Recording: &r}))
			s.feed()
		}
		repeat(s.recs[1], 2400*time.Millisecond)
		rep := s.check(repair)
		if rep.Errors != 2 || rep.Findings[0].Invariant != 8 || rep.Repaired > 0 { // it and the one behind it
			t.Errorf("found %+v", rep.Findings)
		}
	})
}

// bucket is an archive: sizes of objects, and which of them rotted.
type bucket struct {
	objects map[string]int64
	rotten  map[string]bool
}

func (b bucket) List(_ context.Context, _ nvr.StreamID, fn func(string, int64) error) error {
	for _, p := range slices.Sorted(maps.Keys(b.objects)) {
		if err := fn(p, b.objects[p]); err != nil {
			return err
		}
	}
	return nil
}

func (b bucket) Verify(_ context.Context, r index.Recording) error {
	if b.rotten[r.Path] {
		return &nvr.Error{Code: nvr.CodeConflict, Message: "damaged"}
	}
	return nil
}

func TestArchive(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		var names []int64
		b := bucket{objects: make(map[string]int64), rotten: make(map[string]bool)}
		for _, r := range s.recs {
			names = append(names, r.Start.UnixMilli())
			b.objects[r.Path] = r.Bytes
		}
		s.must(s.lib.Append(s.day, library.Line{Files: &library.Files{Change: library.Archived, MS: names[:3]}}))
		s.feed()
		with := func(o *fsck.Options) { o.Remote = b }
		for _, f := range s.check(with).Findings {
			if f.Severity != fsck.Info {
				t.Errorf("in order: %+v", f)
			}
		}
		delete(b.objects, s.recs[0].Path)
		b.objects[s.recs[1].Path]--
		if rep := s.check(with); rep.Errors != 2 {
			t.Errorf("found %+v", rep.Findings)
		}
		s.check(func(o *fsck.Options) { with(o); repair(o) })
		if rep := s.check(with); rep.Errors > 0 {
			t.Errorf("after the repair: %+v", rep.Findings)
		}
		for i, r := range s.journal() {
			if r.Remote != (i == 2) {
				t.Errorf("recording %d: remote %v", i, r.Remote)
			}
		}
		s.must(s.disk.Remove(s.recs[2].Path)) // the archive still has it
		s.check(repair)
		if r := s.journal()[2]; !r.Remote || !r.Evicted {
			t.Errorf("what only the archive has is %+v", r)
		}
	})
}

func TestArchiveIsReadBack(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		b := bucket{objects: make(map[string]int64), rotten: make(map[string]bool)}
		for _, r := range s.recs[:2] {
			b.objects[r.Path] = r.Bytes
			b.rotten[r.Path] = true
		}
		names := []int64{s.recs[0].Start.UnixMilli(), s.recs[1].Start.UnixMilli()}
		s.must(s.lib.Append(s.day, library.Line{Files: &library.Files{Change: library.Archived, MS: names}}))
		s.must(s.lib.Append(s.day, library.Line{Files: &library.Files{Change: library.Evicted, MS: names[:1]}}))
		s.must(s.lib.RemoveFiles(front, names[:1]))
		s.feed()
		at := func(l fsck.Level) func(*fsck.Options) {
			return func(o *fsck.Options) { o.Remote, o.Level = b, l }
		}
		if rep := s.check(at(fsck.Size)); rep.Errors > 0 {
			t.Errorf("sizes are right, but found %+v", rep.Findings)
		}
		if rep := s.check(at(fsck.Content)); rep.Errors != 2 || rep.Findings[0].Invariant != 10 || rep.Findings[0].Repair != "" {
			t.Errorf("found %+v", rep.Findings)
		}
		s.check(func(o *fsck.Options) { at(fsck.Content)(o); repair(o) })
		if j := s.journal(); !j[0].Remote || j[1].Remote {
			t.Error("the only copy must stay, the other be uploaded again")
		}
	})
}

func TestWhileARecorderRuns(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		running := func(o *fsck.Options) { o.Running = true }
		if _, err := fsck.Check(t.Context(), fsck.Options{Libraries: []*library.Library{s.lib}, Repair: true, Running: true}); !errors.Is(err, fsck.ErrRunning) {
			t.Errorf("repair while running: error %v", err)
		}
		if _, err := fsck.Rebuild(t.Context(), fsck.Options{Libraries: []*library.Library{s.lib}, Running: true}); !errors.Is(err, fsck.ErrRunning) {
			t.Errorf("rebuild while running: error %v", err)
		}
		now := time.Now()
		s.write(library.FilePath(front, now.UnixMilli()), []byte("being written"))
		s.must(s.disk.MkdirAll(s.day.String()+"/23", 0o750))
		if rep := s.check(running); len(rep.Findings) > 0 {
			t.Errorf("found %+v", rep.Findings)
		}
		<-time.After(3 * time.Hour)
		s.must(s.disk.Remove(s.recs[1].Path))
		if rep := s.check(running); rep.Errors != 2 { // nobody writes for three hours
			t.Errorf("found %+v", rep.Findings)
		}
	})
}

func TestProgressAndCancel(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		var last, total int
		s.check(func(o *fsck.Options) { o.Progress = func(d, n int) { last, total = d, n } })
		if last != 1 || total != 1 {
			t.Errorf("progress ended at %d of %d", last, total)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := fsck.Check(ctx, fsck.Options{Libraries: []*library.Library{s.lib}}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: error %v", err)
		}
	})
	if _, err := fsck.ParseLevel("all"); err == nil {
		t.Error("a level that is none was taken")
	}
	if l, err := fsck.ParseLevel("content"); err != nil || l != fsck.Content {
		t.Errorf("%v, %v", l, err)
	}
}

// TestRepairSurvivesEveryFailure damages much at once and lets the repair's first operation fail, then its second, and so
// on. The next repair must end what was begun, and nothing that plays may be gone.
func TestRepairSurvivesEveryFailure(t *testing.T) {
	t.Parallel()
	c := clip(t)
	step := 5
	if os.Getenv("NIGHTJAR_SLOW") == "1" {
		step = 1
	}
	n, times := rand.IntN(step), 0
	for again := true; again; n += step {
		times++
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, c)
			damages["a damaged line"].do(s)
			damages["line missing"].do(s)
			damages["file cut off"].do(s)
			s.must(s.disk.Remove(s.recs[3].Path))
			s.write(s.recs[0].Path, []byte("garbage"))
			f := faultfs.Wrap(s.disk, faultfs.FailAt(n, []error{syscall.EIO, syscall.ENOSPC}[n%2]))
			lib, err := library.OpenFS(f, "one")
			if err == nil {
				_, err = fsck.Check(t.Context(), fsck.Options{Libraries: []*library.Library{lib}, Index: s.idx, Level: fsck.Content, Repair: true})
			}
			again = f.Ops() > n
			if err != nil && !again {
				t.Fatal(err)
			}
			s.check(repair)
			if rep := s.check(repair); rep.Errors > 0 || rep.Repaired > 0 {
				t.Fatalf("operation %d failing: left %+v", n, rep.Findings)
			}
			s.feed()
			if rep := s.check(nil); rep.Errors+rep.Warnings > 0 {
				t.Fatalf("operation %d failing: after feeding %+v", n, rep.Findings)
			}
			s.wantLen(len(s.recs) - 2)
			s.playsWhole()
			if t.Failed() {
				t.Fatalf("operation %d failing", n)
			}
		})
	}
	t.Logf("%d operations failed once each", times-1)
}
