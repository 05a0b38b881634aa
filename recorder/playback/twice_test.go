package playback_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// session is a run of recordings of 30 s with segments of 2 s.
func session(from time.Time, files int) []index.Recording {
	var out []index.Recording
	for n := range files {
		r := index.Recording{Stream: front, Start: from.Add(time.Duration(n) * 30 * time.Second), Duration: 30 * time.Second, InitBytes: 10, Bytes: 160, Codecs: "avc1"}
		r.Path = library.FilePath(front, r.Start.UnixMilli())
		for i := range 15 {
			r.Segments = append(r.Segments, index.Segment{
				Offset: 10 + int64(i)*10, Bytes: 10, Start: time.Duration(i) * 2 * time.Second, Duration: 2 * time.Second,
			})
		}
		out = append(out, r)
	}
	return out
}

// TestAnHourThatHappenedTwicePlaysOnce sets the clock back in the middle of a recording. The files of both times begin on the
// same grid, so choosing by segments would show a moment of the other time with each file.
func TestAnHourThatHappenedTwicePlaysOnce(t *testing.T) {
	g := newRig(t)
	first, second := session(epoch, 20), session(epoch.Add(1100*time.Millisecond), 40)
	if err := g.idx.AddRecordings(t.Context(), append(first, second...)); err != nil {
		t.Fatal(err)
	}
	for _, from := range []time.Duration{0, 7 * time.Second, 31 * time.Second, 5 * time.Minute} {
		l, err := g.player.Playlist(t.Context(), front, nvr.TimeRange{Start: epoch.Add(from), End: epoch.Add(19 * time.Minute)}, "media/front/main/")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(l.Text, "#EXT-X-DISCONTINUITY"); n > 1 {
			t.Errorf("from %v on it goes %d times from one time to the other", from, n)
		}
		segments := strings.Count(l.Text, "#EXTINF")
		if d := time.Duration(segments) * 2 * time.Second; (d - (19*time.Minute - from)).Abs() > 4*time.Second {
			t.Errorf("from %v on %v are played", from, d)
		}
	}
}
