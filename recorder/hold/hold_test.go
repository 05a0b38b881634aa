package hold

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

func stream(camera string) nvr.StreamID {
	return nvr.StreamID{Camera: nvr.CameraID(camera), Role: nvr.Main}
}

func holdOf(at time.Time, length time.Duration, cameras ...nvr.CameraID) Hold {
	return Hold{Kind: Favourite, Cameras: cameras, Range: nvr.TimeRange{Start: at, End: at.Add(length)}, Note: "a fox", By: "anna"}
}

func openLib(t testing.TB, dir string) *library.Library {
	t.Helper()
	lib, err := library.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	return lib
}

func memLib(t testing.TB, fsys library.FS) *library.Library {
	t.Helper()
	lib, err := library.OpenFS(fsys, "mem")
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func open(t testing.TB, libs ...*library.Library) *Set {
	t.Helper()
	s, err := Open(Options{Libraries: func() []*library.Library { return libs }, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t testing.TB, s *Set, h Hold) Hold {
	t.Helper()
	h, err := s.Add(h)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func same(a, b []Hold) bool {
	return slices.EqualFunc(a, b, func(a, b Hold) bool {
		return a.ID == b.ID && a.Kind == b.Kind && a.Range == b.Range && a.Note == b.Note && a.By == b.By && a.Created.Equal(b.Created) &&
			slices.Equal(a.Cameras, b.Cameras)
	})
}

func TestHoldsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, openLib(t, dir))
	a := add(t, s, holdOf(noon, time.Hour, "yard", "front", "yard"))
	b := add(t, s, holdOf(noon.Add(24*time.Hour), time.Minute, "front"))
	if id, err := uuid.Parse(a.ID); err != nil || id.Version() != 7 || a.Created.IsZero() || len(a.Cameras) != 2 {
		t.Errorf("stored as %+v", a)
	}
	if err := s.Release(b.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := s.List(); !same(got, []Hold{a}) {
			t.Errorf("holds %+v, want %+v", got, a)
		}
		if err := s.Release(b.ID); nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Errorf("released twice: %v", err)
		}
		if _, err := s.Add(b); nvr.ErrorCode(err) != nvr.CodeConflict {
			t.Errorf("a released hold came back: %v", err)
		}
		for _, c := range []struct {
			camera   string
			from, to time.Duration
			want     bool
		}{
			{"front", -time.Minute, 0, false},
			{"front", -time.Minute, time.Microsecond, true},
			{"yard", 30 * time.Minute, 31 * time.Minute, true},
			{"front", time.Hour - time.Microsecond, 2 * time.Hour, true},
			{"front", time.Hour, 2 * time.Hour, false},
			{"front", -time.Hour, 48 * time.Hour, true},
			{"front", 24 * time.Hour, 25 * time.Hour, false},
			{"other", 0, time.Hour, false},
		} {
			if got := s.Covers(stream(c.camera), noon.Add(c.from), noon.Add(c.to)); got != c.want {
				t.Errorf("%s from %v to %v: covered %v", c.camera, c.from, c.to, got)
			}
		}
		s = open(t, openLib(t, dir))
	}
	if got := s.Ranges("yard"); len(got) != 1 || got[0] != a.Range {
		t.Errorf("ranges %v", got)
	}
}

func TestWhatIsNoHoldIsRefused(t *testing.T) {
	s := open(t, openLib(t, t.TempDir()))
	for name, change := range map[string]func(*Hold){
		"no kind":          func(h *Hold) { h.Kind = "" },
		"no cameras":       func(h *Hold) { h.Cameras = nil },
		"bad camera":       func(h *Hold) { h.Cameras = []nvr.CameraID{"Front Door"} },
		"too many cameras": func(h *Hold) { h.Cameras = manyCameras(257) },
		"no range":         func(h *Hold) { h.Range = nvr.TimeRange{} },
		"ends first":       func(h *Hold) { h.Range.End = h.Range.Start },
		"endless":          func(h *Hold) { h.Range.End = h.Range.Start.AddDate(9000, 0, 0) },
		"long note":        func(h *Hold) { h.Note = strings.Repeat("é", 1001) },
		"long name":        func(h *Hold) { h.By = strings.Repeat("x", 201) },
		"bad id":           func(h *Hold) { h.ID = "7" },
		"id of another version": func(h *Hold) {
			h.ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
		},
	} {
		h := holdOf(noon, time.Hour, "front")
		change(&h)
		if _, err := s.Add(h); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if got := s.List(); len(got) != 0 {
		t.Errorf("holds %+v", got)
	}
	h := holdOf(noon, time.Hour, manyCameras(256)...)
	h.Note = strings.Repeat("\x01", 1000) // the longest line
	add(t, s, h)
	if _, err := Open(Options{}); err == nil {
		t.Error("empty options were taken")
	}
}

func manyCameras(n int) (out []nvr.CameraID) {
	for i := range n {
		out = append(out, nvr.CameraID(fmt.Sprintf("%s%03d", strings.Repeat("c", 45), i)))
	}
	return out
}

// TestVolumesComeAndGo keeps one volume away while things change on the other.
func TestVolumesComeAndGo(t *testing.T) {
	dirA, dirB := t.TempDir(), t.TempDir()
	a, b := openLib(t, dirA), openLib(t, dirB)
	s := open(t, a, b)
	first, second := add(t, s, holdOf(noon, time.Hour, "front")), add(t, s, holdOf(noon, time.Hour, "yard"))

	s = open(t, a) // b is away
	third := add(t, s, holdOf(noon, time.Hour, "gate"))
	if err := s.Release(first.ID); err != nil {
		t.Fatal(err)
	}

	s = open(t, b) // a is lost: what b does not know stays as it was
	if got := s.List(); !same(got, []Hold{first, second}) {
		t.Fatalf("holds of the old volume %+v", got)
	}

	libs := []*library.Library{b}
	s, err := Open(Options{Libraries: func() []*library.Library { return libs }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	fourth := add(t, s, holdOf(noon, time.Hour, "porch"))
	libs = append(libs, a) // a comes back while we run
	s.Refresh()
	want := []Hold{second, third, fourth}
	for _, s := range []*Set{s, open(t, a), open(t, b)} {
		if got := s.List(); !same(got, want) {
			t.Errorf("holds %+v, want %+v", got, want)
		}
		if s.Covers(stream("front"), noon, noon.Add(time.Minute)) || !s.Covers(stream("gate"), noon, noon.Add(time.Minute)) {
			t.Error("covers what is not held, or does not cover what is")
		}
	}
}

// TestADiskIsExchanged mounts another disk in the place of one while the process runs: nobody tells the set.
func TestADiskIsExchanged(t *testing.T) {
	one, two := faultfs.NewMem(), faultfs.NewMem()
	a := add(t, open(t, memLib(t, one)), holdOf(noon, time.Hour, "front"))
	b := add(t, open(t, memLib(t, two)), holdOf(noon, time.Hour, "yard"))
	slot := &slot{one}
	s := open(t, memLib(t, slot))
	if got := s.List(); !same(got, []Hold{a}) {
		t.Fatalf("holds %+v", got)
	}
	slot.FS = two
	c := add(t, s, holdOf(noon, time.Hour, "gate"))
	for _, s := range []*Set{s, open(t, memLib(t, two))} {
		if got := s.List(); !same(got, []Hold{a, b, c}) {
			t.Errorf("holds %+v", got)
		}
	}
}

// slot is where a disk is mounted.
type slot struct{ library.FS }

func TestATornLineWasNeverAcknowledged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, openLib(t, dir))
	a := add(t, s, holdOf(noon, time.Hour, "front"))
	name := filepath.Join(dir, fileName)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	torn := append(slices.Clone(whole), bytes.Repeat([]byte("x"), 5000)...)
	if err := os.WriteFile(name, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, openLib(t, dir))
	if got := s.List(); !same(got, []Hold{a}) || s.Damaged() != 0 {
		t.Fatalf("holds %+v, %d damaged", got, s.Damaged())
	}
	b := add(t, s, holdOf(noon, time.Hour, "yard"))
	s = open(t, openLib(t, dir))
	if got := s.List(); !same(got, []Hold{a, b}) || s.Damaged() != 0 {
		t.Errorf("holds %+v, %d damaged", got, s.Damaged())
	}
}

// TestDamageIsKeptForAPerson puts lines into the file that nobody understands, and rewrites it.
func TestDamageIsKeptForAPerson(t *testing.T) {
	dir := t.TempDir()
	lib := openLib(t, dir)
	a := add(t, open(t, lib), holdOf(noon, time.Hour, "front"))
	name := filepath.Join(dir, fileName)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	strange := "{\"t\":\"hold\",\"id\":\"" + a.ID[:30] + "\n{\"t\":\"of a newer version\"}\n"
	long := strings.Repeat("y", maxLine+5) + "\n"
	if err := os.WriteFile(name, append([]byte(strange+long), good...), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, lib)
	if got := s.List(); !same(got, []Hold{a}) || s.Damaged() != 3 {
		t.Fatalf("holds %+v, %d damaged", got, s.Damaged())
	}
	for _, v := range s.volumes {
		if err := s.rewrite(v); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(b), strange) || !same(open(t, lib).List(), []Hold{a}) {
		t.Errorf("rewritten as %q, error %v", b, err)
	}
}

func TestTheFileDoesNotGrowForEver(t *testing.T) {
	mem := faultfs.NewMem()
	lib := memLib(t, mem)
	s := open(t, lib)
	keep := add(t, s, holdOf(noon, time.Hour, "front"))
	var last Hold
	for range 3000 {
		last = add(t, s, holdOf(noon, time.Hour, "front", "yard", "gate"))
		if err := s.Release(last.ID); err != nil {
			t.Fatal(err)
		}
	}
	info, err := mem.Stat(fileName)
	if err != nil || info.Size() > 3000*39*2+slack+1000 {
		t.Fatalf("file of %d bytes, error %v", info.Size(), err)
	}
	s = open(t, memLib(t, mem))
	if got := s.List(); !same(got, []Hold{keep}) {
		t.Errorf("holds %+v", got)
	}
	if _, err := s.Add(last); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("the release was forgotten: %v", err)
	}
}

// TestEveryFaultOnce fails the first operation of the disk, then the second, and so on: what was acknowledged is there
// after a restart, and what was refused is not.
func TestEveryFaultOnce(t *testing.T) {
	for at := 0; ; at++ {
		mem := faultfs.NewMem()
		lib := memLib(t, mem)
		fsys := faultfs.Wrap(mem, faultfs.FailAt(at, syscall.EIO))
		faulty := memLib(t, faultfs.Wrap(mem, func(faultfs.Op) error { return nil }))
		if f, err := library.OpenFS(fsys, "mem"); err == nil {
			faulty = f
		}
		s := open(t, faulty)
		var want []Hold
		for n := range 6 {
			h, err := s.Add(holdOf(noon, time.Duration(n+1)*time.Hour, "front"))
			if err == nil {
				want = append(want, h)
			} else if nvr.ErrorCode(err) != nvr.CodeUnavailable {
				t.Fatalf("operation %d: %v", at, err)
			}
			if n%2 == 1 && len(want) > 0 {
				if err := s.Release(want[0].ID); err == nil {
					want = want[1:]
				}
			}
		}
		s.Refresh() // writes what failed last
		if got := open(t, lib).List(); !same(got, want) {
			t.Fatalf("operation %d: holds %+v, want %+v", at, got, want)
		}
		if fsys.Ops() <= at {
			t.Logf("%d operations failed once each", at)
			return
		}
	}
}

// TestPowerCut cuts the power at random moments: an acknowledged hold is there, an acknowledged release too.
func TestPowerCut(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 100 {
		mem := faultfs.NewMem()
		s := open(t, memLib(t, mem))
		held := make(map[string]bool)
		for range rng.IntN(12) {
			if len(held) > 0 && rng.IntN(3) == 0 {
				for id := range held {
					if err := s.Release(id); err != nil {
						t.Fatal(err)
					}
					delete(held, id)
					break
				}
				continue
			}
			held[add(t, s, holdOf(noon, time.Hour, "front")).ID] = true
		}
		got := open(t, memLib(t, mem.CrashClone(rng))).List()
		if len(got) != len(held) {
			t.Fatalf("%d holds after the cut, want %d", len(got), len(held))
		}
		for _, h := range got {
			if !held[h.ID] {
				t.Fatalf("hold %s came back", h.ID)
			}
		}
	}
}

// refusing is a volume whose holds file cannot be read or written.
func refusing(t *testing.T, off *bool) *library.Library {
	t.Helper()
	return memLib(t, faultfs.Wrap(faultfs.NewMem(), func(op faultfs.Op) error {
		if !*off && strings.HasPrefix(op.Name, ".holds") {
			return syscall.EIO
		}
		return nil
	}))
}

func TestABrokenVolumeStopsNothingWhileAnotherKnows(t *testing.T) {
	works := false
	broken := refusing(t, &works)
	s := open(t, broken)
	if err := s.Err(); !errors.Is(err, syscall.EIO) {
		t.Errorf("nothing was read, error %v", err)
	}
	if _, err := s.Add(holdOf(noon, time.Hour, "front")); nvr.ErrorCode(err) != nvr.CodeUnavailable {
		t.Errorf("nothing can be written, error %v", err)
	}
	good := openLib(t, t.TempDir())
	a := add(t, open(t, good), holdOf(noon, time.Hour, "front"))
	s = open(t, broken, good)
	if err := s.Err(); err != nil || !same(s.List(), []Hold{a}) {
		t.Errorf("holds %+v, error %v", s.List(), err)
	}
	b := add(t, s, holdOf(noon, time.Hour, "yard"))
	works = true
	s.Refresh()
	if got := open(t, broken).List(); !same(got, []Hold{a, b}) {
		t.Errorf("the repaired volume has %+v", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := open(t, memLib(t, faultfs.NewMem()), memLib(t, faultfs.NewMem()))
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 30 {
				at := noon.Add(time.Duration(n*100+i) * time.Hour)
				h, err := s.Add(holdOf(at, time.Hour, "front"))
				if err != nil || !s.Covers(stream("front"), at, at.Add(time.Second)) {
					t.Errorf("not covered, error %v", err)
				}
				if i%2 == 0 {
					if err := s.Release(h.ID); err != nil || s.Covers(stream("front"), at, at.Add(time.Second)) {
						t.Errorf("covered, error %v", err)
					}
				}
				s.List()
			}
		})
	}
	wg.Wait()
	if n := len(s.List()); n != 60 {
		t.Errorf("%d holds, want 60", n)
	}
}

func BenchmarkCovers(b *testing.B) {
	holds := make(map[string]Hold)
	for i := range 10_000 {
		holds[strconv.Itoa(i)] = holdOf(noon.Add(time.Duration(i)*time.Hour), time.Minute, "front", "yard")
	}
	c := newCover(holds)
	at := noon.UnixMicro()
	for b.Loop() {
		at += 30_000_000
		c.covers("front", at, at+30_000_000)
	}
}

// FuzzHolds reads hostile files: what is understood reads the same again after a rewrite.
func FuzzHolds(f *testing.F) {
	h := holdOf(noon, time.Hour, "front", "yard").normal()
	h.ID, h.Created = "01960f2a-7c00-7000-8000-000000000001", noon
	line, err := marshalHold(h)
	if err != nil {
		f.Fatal(err)
	}
	gone, err := marshalRelease(h.ID)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(append(slices.Clone(gone), line...))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parse(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if c.whole > int64(len(b)) || c.whole > 0 && b[c.whole-1] != '\n' {
			t.Fatalf("%d of %d bytes are whole lines", c.whole, len(b))
		}
		newCover(c.holds)
		again, err := render(c.holds, c.released, c.kept)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parse(io.MultiReader(bytes.NewReader(again), strings.NewReader("{torn")))
		if err != nil || len(back.holds) != len(c.holds) || len(back.released) != len(c.released) || len(back.kept) != len(c.kept) {
			t.Fatalf("%d holds, %d released, %d kept became %d, %d, %d; error %v",
				len(c.holds), len(c.released), len(c.kept), len(back.holds), len(back.released), len(back.kept), err)
		}
		for id, h := range c.holds {
			if !same([]Hold{h}, []Hold{back.holds[id]}) {
				t.Fatalf("%+v became %+v", h, back.holds[id])
			}
		}
	})
}
