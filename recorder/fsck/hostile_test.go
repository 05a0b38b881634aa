package fsck_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/fsck"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// breakMiddle damages the second part of recording n, which is of its first segment, and returns the file as it was.
func (s *shelf) breakMiddle(n int) (good []byte) {
	s.t.Helper()
	r := s.recs[n]
	if len(r.Segments) < 2 {
		s.t.Fatalf("%d segments", len(r.Segments))
	}
	good = s.read(r.Path)
	l, err := fmp4.Scan(bytes.NewReader(good), int64(len(good)))
	s.must(err)
	b := bytes.Clone(good)
	copy(b[l.Parts[1].Offset:], bytes.Repeat([]byte{0xff}, 16))
	s.write(r.Path, b)
	return good
}

// TestDamageInTheMiddleStaysWherePicturesFollow damages a sector: playback finds the segments behind it by the journal, and a
// repair must not take them away.
func TestDamageInTheMiddleStaysWherePicturesFollow(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		s.breakMiddle(1)
		broken := s.read(s.recs[1].Path)
		rep := s.check(repair)
		if len(rep.Findings) != 1 || rep.Repaired > 0 || rep.Errors != 1 || !strings.Contains(rep.Findings[0].Problem, "behind the damage still play") {
			t.Errorf("found %+v", rep.Findings)
		}
		if !bytes.Equal(s.read(s.recs[1].Path), broken) || s.lost(s.recs[1].Path+".tail") {
			t.Error("the file was touched")
		}
		s.asBefore()
	})
}

// TestRebuildKeepsWhatItCutsOff rebuilds over the same damage: without its line, the file is cut, and the rest is kept.
func TestRebuildKeepsWhatItCutsOff(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		good := s.breakMiddle(1)
		rep, err := fsck.Rebuild(t.Context(), fsck.Options{Libraries: []*library.Library{s.lib}, Index: s.idx, Streams: []nvr.StreamID{front}})
		if err != nil || rep.Errors > 0 {
			t.Fatalf("%v, %+v", err, rep)
		}
		left, tail := s.read(s.recs[1].Path), s.read(".lost+found/"+s.recs[1].Path+".tail")
		if len(left)+len(tail) != len(good) || !bytes.HasSuffix(good, tail[16:]) {
			t.Errorf("of %d bytes %d are left and %d were kept", len(good), len(left), len(tail))
		}
	})
}

// TestOfTwoCopiesTheSoundOneStays damages the copy in the volume that is asked first.
func TestOfTwoCopiesTheSoundOneStays(t *testing.T) {
	bubble(t, func(t *testing.T, s *shelf) {
		two, err := library.OpenFS(faultfs.NewMem(), "two")
		s.must(err)
		r := s.recs[1]
		dup := &shelf{t: s.t, disk: two.FS(), lib: two, idx: s.idx, day: s.day}
		good := s.read(r.Path)
		dup.write(r.Path, good)
		s.must(two.Append(s.day, library.Line{Recording: &r}))
		rotten := bytes.Clone(good)
		rotten[len(rotten)-20] ^= 4
		s.write(r.Path, rotten)
		both := func(o *fsck.Options) { o.Libraries = append(o.Libraries, two) }
		for _, level := range []fsck.Level{fsck.Size, fsck.Content} {
			s.check(func(o *fsck.Options) { both(o); repair(o); o.Level = level })
		}
		if !bytes.Equal(dup.read(r.Path), good) || !s.lost(r.Path) || dup.lost(r.Path) {
			t.Error("the damaged copy stayed")
		}
	})
}
