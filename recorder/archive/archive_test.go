package archive

import (
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestClosedRecordingsAreCopiedVerifiedAndNoted(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	var recs []index.Recording
	for i := range 4 {
		recs = append(recs, g.record(front, noon().Add(time.Duration(i)*10*time.Second), 200_000+i))
	}
	a := g.start()
	recs = append(recs, g.record(yard, noon(), 70_000))
	waitFor(t, "an empty backlog", func() bool { s := a.Status(); return s.State == OK && s.BacklogFiles == 0 && g.archived(recs[4]) })
	g.checkCopies(recs...)
	s := a.Status()
	if want := int64(200_000*4 + 6 + 70_000); s.UploadedBytes != want || s.LastUpload.IsZero() || s.Reason != "" {
		t.Errorf("status %+v, want %d bytes uploaded", s, want)
	}
	st, err := a.bucket.stat(t.Context(), recs[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	if want := hexSum(content(recs[0].Path, 200_000)); st.sum != want || st.claimed != want {
		t.Errorf("the server computed %q and the object claims %q, want %s", st.sum, st.claimed, want)
	}
	for _, d := range []library.Day{library.DayOf(front, noon()), library.DayOf(yard, noon())} {
		waitFor(t, "the journal's copy", func() bool {
			for _, v := range a.snapshot() {
				size, _ := g.lib.Size(d)
				if b := g.stored(journalKey(d, v.id)); len(b) > 0 && int64(len(b)) == size {
					return true
				}
			}
			return false
		})
	}
}
