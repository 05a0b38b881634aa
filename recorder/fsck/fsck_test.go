package fsck_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/feed"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	front = nvr.StreamID{Camera: "front", Role: nvr.Main}
	all   = nvr.TimeRange{Start: time.UnixMilli(0), End: time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}
)

func clip(tb testing.TB) *fmp4test.Clip {
	return fmp4test.Load(tb, "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=4", "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "20", "-bf", "0")
}

// shelf is a volume with real recordings of one camera, and the index that was fed from it.
type shelf struct {
	t    testing.TB
	disk library.FS
	lib  *library.Library
	idx  *memindex.Index
	day  library.Day
	recs []index.Recording
}

// newShelf records two sessions of 20 s with a gap of 5 s between them, in files of 5 s, from an odd microsecond on. It must
// be called in a synctest bubble.
func newShelf(t testing.TB, c *fmp4test.Clip) *shelf {
	t.Helper()
	<-time.After(time.Hour + 123456*time.Microsecond)
	s := &shelf{t: t, disk: faultfs.NewMem(), idx: memindex.New(), day: library.DayOf(front, time.Now())}
	var err error
	if s.lib, err = library.OpenFS(s.disk, "one"); err != nil {
		t.Fatal(err)
	}
	hub := media.NewHub()
	m, err := recorder.New(recorder.Options{
		Volumes: library.NewVolumes(s.lib), File: 5 * time.Second, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}, []recorder.Stream{{ID: front, Hub: hub}})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(m.Run)
	<-m.Ready()
	for range 2 {
		synctest.Wait()
		from := time.Now()
		next := c.Play(fmp4test.Copy(c.Desc), from)
		for u := next(); u.NTP.Sub(from) < 20*time.Second; u = next() {
			<-time.After(time.Until(u.NTP))
			hub.Publish(u)
		}
		hub.End("cable")
		<-time.After(5 * time.Second)
	}
	stop()
	s.feed()
	s.recs = s.journal()
	if len(s.recs) < 6 {
		t.Fatalf("%d recordings", len(s.recs))
	}
	return s
}

func start(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = run(ctx) }()
	return func() { cancel(); <-done }
}

// feed brings the index up to date.
func (s *shelf) feed() {
	s.t.Helper()
	f, err := feed.New(feed.Options{Library: s.lib, Index: s.idx, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		s.t.Fatal(err)
	}
	stop := start(f.Run)
	<-time.After(time.Minute)
	stop()
}

func (s *shelf) journal() []index.Recording {
	s.t.Helper()
	led, err := s.lib.Ledger(s.day, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	recs := slices.Clone(led.Recordings())
	slices.SortFunc(recs, func(a, b index.Recording) int { return a.Start.Compare(b.Start) })
	return recs
}

func (s *shelf) rows() []index.Recording {
	s.t.Helper()
	recs, err := s.idx.Recordings(context.Background(), front, all)
	if err != nil {
		s.t.Fatal(err)
	}
	return recs
}

func (s *shelf) check(change func(*fsck.Options)) fsck.Report {
	s.t.Helper()
	o := fsck.Options{Libraries: []*library.Library{s.lib}, Index: s.idx, Level: fsck.Content, Streams: []nvr.StreamID{front}}
	if change != nil {
		change(&o)
	}
	rep, err := fsck.Check(context.Background(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	return rep
}

func repair(o *fsck.Options) { o.Repair = true }

func (s *shelf) read(name string) []byte {
	s.t.Helper()
	b, err := library.ReadFile(s.disk, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *shelf) write(name string, b []byte) {
	s.t.Helper()
	s.must(s.disk.MkdirAll(path.Dir(name), 0o750))
	f, err := s.disk.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	s.must(err)
	_, err = f.WriteAt(b, 0)
	s.must(errors.Join(err, f.Close()))
}

func (s *shelf) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// editJournal rewrites the journal line by line.
func (s *shelf) editJournal(edit func(n int, line string) string) {
	s.t.Helper()
	out := ""
	for n, line := range strings.SplitAfter(string(s.read(library.JournalPath(s.day))), "\n") {
		out += edit(n, line)
	}
	s.write(library.JournalPath(s.day), []byte(out))
}

func (s *shelf) lost(p string) bool {
	_, err := s.disk.Stat(".lost+found/" + p)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return err == nil
}

// playsWhole demands that all that the journal names is whole.
func (s *shelf) playsWhole() {
	s.t.Helper()
	for _, r := range s.journal() {
		if r.Evicted {
			continue
		}
		b := s.read(r.Path)
		if l, err := fmp4.Scan(bytes.NewReader(b), int64(len(b))); err != nil || l.Size != int64(len(b)) || r.Bytes != l.Size {
			s.t.Errorf("%s: %v", r.Path, err)
		}
	}
}

// damages are what can go wrong, what is found of it, and what is so after a repair.
var damages = map[string]struct {
	do     func(*shelf)
	want   string // part of a problem
	inv    int
	sev    fsck.Severity
	stays  bool // is not repaired
	after  func(*shelf)
	counts int // of findings, if other than 1
	left   int // of findings after the repair
}{
	"file missing": {
		do:   func(s *shelf) { s.must(s.disk.Remove(s.recs[1].Path)) },
		want: "the file is not", inv: 1, sev: fsck.Error,
		after: func(s *shelf) { s.wantLen(len(s.recs) - 1) },
	},
	"file cut off": {
		do:   func(s *shelf) { s.write(s.recs[1].Path, s.read(s.recs[1].Path)[:s.recs[1].Bytes-100]) },
		want: "bytes, the journal says", inv: 1, sev: fsck.Error,
		after: func(s *shelf) {
			s.wantLen(len(s.recs))
			if r := s.journal()[1]; !r.Start.Equal(s.recs[1].Start) || r.Duration >= s.recs[1].Duration || r.Duration < time.Second {
				s.t.Errorf("recording is now %+v", r)
			}
		},
	},
	"bytes behind the end": {
		do:   func(s *shelf) { s.write(s.recs[1].Path, append(s.read(s.recs[1].Path), "garbage"...)) },
		want: "7 bytes behind", inv: 1, sev: fsck.Error, after: (*shelf).asBefore,
	},
	"a bit flipped in a picture": {
		do: func(s *shelf) {
			b := s.read(s.recs[1].Path)
			b[len(b)-20] ^= 4
			s.write(s.recs[1].Path, b)
		},
		want: "checksum", inv: 1, sev: fsck.Error, stays: true,
	},
	"a box broken in the middle": {
		do: func(s *shelf) {
			b := s.read(s.recs[1].Path)
			copy(b[bytes.LastIndex(b, []byte("moof")):], "gone")
			s.write(s.recs[1].Path, b)
		},
		want: "is damaged", inv: 1, sev: fsck.Error,
		after: func(s *shelf) {
			s.wantLen(len(s.recs))
			if !s.lost(s.recs[1].Path + ".tail") {
				s.t.Error("what was cut off is gone")
			}
		},
	},
	"a block of zeros": {
		do: func(s *shelf) {
			b := s.read(s.recs[1].Path)
			clear(b[8192:12288])
			s.write(s.recs[1].Path, b)
		},
		want: "is damaged", inv: 1, sev: fsck.Error, after: func(s *shelf) { s.wantLen(len(s.recs)) },
	},
	"no init segment": {
		do:   func(s *shelf) { s.write(s.recs[1].Path, bytes.Repeat([]byte("x"), int(s.recs[1].Bytes))) },
		want: "no video", inv: 1, sev: fsck.Error,
		after: func(s *shelf) {
			s.wantLen(len(s.recs) - 1)
			if !s.lost(s.recs[1].Path) {
				s.t.Error("the file is gone")
			}
		},
	},
	"line missing": {
		do: func(s *shelf) {
			s.editJournal(func(_ int, line string) string {
				if strings.Contains(line, s.recs[2].Path) {
					return ""
				}
				return line
			})
			s.must(s.disk.Remove(".cursor"))
		},
		want: "No journal names", inv: 2, sev: fsck.Error, after: (*shelf).asBefore, counts: 2, // and the row that was fed
	},
	"file of garbage": {
		do:   func(s *shelf) { s.write(library.FilePath(front, s.recs[1].Start.UnixMilli()+7), []byte("garbage")) },
		want: "no video in it", inv: 2, sev: fsck.Error, after: (*shelf).asBefore,
	},
	"a damaged line": {
		do: func(s *shelf) {
			s.editJournal(func(n int, line string) string {
				if n == 1 {
					return "{\"t\":\"rec\",\x00\n" + line
				}
				return line
			})
		},
		want: "1 damaged lines", inv: 4, sev: fsck.Error,
		after: func(s *shelf) {
			s.asBefore()
			if !s.lost(library.JournalPath(s.day)) {
				s.t.Error("the old journal is gone")
			}
		},
	},
	"a torn line": {
		do: func(s *shelf) {
			s.write(library.JournalPath(s.day), append(s.read(library.JournalPath(s.day)), `{"t":"re`...))
		},
		want: "torn line", inv: 4, sev: fsck.Warning, after: (*shelf).asBefore,
	},
	"a wrong segment table": {
		do: func(s *shelf) {
			s.editJournal(func(_ int, line string) string {
				var w map[string]any
				if !strings.Contains(line, s.recs[1].Path) || json.Unmarshal([]byte(line), &w) != nil {
					return line
				}
				seg := w["seg"].([]any)
				first, second := seg[0].([]any), seg[1].([]any)
				first[1], second[0], second[1] = first[1].(float64)-9, second[0].(float64)-9, second[1].(float64)+9
				b, _ := json.Marshal(w)
				return string(b) + "\n"
			})
			s.feed()
		},
		want: "does not describe the file", inv: 1, sev: fsck.Error, after: (*shelf).asBefore, counts: 2, // and the right row
	},
	"a hole without a gap": {
		do: func(s *shelf) {
			s.editJournal(func(_ int, line string) string {
				if strings.Contains(line, `"gap"`) {
					return ""
				}
				return line
			})
		},
		want: "no gap says why", inv: 6, sev: fsck.Warning, stays: true,
	},
	"a row missing": {
		do:   func(s *shelf) { s.must(s.idx.RemoveRecordings(s.t.Context(), front, []time.Time{s.recs[1].Start})) },
		want: "does not have this recording", inv: 7, sev: fsck.Error, after: (*shelf).asBefore,
	},
	"a row too many": {
		do: func(s *shelf) {
			r := s.recs[1]
			r.Start = r.Start.Add(24 * time.Hour)
			s.must(s.idx.AddRecordings(s.t.Context(), []index.Recording{r}))
		},
		want: "no journal knows", inv: 7, sev: fsck.Error, after: (*shelf).asBefore,
	},
	"a row that is wrong": {
		do: func(s *shelf) {
			r := s.recs[1]
			s.must(s.idx.RemoveRecordings(s.t.Context(), front, []time.Time{r.Start}))
			r.Bytes++
			s.must(s.idx.AddRecordings(s.t.Context(), []index.Recording{r}))
		},
		want: "otherwise than the journal", inv: 7, sev: fsck.Error, after: (*shelf).asBefore,
	},
	"a gap's row wrong": {
		do: func(s *shelf) {
			gaps, err := s.idx.Gaps(s.t.Context(), front, all)
			s.must(err)
			gaps[0].Reason = index.GapClock
			s.must(s.idx.AddGaps(s.t.Context(), gaps[:1]))
		},
		want: "does not have this gap", inv: 7, sev: fsck.Error, after: (*shelf).asBefore,
	},
	"empty directories": {
		do:   func(s *shelf) { s.must(s.disk.MkdirAll(s.day.String()+"/23", 0o750)) },
		want: "directory is empty", inv: 2, sev: fsck.Warning, after: (*shelf).asBefore,
	},
	"an empty camera": {
		do:   func(s *shelf) { s.must(s.disk.MkdirAll(front.String()+"/1999-12-31/23", 0o750)) },
		want: "directory is empty", inv: 2, sev: fsck.Warning, after: (*shelf).asBefore,
	},
	"somebody's file": {
		do:   func(s *shelf) { s.write(s.day.String()+"/readme.txt", []byte("mine")) },
		want: "left alone", inv: 2, sev: fsck.Info, stays: true, after: (*shelf).asBefore,
	},
	"a deletion that was interrupted": {
		do: func(s *shelf) {
			s.must(s.lib.Append(s.day, library.Line{Files: &library.Files{Change: library.Evicted, MS: []int64{s.recs[1].Start.UnixMilli()}}}))
			s.feed()
		},
		want: "still there", inv: 2, sev: fsck.Warning, stays: true,
	},
	"a start that meets by chance": {
		do: func(s *shelf) {
			r := s.recs[len(s.recs)-1]
			for i := range s.recs { // the first of the second session
				if i > 0 && s.recs[i].Start.Sub(s.recs[i-1].End()) > time.Second {
					r = s.recs[i]
					r.Start = s.recs[i-1].End()
				}
			}
			s.must(s.lib.Append(s.day, library.Line{Recording: &r}))
			s.feed()
		},
		want: "does not continue", inv: 5, sev: fsck.Error, counts: 2, left: 1, // the time in which it was moved is missing now
		after: func(s *shelf) { s.wantLen(len(s.recs)) },
	},
}

func (s *shelf) wantLen(n int) {
	s.t.Helper()
	if j, r := len(s.journal()), len(s.rows()); j != n || r != n {
		s.t.Errorf("%d recordings in the journal and %d in the index, want %d", j, r, n)
	}
}

// asBefore demands that journal and index say what they said when everything was recorded.
func (s *shelf) asBefore() {
	s.t.Helper()
	for what, got := range map[string][]index.Recording{"journal": s.journal(), "index": s.rows()} {
		if !slices.EqualFunc(got, s.recs, same) {
			s.t.Errorf("the %s says %+v, want %+v", what, got, s.recs)
		}
	}
}

func same(a, b index.Recording) bool {
	return a.Start.Equal(b.Start) && a.Duration == b.Duration && a.Path == b.Path && a.Bytes == b.Bytes && a.CRC == b.CRC &&
		a.InitBytes == b.InitBytes && a.Codecs == b.Codecs && a.Width == b.Width && slices.Equal(a.Segments, b.Segments)
}

func TestDamageIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	c := clip(t)
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf(t, c)
				if rep := s.check(nil); len(rep.Findings) > 0 || rep.Files != len(s.recs) || rep.Streams != 1 {
					t.Fatalf("before: %+v", rep)
				}
				d.do(s)
				rep := s.check(nil)
				n := slices.IndexFunc(rep.Findings, func(f fsck.Finding) bool { return strings.Contains(f.Problem, d.want) })
				if n < 0 || len(rep.Findings) != max(1, d.counts) {
					t.Fatalf("found %+v", rep.Findings)
				}
				if f := rep.Findings[n]; f.Invariant != d.inv || f.Severity != d.sev || (f.Repair == "") != d.stays || f.Repaired {
					t.Errorf("found %+v", f)
				}
				s.check(repair)
				rep = s.check(nil)
				left := d.left
				if d.stays {
					left++
				}
				if len(rep.Findings) != left {
					t.Errorf("after the repair: %+v", rep.Findings)
				}
				if rep := s.check(repair); rep.Repaired > 0 {
					t.Errorf("the second repair repaired %+v", rep.Findings)
				}
				s.feed()
				if rep := s.check(nil); rep.Errors > 0 && !d.stays {
					t.Errorf("after feeding: %+v", rep.Findings)
				}
				if d.after != nil {
					d.after(s)
				}
				s.playsWhole()
			})
		})
	}
}
