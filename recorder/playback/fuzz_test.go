package playback_test

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/index/memindex"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
)

// nothingOpen stands in for a recorder that is not recording, nothingIndexed for a feeder that has not begun.
type (
	nothingOpen    struct{}
	nothingIndexed struct{}
)

func (nothingOpen) Open(nvr.StreamID) []index.Recording    { return nil }
func (nothingOpen) OpenGap(nvr.StreamID) (index.Gap, bool) { return index.Gap{}, false }
func (nothingIndexed) Offset(library.Day) int64            { return 0 }
func (nothingIndexed) Complete() bool                      { return false }

func playerOver(tb testing.TB, remote playback.Remote, libs ...*library.Library) *playback.Player {
	tb.Helper()
	o := playback.Options{
		Volumes: library.NewVolumes(libs...), Index: memindex.New(), Open: nothingOpen{}, Remote: remote, Logger: slog.New(slog.DiscardHandler),
	}
	for range libs {
		o.Indexed = append(o.Indexed, nothingIndexed{})
	}
	p, err := playback.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func memory(tb testing.TB) *library.Library {
	tb.Helper()
	lib, err := library.OpenFS(faultfs.NewMem(), "memory")
	if err != nil {
		tb.Fatal(err)
	}
	return lib
}

// store puts a recording of n segments of 2 s from start on into lib, filled with the digits of its name.
func store(tb testing.TB, lib *library.Library, start time.Time, n int) index.Recording {
	tb.Helper()
	head := "\x00\x00\x00\x0cftypiso6\x00\x00\x00\x08moov"
	f, path, err := lib.Create(library.DayOf(front, start), start.UnixMilli())
	if err != nil {
		tb.Fatal(err)
	}
	body := head + strings.Repeat(strconv.FormatInt(start.UnixMilli(), 10), n*10)
	if _, err := f.Writev([][]byte{[]byte(body)}); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	r := index.Recording{
		Stream: front, Start: start, Duration: time.Duration(n) * 2 * time.Second, Path: path, Bytes: int64(len(body)), InitBytes: int64(len(head)), Codecs: "avc1.640028",
	}
	size := (r.Bytes - r.InitBytes) / int64(n)
	for i := range n {
		r.Segments = append(r.Segments, index.Segment{
			Offset: r.InitBytes + int64(i)*size, Bytes: size, Start: time.Duration(i) * 2 * time.Second, Duration: 2 * time.Second,
		})
	}
	if err := lib.Append(library.DayOf(front, start), library.Line{Recording: &r}); err != nil {
		tb.Fatal(err)
	}
	return r
}

var anySegment = regexp.MustCompile(`(?m)^#EXT-X-PROGRAM-DATE-TIME:(\S+)\n#EXTINF:([0-9.]+),\n(\d+)/(\d+)-(\d+)\.m4s$`)

// FuzzPlaylist asks for any range of any stream, and for any bytes: what a playlist names is there, in order, within the
// range; what is not named does not exist; nothing panics.
func FuzzPlaylist(f *testing.F) {
	lib := memory(f)
	for i := range 20 {
		start := epoch.Add(time.Duration(i) * 30 * time.Second)
		if i%7 == 6 {
			start = start.Add(4 * time.Second) // a hole
		}
		store(f, lib, start, 13+i%3)
	}
	p := playerOver(f, nil, lib)
	f.Add("front/main", epoch.UnixMilli(), epoch.Add(time.Minute).UnixMilli(), epoch.UnixMilli(), int64(20), int64(130))
	f.Add("front/sub", int64(0), int64(1), int64(-1), int64(-1), int64(0))
	f.Add("../main", int64(-1<<62), int64(1<<62), int64(1<<62), int64(1<<62), int64(1<<62))
	f.Fuzz(func(t *testing.T, stream string, from, to, ms, offset, n int64) {
		camera, role, _ := strings.Cut(stream, "/")
		id := nvr.StreamID{Camera: nvr.CameraID(camera), Role: nvr.Role(role)}
		r := nvr.TimeRange{Start: time.UnixMilli(from), End: time.UnixMilli(to)}
		list, err := p.Playlist(context.Background(), id, r, "")
		if code := nvr.ErrorCode(err); err != nil && code != nvr.CodeNotFound && code != nvr.CodeInvalid {
			t.Fatal(err)
		}
		if err == nil {
			checkAnyPlaylist(t, p, id, r, list)
		}
		body, err := p.OpenRange(context.Background(), id, ms, offset, n)
		if err == nil {
			b, rerr := io.ReadAll(body)
			if rerr != nil || int64(len(b)) != n {
				t.Fatalf("%d of %d bytes, error %v", len(b), n, rerr)
			}
			_ = body.Close()
		} else if nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Fatal(err)
		}
		if body, err := p.OpenInit(context.Background(), id, ms); err == nil {
			_ = body.Close()
		}
	})
}

func checkAnyPlaylist(t *testing.T, p *playback.Player, id nvr.StreamID, r nvr.TimeRange, list playback.Playlist) {
	t.Helper()
	num := func(s string) int64 { v, _ := strconv.ParseInt(s, 10, 64); return v }
	var end time.Time
	all := anySegment.FindAllStringSubmatch(list.Text, -1)
	if len(all) == 0 || len(all) != strings.Count(list.Text, "#EXTINF") {
		t.Fatalf("not a playlist:\n%s", list.Text)
	}
	for _, m := range all {
		at, err := time.Parse(time.RFC3339, m[1])
		secs, ferr := strconv.ParseFloat(m[2], 64)
		if err != nil || ferr != nil || secs <= 0 || at.Before(end.Add(-2*time.Millisecond)) {
			t.Fatalf("segment %v behind %v", m, end)
		}
		end = at.Add(time.Duration(secs * float64(time.Second)))
		if !end.After(r.Start) || !at.Before(r.End) {
			t.Fatalf("segment %v is outside of %v", m, r)
		}
		body, err := p.OpenRange(context.Background(), id, num(m[3]), num(m[4]), num(m[5]))
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		_ = body.Close()
	}
}
