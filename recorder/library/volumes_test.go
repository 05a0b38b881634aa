package library

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func openVolumes(t *testing.T, memory string, dirs ...string) *Volumes {
	t.Helper()
	v, err := OpenVolumes(VolumesOptions{Dirs: dirs, MemoryFile: memory, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// lookAll is what Run does every ten seconds.
func lookAll(v *Volumes) {
	for _, vol := range v.list {
		v.look(vol)
	}
}

func put(t *testing.T, v *Volumes) string {
	t.Helper()
	r := recording(0)
	if c := v.Candidates(); len(c) > 0 {
		lib := c[0]
		f, p, err := v.Create(lib, DayOf(front, r.Start), r.Start.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(lib.Dir(), p)
	}
	return ""
}

func TestAMountPointWithoutItsDiskIsNotWrittenTo(t *testing.T) {
	base := t.TempDir()
	a, b, memory := filepath.Join(base, "a"), filepath.Join(base, "b"), filepath.Join(base, "volumes.json")
	v := openVolumes(t, memory, a, b)
	if s := v.Status(); s[0].State != VolumeOK || s[1].State != VolumeOK || !s[0].Active || s[1].Active || s[0].ID == "" || s[0].ID == s[1].ID {
		t.Fatalf("status %+v", s)
	}
	first := put(t, v)
	if !strings.HasPrefix(first, a) {
		t.Errorf("first recording went to %s", first)
	}

	// The disk goes, and the empty directory below the mount point shows.
	away := filepath.Join(base, "away")
	rename(t, a, away)
	if err := os.Mkdir(a, 0o750); err != nil {
		t.Fatal(err)
	}
	again := openVolumes(t, memory, a, b)
	for _, v := range []*Volumes{v, again} {
		lookAll(v)
		s := v.Status()
		if s[0].State != VolumeMissing || s[0].Active || !s[1].Active || !strings.Contains(s[0].Reason, "mount it") || !strings.Contains(s[0].Reason, "--adopt "+a) {
			t.Errorf("status %+v", s)
		}
		if p := put(t, v); !strings.HasPrefix(p, b) {
			t.Errorf("recording went to %s", p)
		}
		if _, err := v.All()[0].Days(); !errors.Is(err, ErrMissing) {
			t.Errorf("reading a missing volume: %v", err)
		}
		if len(v.There()) != 1 || len(v.All()) != 2 {
			t.Error("a missing volume is there, or not in the list")
		}
	}
	if left, err := os.ReadDir(a); err != nil || len(left) != 0 {
		t.Errorf("%v was written where the disk is not, error %v", left, err)
	}

	// Mounted again, it is used again; the name taken on the other volume is avoided.
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	rename(t, away, a)
	lookAll(v)
	if s := v.Status(); s[0].State != VolumeOK || !s[0].Active {
		t.Errorf("status %+v", s)
	}
	if days, err := v.All()[0].Days(); err != nil || len(days) != 1 {
		t.Errorf("days %v, error %v", days, err)
	}
	if p := put(t, v); !strings.HasPrefix(p, a) || filepath.Base(p) == filepath.Base(first) {
		t.Errorf("recording went to %s", p)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestAdoptTakesWhatIsThere(t *testing.T) {
	base := t.TempDir()
	a, memory := filepath.Join(base, "a"), filepath.Join(base, "volumes.json")
	v := openVolumes(t, memory, a)
	before := v.Status()[0].ID
	if err := os.RemoveAll(a); err != nil {
		t.Fatal(err)
	}
	lookAll(v)
	if s := v.Status()[0]; s.State != VolumeMissing || v.Active() != nil {
		t.Fatalf("status %+v", s)
	}
	if _, err := os.Stat(a); err == nil {
		t.Error("a directory that was in use was made anew")
	}
	if err := Adopt(a, memory); err != nil {
		t.Fatal(err)
	}
	lookAll(v)
	if s := v.Status()[0]; s.State != VolumeOK || s.ID == before {
		t.Errorf("status %+v, id before %s", s, before)
	}
}

func TestTheSameVolumeTwiceIsUsedOnce(t *testing.T) {
	base := t.TempDir()
	a, b := filepath.Join(base, "a"), filepath.Join(base, "b")
	openVolumes(t, "", a)
	if err := os.Symlink(a, b); err != nil {
		t.Fatal(err)
	}
	v := openVolumes(t, filepath.Join(base, "volumes.json"), a, b)
	if s := v.Status(); s[0].State != VolumeOK || s[1].State != VolumeMissing || !strings.Contains(s[1].Reason, "same volume") {
		t.Errorf("status %+v", s)
	}
}

func TestVolumesThatFailAreLeftAlone(t *testing.T) {
	base := t.TempDir()
	v := openVolumes(t, "", filepath.Join(base, "a"), filepath.Join(base, "b"))
	libs := v.All()
	v.Failed(libs[0], errors.New("our own mistake"))
	if v.Active() != libs[0] {
		t.Error("a volume was blamed for what is not its fault")
	}
	for _, c := range []struct {
		err  error
		want string
	}{{syscall.ENOSPC, "is full"}, {syscall.EIO, "reports errors"}} {
		v.Failed(libs[0], &os.PathError{Op: "write", Path: "x", Err: c.err})
		s := v.Status()
		if s[0].State != VolumeFailing || !strings.Contains(s[0].Reason, c.want) || v.Active() != libs[1] || !v.Other(libs[0]) || v.Other(libs[1]) {
			t.Errorf("status %+v", s)
		}
		if all := v.Candidates(); len(all) != 2 || all[1] != libs[0] {
			t.Error("a failing volume is no last resort")
		}
		v.mu.Lock()
		v.list[0].retryAt = time.Now().Add(-time.Second)
		v.mu.Unlock()
		if errors.Is(c.err, syscall.ENOSPC) {
			v.list[0].space = func() (int64, int64, error) { return 1 << 20, 1 << 40, nil }
			lookAll(v)
			if v.Active() != libs[1] {
				t.Error("a volume is used again without room")
			}
			v.list[0].space = func() (int64, int64, error) { return 1 << 30, 1 << 40, nil }
			lookAll(v)
		}
		if v.Active() != libs[0] {
			t.Error("the preferred volume is not tried again")
		}
		lookAll(v)
		if s := v.Status()[0]; s.State != VolumeOK || s.Reason != "" {
			t.Errorf("status %+v", s)
		}
	}
}

func TestDamagedMemoryIsNotGuessed(t *testing.T) {
	memory := filepath.Join(t.TempDir(), "volumes.json")
	if err := os.WriteFile(memory, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenVolumes(VolumesOptions{Dirs: []string{t.TempDir()}, MemoryFile: memory, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), memory) || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("error %v", err)
	}
}

func TestLedgerFoldsChanges(t *testing.T) {
	a, b, c := recording(0), recording(1), recording(2)
	name := func(n int) int64 { _, ms, _ := ParseFilePath(recording(n).Path); return ms }
	var l Ledger
	for _, line := range []Line{
		{Recording: &a},
		{Recording: &b},
		{Recording: &c},
		{Files: &Files{Archived, []int64{name(0), name(1), 5}}},
		{Files: &Files{Evicted, []int64{name(0), name(2)}}},
		{Files: &Files{Expired, []int64{name(1)}}},
	} {
		l.Apply(line)
	}
	got := l.Recordings()
	if len(got) != 2 || !got[0].Remote || !got[0].Evicted || got[1].Remote || got[1].Evicted {
		t.Fatalf("recordings %+v", got)
	}
	if _, ok := l.Recording(name(2)); ok {
		t.Error("one that is nowhere is found")
	}
	l.Apply(Line{Deleted: &Hour{DayOf(front, noon), 12}})
	if got := l.Recordings(); len(got) != 1 || got[0].Path != a.Path {
		t.Errorf("after the hour was given up: %+v", got)
	}
	l.Apply(Line{Files: &Files{Expired, []int64{name(0)}}})
	if len(l.Recordings()) != 0 {
		t.Error("something is left")
	}
}

func TestFilesLinesComeBack(t *testing.T) {
	lib := open(t)
	r := recording(0)
	_, ms, _ := ParseFilePath(r.Path)
	day := DayOf(front, noon)
	for _, c := range []Change{Evicted, Archived, Expired} {
		if err := lib.Append(day, Line{Files: &Files{c, []int64{ms}}}); err != nil {
			t.Fatal(err)
		}
	}
	lines, _, damaged := read(t, lib, 0)
	if len(lines) != 3 || damaged != 0 || lines[1].Files.Change != Archived || lines[1].Files.MS[0] != ms {
		t.Errorf("%d lines, %d damaged", len(lines), damaged)
	}
	other := Line{Files: &Files{Evicted, []int64{noon.Add(24 * time.Hour).UnixMilli()}}}
	b, err := other.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseLine(day, b); err == nil {
		t.Error("a name of another day was taken")
	}
}
