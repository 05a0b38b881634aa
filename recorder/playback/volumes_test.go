package playback_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

// bucket is an archive in memory.
type bucket struct {
	objects map[string][]byte
	down    bool
}

// OpenRange implements playback.Remote.
func (b *bucket) OpenRange(_ context.Context, path string, offset, n int64) (io.ReadCloser, error) {
	if b.down {
		return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: "the archive does not answer"}
	}
	o, ok := b.objects[path]
	if !ok || offset >= int64(len(o)) {
		return nil, &nvr.Error{Code: nvr.CodeNotFound, Message: "no such object"}
	}
	o = o[offset:]
	if n >= 0 && n < int64(len(o)) {
		o = o[:n]
	}
	return io.NopCloser(bytes.NewReader(o)), nil
}

func whole(t *testing.T, lib *library.Library, r index.Recording) []byte {
	t.Helper()
	b, err := library.ReadFile(lib.FS(), r.Path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func change(t *testing.T, lib *library.Library, c library.Change, recs ...index.Recording) {
	t.Helper()
	for _, r := range recs {
		_, ms, err := library.ParseFilePath(r.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := lib.Append(library.DayOf(r.Stream, r.Start), library.Line{Files: &library.Files{Change: c, MS: []int64{ms}}}); err != nil {
			t.Fatal(err)
		}
		if c == library.Evicted {
			if err := lib.RemoveFiles(r.Stream, []int64{ms}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPlaysFromWhicheverVolumeAndFromTheArchive(t *testing.T) {
	a, b := memory(t), memory(t)
	r0 := store(t, a, epoch, 5)
	r1 := store(t, b, epoch.Add(10*time.Second), 5)
	r2 := store(t, a, epoch.Add(20*time.Second), 5)
	r3 := store(t, a, epoch.Add(30*time.Second), 5)
	s3 := &bucket{objects: map[string][]byte{r0.Path: whole(t, a, r0)}}
	change(t, a, library.Archived, r0)
	change(t, a, library.Evicted, r0, r3)
	p := playerOver(t, s3, a, b)
	span := nvr.TimeRange{Start: epoch, End: epoch.Add(time.Hour)}
	list, err := p.Playlist(t.Context(), front, span, "")
	if err != nil {
		t.Fatal(err)
	}
	checkAnyPlaylist(t, p, front, span, list)
	if n := strings.Count(list.Text, "#EXTINF"); n != 15 || strings.Contains(list.Text, "DISCONTINUITY") {
		t.Errorf("%d segments in\n%s", n, list.Text)
	}
	for _, r := range []index.Recording{r0, r1, r2} {
		init, err := p.OpenInit(t.Context(), front, r.Start.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(init); err != nil || int64(len(got)) != r.InitBytes || init.Size() != r.InitBytes {
			t.Errorf("init of %d bytes, size %d, error %v", len(got), init.Size(), err)
		}
		body, err := p.OpenRange(t.Context(), front, r.Start.UnixMilli(), r.Segments[1].Offset, r.Segments[1].Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(body); err != nil || int64(len(got)) != body.Size() || !strings.HasPrefix(string(got), "17") {
			t.Errorf("%d bytes, error %v", len(got), err)
		}
	}
	if _, err := p.OpenRange(t.Context(), front, r3.Start.UnixMilli(), 20, 10); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("what is nowhere: %v", err)
	}
	s3.down = true
	if _, err := p.OpenRange(t.Context(), front, r0.Start.UnixMilli(), 20, 10); nvr.ErrorCode(err) != nvr.CodeUnavailable {
		t.Errorf("archive away: %v", err)
	}
	c, err := p.Coverage(t.Context(), front, span)
	if err != nil || len(c.Exact) != 1 || c.Exact[0].Duration() != 30*time.Second {
		t.Errorf("coverage %+v, error %v", c, err)
	}
	without := playerOver(t, nil, a, b)
	if list, err := without.Playlist(t.Context(), front, span, ""); err != nil || strings.Count(list.Text, "#EXTINF") != 10 {
		t.Errorf("without the archive %+v, error %v", list, err)
	}
}

func TestADiskThatCannotBeReadIsNotTheSameAsNothing(t *testing.T) {
	good := memory(t)
	store(t, good, epoch, 5)
	bad, err := library.OpenFS(faultfs.Wrap(faultfs.NewMem(), func(op faultfs.Op) error {
		if op.Kind == faultfs.Open && strings.HasSuffix(op.Name, ".mp4") {
			return syscall.EIO
		}
		return nil
	}), "bad")
	if err != nil {
		t.Fatal(err)
	}
	p := playerOver(t, nil, bad, good)
	body, err := p.OpenRange(t.Context(), front, epoch.UnixMilli(), 20, 10)
	if err != nil {
		t.Fatalf("the other volume has it: %v", err)
	}
	_ = body.Close()
	if _, err := p.OpenRange(t.Context(), front, epoch.UnixMilli()+5, 20, 10); nvr.ErrorCode(err) != nvr.CodeUnavailable {
		t.Errorf("error %v", err)
	}
}

// fed says that all journals are in the index up to what they were when it was made.
type fed map[library.Day]int64

func (f fed) Offset(d library.Day) int64 { return f[d] }
func (f fed) Complete() bool             { return true }

// indexed returns a player whose index has all that is in lib's journals by now.
func indexed(t testing.TB, lib *library.Library, open playback.OpenFiles) (*playback.Player, *memindex.Index) {
	t.Helper()
	idx, offsets := memindex.New(), make(fed)
	days, err := lib.Days()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		offsets[d], _, err = lib.Read(d, 0, func(l library.Line) error {
			if l.Gap != nil {
				return idx.AddGaps(t.Context(), []index.Gap{*l.Gap})
			}
			return idx.AddRecordings(t.Context(), []index.Recording{*l.Recording})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := playback.New(playback.Options{
		Volumes: library.NewVolumes(lib), Indexed: []playback.Indexed{offsets}, Index: idx, Open: open, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, idx
}

func TestCoverageOfManyStreamsMergesAllSources(t *testing.T) {
	lib := memory(t)
	r0 := store(t, lib, epoch, 5)
	p, idx := indexed(t, lib, nothingOpen{})
	store(t, lib, epoch.Add(11*time.Second), 5) // behind a hole of 1 s, only in the journal
	back := nvr.StreamID{Camera: "back", Role: nvr.Main}
	if err := idx.AddRecordings(t.Context(), []index.Recording{{Stream: back, Start: epoch, Duration: time.Minute, Path: library.FilePath(back, epoch.UnixMilli())}}); err != nil {
		t.Fatal(err)
	}
	span := nvr.TimeRange{Start: epoch.Add(time.Second), End: epoch.Add(time.Hour)}
	all, err := p.CoverageOf(t.Context(), []nvr.StreamID{front, back}, span)
	if err != nil {
		t.Fatal(err)
	}
	if c := all[back]; len(c.Exact) != 1 || c.Exact[0].Duration() != 59*time.Second {
		t.Errorf("back %+v", c)
	}
	if c := all[front]; len(c.Exact) != 2 || len(c.Runs) != 1 || c.Runs[0].Duration() != 20*time.Second {
		t.Errorf("front %+v", c)
	}
	change(t, lib, library.Evicted, r0)
	if all, err = p.CoverageOf(t.Context(), []nvr.StreamID{front, back}, span); err != nil {
		t.Fatal(err)
	}
	if c := all[front]; len(c.Exact) != 1 || !c.Exact[0].Start.Equal(epoch.Add(11*time.Second)) {
		t.Errorf("after a recording was given up %+v", c)
	}
}

// going is a recorder with a gap that is going on.
type going struct {
	nothingOpen
	gap index.Gap
}

func (g going) OpenGap(nvr.StreamID) (index.Gap, bool) { return g.gap, true }

func TestGapsAreToldOnceWithTheOneGoingOn(t *testing.T) {
	lib := memory(t)
	at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	gap := func(from, to int, why index.GapReason) index.Gap {
		return index.Gap{Stream: front, Start: at(from), End: at(to), Reason: why, Detail: string(why)}
	}
	for _, g := range []index.Gap{gap(0, 60, index.GapOffline), gap(0, 600, index.GapOffline), gap(600, 700, index.GapOffline), gap(700, 710, index.GapRestart)} {
		if err := lib.Append(library.DayOf(front, g.Start), library.Line{Gap: &g}); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := indexed(t, lib, going{gap: gap(710, 900, index.GapOffline)})
	c, err := p.Coverage(t.Context(), front, nvr.TimeRange{Start: at(0), End: at(3600)})
	if err != nil {
		t.Fatal(err)
	}
	want := []index.Gap{gap(0, 700, index.GapOffline), gap(700, 710, index.GapRestart), gap(710, 900, index.GapOffline)}
	if len(c.Gaps) != len(want) {
		t.Fatalf("gaps %+v", c.Gaps)
	}
	for i, g := range c.Gaps {
		if g != want[i] {
			t.Errorf("gap %+v, want %+v", g, want[i])
		}
	}
}
