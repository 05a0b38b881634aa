package recorder

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/internal/whole"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// shelf is a volume in memory with a recording of 10 s, as a file that closed or as what a kill left.
type shelf struct {
	t    *testing.T
	mem  *faultfs.Mem
	lib  *library.Library
	path string
	good []byte
	l    *fmp4.Layout
}

func newShelf(t *testing.T, closed bool, sync Sync) *shelf {
	t.Helper()
	s := &shelf{t: t, mem: faultfs.NewMem()}
	var err error
	if s.lib, err = library.OpenFS(s.mem, "memory"); err != nil {
		t.Fatal(err)
	}
	b := newBenchOn(t, s.lib, func(o *Options) { o.File, o.Sync = time.Minute, sync })
	clip := scene(t)
	b.feed(clip.Play(clip.Desc, epoch), 10*time.Second)
	s.path = b.file.rec.Path
	if closed {
		b.must(b.endRun())
	}
	s.good = s.read(s.path)
	if s.l, err = fmp4.Scan(bytes.NewReader(s.good), int64(len(s.good))); err != nil || len(s.l.Parts) < 4 {
		t.Fatalf("%+v, error %v", s.l, err)
	}
	return s
}

// read returns nil for a file that is not there.
func (s *shelf) read(name string) []byte {
	b, err := library.ReadFile(s.mem, name)
	if err != nil {
		return nil
	}
	return b
}

// change overwrites the file from at on and cuts it to size.
func (s *shelf) change(at int64, b []byte, size int) {
	s.t.Helper()
	f, err := s.mem.OpenFile(s.path, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt(b, at)
	}
	if err == nil {
		err = f.Truncate(int64(size))
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) recover() recovered {
	s.t.Helper()
	found, err := recoverVolumes([]*library.Library{s.lib}, epoch, nil, quiet())
	if err != nil {
		s.t.Fatal(err)
	}
	again, err := recoverVolumes([]*library.Library{s.lib}, epoch, nil, quiet())
	if err != nil || again.files+again.removed+again.aside > 0 {
		s.t.Errorf("the second recovery found %+v, error %v", again, err)
	}
	return found
}

// survives demands that the file at name has want after any power cut.
func (s *shelf) survives(name string, want []byte) {
	s.t.Helper()
	for seed := range uint64(50) {
		b, err := library.ReadFile(s.mem.CrashClone(rand.New(rand.NewPCG(seed, 1))), name)
		if err != nil || !bytes.Equal(b, want) {
			s.t.Fatalf("after a power cut %s has %d bytes, want %d, error %v", name, len(b), len(want), err)
		}
	}
}

func (s *shelf) recordings() []index.Recording {
	s.t.Helper()
	led, err := s.lib.Ledger(library.DayOf(front, epoch), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return led.Recordings()
}

var noise = bytes.Repeat([]byte{0xff}, 24)

// TestARecordingWithoutItsBeginningIsKept damages the init segment of a recording whose end is torn as well, and of one that no
// line names: nobody can play them as they are, but their pictures are there.
func TestARecordingWithoutItsBeginningIsKept(t *testing.T) {
	for name, closed := range map[string]bool{"journaled": true, "left by a crash": false} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, closed, SyncFile)
			s.change(0, noise, len(s.good)-10)
			left := s.read(s.path)
			if found := s.recover(); found.aside != 1 || found.removed != 0 || found.files != 0 {
				t.Errorf("found %+v", found)
			}
			if s.read(s.path) != nil || len(s.recordings()) > 0 {
				t.Error("it is still there")
			}
			s.survives(library.LostAndFound+"/"+s.path, left)
			_, gaps := journal(t, s.lib)
			if told := len(gaps) == 1 && gaps[0].Reason == index.GapDisk; told != closed {
				t.Errorf("gaps %+v", gaps)
			}
		})
	}
}

// TestWhatFollowsDamageIsKept damages the middle of a file whose end is torn as well.
func TestWhatFollowsDamageIsKept(t *testing.T) {
	for name, closed := range map[string]bool{"journaled": true, "left by a crash": false} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, closed, SyncFile)
			at := s.l.Parts[1].Offset
			s.change(at, noise, len(s.good)-10)
			tail := s.read(s.path)[at:]
			if found := s.recover(); found.aside != 1 || found.removed != 0 || found.files != 1 {
				t.Errorf("found %+v", found)
			}
			if recs := s.recordings(); len(recs) != 1 || recs[0].Bytes != at || !bytes.Equal(s.read(s.path), s.good[:at]) {
				t.Errorf("recordings %+v", recs)
			}
			s.survives(library.LostAndFound+"/"+s.path+".tail", tail)
		})
	}
}

// TestATornEndIsRubbish: of what a kill leaves behind the last whole part, nothing can be made.
func TestATornEndIsRubbish(t *testing.T) {
	last := func(s *shelf) fmp4.PartInfo { return s.l.Parts[len(s.l.Parts)-1] }
	for name, size := range map[string]func(s *shelf) int64{
		"in a later part":       func(s *shelf) int64 { return last(s).Offset + last(s).Bytes - 10 },
		"in a name":             func(s *shelf) int64 { return last(s).Offset + 6 },
		"in the first part":     func(s *shelf) int64 { return s.l.InitBytes + 40 },
		"in the init segment":   func(s *shelf) int64 { return s.l.InitBytes - 5 },
		"before anything is in": func(*shelf) int64 { return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, false, SyncFile)
			n := size(s)
			s.change(0, nil, int(n))
			found := s.recover()
			if recs := s.recordings(); found.aside != 0 || found.files+found.removed != 1 || len(recs) != found.files {
				t.Errorf("found %+v, recordings %+v", found, recs)
			}
			if _, err := s.mem.Stat(library.LostAndFound); err == nil {
				t.Error("a torn part was kept")
			}
			if want := n > s.l.Parts[1].Offset; (found.files == 1) != want {
				t.Errorf("found %+v of %d bytes", found, n)
			}
		})
	}
}

// TestWhatRecoveryJournalsIsOnTheDevice cuts the power after the recovery from a kill: a line that is left names a file that is
// whole, though its writer never synced it.
func TestWhatRecoveryJournalsIsOnTheDevice(t *testing.T) {
	s := newShelf(t, false, SyncOff)
	if found := s.recover(); found.files != 1 {
		t.Fatalf("found %+v", found)
	}
	lines := 0
	for seed := range uint64(300) {
		disk := s.mem.CrashClone(rand.New(rand.NewPCG(seed, 2)))
		lib, err := library.OpenFS(disk, "after")
		if err != nil {
			t.Fatal(err)
		}
		led, err := lib.Ledger(library.DayOf(front, epoch), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range led.Recordings() {
			lines++
			if got, err := whole.Read(disk, rec.Path, &rec); err != nil || got.Size != rec.Bytes || got.Prefix != rec.CRC {
				t.Fatalf("seed %d: the journal names %s, which is %+v, error %v", seed, rec.Path, got, err)
			}
		}
	}
	if lines < 20 || lines == 300 {
		t.Errorf("a line was left %d times of 300", lines)
	}
}
