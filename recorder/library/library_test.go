package library

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

var (
	front = nvr.StreamID{Camera: "front", Role: nvr.Main}
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
)

func open(t testing.TB) *Library {
	t.Helper()
	lib, err := Open(filepath.Join(t.TempDir(), "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	return lib
}

func recording(n int) index.Recording {
	start := noon.Add(time.Duration(n) * time.Minute)
	return index.Recording{
		Stream: front, Start: start, Duration: 4 * time.Second, Path: FilePath(front, start.UnixMilli()), Bytes: 1000, InitBytes: 100,
		CRC: 0xfedcba98, Codecs: "avc1.640028,mp4a.40.2", Width: 1920, Height: 1080,
		Segments: []index.Segment{{Offset: 100, Bytes: 400, Duration: 2 * time.Second}, {Offset: 500, Bytes: 500, Start: 2 * time.Second, Duration: 2 * time.Second}},
	}
}

func read(t testing.TB, lib *Library, from int64) (lines []Line, next int64, damaged int) {
	t.Helper()
	next, damaged, err := lib.Read(DayOf(front, noon), from, func(l Line) error { lines = append(lines, l); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return lines, next, damaged
}

func TestLinesComeBackAsWritten(t *testing.T) {
	lib := open(t)
	day := DayOf(front, noon)
	r := recording(0)
	g := index.Gap{Stream: front, Start: noon, End: noon.Add(time.Minute), Reason: index.GapOffline, Detail: "no \"route\"\nto host"}
	h := Hour{Day: day, Hour: 0}
	if err := lib.Append(day, Line{Recording: &r}, Line{Gap: &g}, Line{Deleted: &h}); err != nil {
		t.Fatal(err)
	}
	lines, next, damaged := read(t, lib, 0)
	if len(lines) != 3 || damaged != 0 {
		t.Fatalf("%d lines, %d damaged", len(lines), damaged)
	}
	if !reflect.DeepEqual(*lines[0].Recording, r) || *lines[1].Gap != g || *lines[2].Deleted != h {
		t.Errorf("came back as %+v %+v %+v", lines[0].Recording, lines[1].Gap, lines[2].Deleted)
	}
	if size, err := lib.Size(day); err != nil || size != next || lines[2].Next != next {
		t.Errorf("size %d, next %d, %v", size, next, err)
	}
	if rest, _, _ := read(t, lib, lines[0].Next); len(rest) != 2 {
		t.Errorf("%d lines behind the first", len(rest))
	}
	if got := lib.Changed(); len(got) != 1 || got[0] != day {
		t.Errorf("changed %v", got)
	}
}

func TestATornLineIsCutOffByTheNext(t *testing.T) {
	lib := open(t)
	day := DayOf(front, noon)
	a, b := recording(0), recording(1)
	if err := lib.Append(day, Line{Recording: &a}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(lib.Dir(), journalPath(day))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole { // a second line torn at every byte
		if err := os.WriteFile(path, append(bytes.Clone(whole), whole[:cut]...), 0o600); err != nil {
			t.Fatal(err)
		}
		if lines, next, damaged := read(t, lib, 0); len(lines) != 1 || next != int64(len(whole)) || damaged != 0 {
			t.Fatalf("torn at %d: %d lines, next %d, %d damaged", cut, len(lines), next, damaged)
		}
		if err := lib.Append(day, Line{Recording: &b}); err != nil {
			t.Fatal(err)
		}
		if lines, _, damaged := read(t, lib, 0); len(lines) != 2 || damaged != 0 || lines[1].Recording.Path != b.Path {
			t.Fatalf("torn at %d, appended: %d lines, %d damaged", cut, len(lines), damaged)
		}
	}
}

func TestLongAndDamagedLinesAreSkipped(t *testing.T) {
	lib := open(t)
	day := DayOf(front, noon)
	r := recording(0)
	good, err := Line{Recording: &r}.marshal()
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{
		"", "{}", "null", "[]", `{"t":"rec"}`, `{"t":"del","hour":24}`, `{"t":"del"}`, `{"t":"gap","start":5,"end":4}`,
		strings.Repeat("x", 3*maxLine),
		strings.Replace(string(good), "front/main", "../../etc", 1),
		strings.Replace(string(good), "front/main", "back/main", 1),
		strings.Replace(string(good), `"bytes":1000`, `"bytes":10`, 1),
		strings.Replace(string(good), `[100,400`, `[100,4000`, 1),
		strings.Replace(string(good), `[100,400`, `[100,-400`, 1),
		strings.Replace(string(good), `"dur":4000000`, `"dur":-1`, 1),
		strings.Replace(string(good), `"dur":4000000`, `"dur":7200000001`, 1), // the index would miss it
	}
	var b bytes.Buffer
	for _, l := range bad {
		b.WriteString(strings.TrimSuffix(l, "\n") + "\n")
	}
	b.Write(good)
	if err := lib.fs.MkdirAll(day.String(), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceFile(lib.fs, journalPath(day), b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if lines, _, damaged := read(t, lib, 0); len(lines) != 1 || damaged != len(bad) {
		t.Errorf("%d lines and %d damaged, want 1 and %d", len(lines), damaged, len(bad))
	}
	stop := errors.New("stop")
	if _, _, err := lib.Read(day, 0, func(Line) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want the callback's", err)
	}
}

func TestCreateAvoidsTakenNames(t *testing.T) {
	lib := open(t)
	day := DayOf(front, noon)
	var names []string
	for range 3 {
		f, p, err := lib.Create(day, noon.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		names = append(names, p)
	}
	if files, err := lib.Files(day); err != nil || !reflect.DeepEqual(files, names) {
		t.Errorf("files %v, created %v, error %v", files, names, err)
	}
	if days, err := lib.Days(); err != nil || len(days) != 1 || days[0] != day {
		t.Errorf("days %v, error %v", days, err)
	}
	h, err := HourOf(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := lib.RemoveDay(day, 0); err == nil {
		t.Error("a day with recordings was removed")
	}
	for range 2 { // idempotent
		if err := lib.RemoveHour(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := lib.Append(day, Line{Deleted: &h}); err != nil {
		t.Fatal(err)
	}
	if err := lib.RemoveDay(day, 0); !errors.Is(err, ErrDayInUse) {
		t.Errorf("a day with a line that nobody read: %v", err)
	}
	read, _, err := lib.Read(day, 0, func(Line) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := lib.RemoveDay(day, read); err != nil {
		t.Fatal(err)
	}
	if days, err := lib.Days(); err != nil || len(days) != 0 {
		t.Errorf("days %v, error %v", days, err)
	}
}

func TestALineThatNobodyWouldReadIsNotWritten(t *testing.T) {
	lib, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer lib.Close()
	day := DayOf(front, noon)
	ms := make([]int64, 1+maxLine/14)
	for i := range ms {
		ms[i] = day.Start().UnixMilli() + int64(i)
	}
	if err := lib.Append(day, Line{Files: &Files{Change: Expired, MS: ms}}); err == nil {
		t.Error("a line longer than readers take was written")
	}
	if n, err := lib.Size(day); err != nil || n != 0 {
		t.Errorf("%d bytes were written, error %v", n, err)
	}
}

func TestPathsAreTheirOwnInverse(t *testing.T) {
	p := FilePath(front, noon.UnixMilli())
	if p != "front/main/2026-03-01/12/1772366400123.mp4" {
		t.Errorf("path %s", p)
	}
	if id, ms, err := ParseFilePath(p); err != nil || id != front || ms != noon.UnixMilli() {
		t.Errorf("parsed as %v %d %v", id, ms, err)
	}
	for _, bad := range []string{
		"", "x", "front/main/2026-03-01/13/1772366400123.mp4", "front/main/2026-03-02/12/1772366400123.mp4", "front/../2026-03-01/12/1772366400123.mp4",
		"front/main/2026-03-01/12/01772366400123.mp4", "front/main/2026-03-01/12/1772366400123.mp4/x", "Front/main/2026-03-01/12/1772366400123.mp4",
		"front/main/2026-03-01/12/-5.mp4", "front/main/2026-03-01/12/99999999999999999.mp4",
	} {
		if _, _, err := ParseFilePath(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if d, err := ParseDay("front/main/2026-03-01"); err != nil || d != DayOf(front, noon) {
		t.Errorf("day %v, error %v", d, err)
	}
	for _, bad := range []string{"", "front/main", "front/main/2026-13-01", "front/main/x", "../main/2026-03-01"} {
		if _, err := ParseDay(bad); err == nil {
			t.Errorf("day %q was taken", bad)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(filepath.Join(file, "recordings"))
	if err == nil || !strings.Contains(err.Error(), "recordings directory "+file) || !strings.Contains(err.Error(), "choose another") {
		t.Errorf("error %v", err)
	}
	if os.Getuid() == 0 {
		t.Log("SKIPPED: root may write anywhere; /proc stands in for a directory that refuses")
		if _, err := Open("/proc/self/attr"); err == nil || !strings.Contains(err.Error(), "cannot be written") {
			t.Errorf("error %v", err)
		}
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("error %v", err)
	}
}

func FuzzJournal(f *testing.F) {
	r := recording(0)
	good, err := Line{Recording: &r}.marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{\"t\":\"del\",\"hour\":3}\n{\"t\":\"gap\",\"start\":1,\"end\":2}\n{"))
	day := DayOf(front, noon)
	f.Fuzz(func(t *testing.T, b []byte) {
		at := int64(0)
		next, _, err := readLines(day, bytes.NewReader(b), 0, func(l Line) error {
			if l.Next <= at || l.Next > int64(len(b)) {
				t.Fatalf("line ends at %d after %d of %d", l.Next, at, len(b))
			}
			at = l.Next
			if l.Recording == nil {
				return nil
			}
			// What is accepted must survive being written again.
			again, err := Line{Recording: l.Recording}.marshal()
			if err != nil {
				t.Fatal(err)
			}
			back, err := parseLine(day, again)
			if err != nil || !reflect.DeepEqual(back.Recording, l.Recording) {
				t.Fatalf("%+v came back as %+v, %v", l.Recording, back.Recording, err)
			}
			return nil
		})
		if err != nil || next > int64(len(b)) {
			t.Fatalf("next %d of %d, error %v", next, len(b), err)
		}
	})
}
