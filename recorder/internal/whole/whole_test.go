package whole_test

import (
	"errors"
	"hash/crc32"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/internal/whole"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var front = nvr.StreamID{Camera: "front", Role: nvr.Main}

// recording returns a file of parts of a second each, with a key picture each 2 s, and where its parts end.
func recording(tb testing.TB) (b []byte, ends []int) {
	tb.Helper()
	c := fmp4test.Scene(tb, 8, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-an")
	m, err := fmp4.NewMuxer(c.Desc)
	if err != nil {
		tb.Fatal(err)
	}
	b = slices.Clone(m.Init())
	var p fmp4.Part
	cut := func(flush bool) {
		if m.Cut(&p, flush) {
			b = p.AppendTo(b)
			ends = append(ends, len(b))
		}
	}
	next := c.Play(c.Desc, time.Unix(0, 0))
	for i := range 120 {
		var u *media.AccessUnit
		for u = next(); !c.Desc.Tracks[u.Track].Video(); u = next() {
		}
		m.Add(u)
		if i > 0 && i%15 == 0 {
			cut(false)
		}
	}
	cut(true)
	return b, ends
}

func put(tb testing.TB, b []byte) library.FS {
	tb.Helper()
	m := faultfs.NewMem()
	f, err := m.OpenFile("f", os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestDescribesWhatIsWhole(t *testing.T) {
	t.Parallel()
	b, ends := recording(t)
	got, err := whole.Read(put(t, b), "f", nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := library.FilePath(front, start.UnixMilli())
	rec := got.Describe(front, p, start)
	if rec.Duration.Round(time.Millisecond) != 8*time.Second || rec.Bytes != int64(len(b)) || rec.CRC != crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) ||
		rec.Width != 320 || len(rec.Segments) != 4 || rec.Path != p || !rec.Start.Equal(start) {
		t.Errorf("described as %+v", rec)
	}
	if what := got.Differs(&rec); what != "" {
		t.Errorf("its own description differs: %s", what)
	}
	for name, change := range map[string]func(*index.Recording){
		"init":    func(r *index.Recording) { r.InitBytes-- },
		"codecs":  func(r *index.Recording) { r.Codecs = "hvc1" },
		"length":  func(r *index.Recording) { r.Duration += 3 * time.Second },
		"segment": func(r *index.Recording) { r.Segments[1].Offset++ },
		"time":    func(r *index.Recording) { r.Segments[0].Duration += time.Second; r.Segments[1].Start += time.Second },
		"end":     func(r *index.Recording) { r.Segments[3].Bytes-- },
	} {
		other := rec
		other.Segments = slices.Clone(rec.Segments)
		if change(&other); got.Differs(&other) == "" {
			t.Errorf("%s: no difference found", name)
		}
	}
	for n, cut := range []int{ends[2] - 1, ends[2], ends[2] + 5} {
		got, err := whole.Read(put(t, b[:cut]), "f", nil)
		want := ends[2]
		if n == 0 {
			want = ends[1]
		}
		if err != nil || got.Layout.Size != int64(want) || got.Size != int64(cut) {
			t.Errorf("cut at %d: %v, %+v", cut, err, got)
		}
	}
}

// TestZerosAreNotVideo has blocks that never reached the device.
func TestZerosAreNotVideo(t *testing.T) {
	t.Parallel()
	b, ends := recording(t)
	for _, at := range []int{4096, 8192, len(b) / 4096 * 4096} {
		torn := slices.Clone(b)
		clear(torn[at:min(at+4096, len(b))])
		n, _ := slices.BinarySearch(ends, at+1)
		got, err := whole.Read(put(t, torn), "f", nil)
		if n == 0 {
			if !errors.Is(err, whole.ErrNoVideo) {
				t.Errorf("zeros at %d, in the first part: %v, %+v", at, err, got)
			}
			continue
		}
		if err != nil || got.Layout.Size != int64(ends[n-1]) {
			t.Errorf("zeros at %d: %v, whole to %d, want %d", at, err, got.Layout.Size, ends[n-1])
		}
		last := at+4096 >= len(b)
		if tail, err := whole.Torn(put(t, torn), "f", int64(len(torn))); err != nil || tail != last {
			t.Errorf("zeros at %d: torn at the end %v, error %v", at, tail, err)
		}
	}
	if torn, err := whole.Torn(put(t, b), "f", int64(len(b))); err != nil || torn {
		t.Errorf("a whole file is torn: %v, %v", torn, err)
	}
	known := index.Recording{Bytes: int64(len(b)), CRC: crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))}
	if got, err := whole.Read(put(t, b), "f", &known); err != nil || got.Prefix != known.CRC {
		t.Errorf("%v, %+v", err, got)
	}
	if _, err := whole.Read(put(t, []byte("no video at all")), "f", nil); !errors.Is(err, whole.ErrNoVideo) {
		t.Errorf("garbage: %v", err)
	}
	if _, err := whole.Read(faultfs.NewMem(), "f", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// TestMore finds the beginning of a part wherever it lies in a long file.
func TestMore(t *testing.T) {
	const size = 600_000
	for at, want := range map[int]bool{-1: false, 0: true, 256<<10 - 2: true, 400_000: true, size - 4: true, size - 3: false} {
		b := make([]byte, size)
		if at >= 0 {
			copy(b[at:], "moof")
		}
		c := whole.Content{Size: size}
		if got, err := c.More(put(t, b), "f"); err != nil || got != want {
			t.Errorf("at %d: %v, error %v", at, got, err)
		}
		if c.Layout = (&fmp4.Layout{Size: 400_000 - 4}); at >= 0 && at <= 400_000 {
			want = false // it is the torn one's own, or before it
		}
		if got, err := c.More(put(t, b), "f"); err != nil || got != want {
			t.Errorf("behind a torn part, at %d: %v, error %v", at, got, err)
		}
	}
}

func TestContinues(t *testing.T) {
	t.Parallel()
	b, ends := recording(t)
	first, err := whole.Read(put(t, b[:ends[3]]), "f", nil)
	if err != nil {
		t.Fatal(err)
	}
	rest := append(slices.Clone(b[:first.Layout.InitBytes]), b[ends[3]:]...)
	second, err := whole.Read(put(t, rest), "f", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Continues(second) || second.Continues(first) || first.Continues(first) {
		t.Error("continuity is told wrongly")
	}
}
