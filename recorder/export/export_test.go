package export_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

var cameras = []nvr.CameraID{"front"}

func TestCopyOverFilesAndAnOutage(t *testing.T) {
	t.Parallel()
	for name, clip := range map[string]*fmp4test.Clip{"plain": bars(t, 16, plain...), "b-frames": bars(t, 16, bframes...), "h265": bars(t, 16, hevc...)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTape(t)
			p.session(front, clip, epoch, 16*time.Second)
			p.session(front, clip, epoch.Add(20*time.Second), 16*time.Second)
			p.gaps[front] = []index.Gap{{Stream: front, Start: epoch.Add(16 * time.Second), End: epoch.Add(20 * time.Second), Reason: index.GapOffline, Detail: "cable"}}
			l := newLab(t, p).start()
			x := l.make(export.Request{Cameras: cameras, Range: between(5100, 29000), By: "ada"})
			f := x.Files[0]
			if f.Name != "front_2026-11-25_14-30-05_to_14-30-29_UTC.mp4" || len(x.Files) != 1 {
				t.Errorf("files %+v", x.Files)
			}
			// With reordering the first picture comes two pictures after the session's first DTS.
			first := p.recs[front][0].Start
			at := func(n int) time.Time { return first.Add(time.Duration(n) * time.Second / 15) }
			last := int(math.Ceil(between(0, 9000).End.Sub(first).Seconds()*15 - 1e-3)) // pictures of the second session
			got := numbers(t, l.path(x, 0))
			sameNumbers(t, got, append(count(60, 240), count(0, last)...))
			if d := f.Start.Sub(at(60)); d.Abs() > 2*time.Microsecond {
				t.Errorf("starts %v away from its first picture", d)
			}
			if len(f.Gaps) != 1 || f.Gaps[0].Reason != index.GapOffline || f.Gaps[0].Detail != "cable" || math.Abs(f.Gaps[0].End.Sub(f.Gaps[0].Start).Seconds()-4) > 0.1 {
				t.Errorf("gaps %+v", f.Gaps)
			}
			if len(f.Pieces) != 2 || f.Pieces[1].At.Round(time.Millisecond) != 12*time.Second || f.Pieces[1].Start.Sub(first) != 20*time.Second {
				t.Errorf("pieces %+v", f.Pieces)
			}
			if got, want := seconds(t, l.path(x, 0), "v:0"), float64(180+last)/15; math.Abs(got-want) > 0.001 {
				t.Errorf("lasts %f s, want %f", got, want)
			}
			if got, want := seconds(t, l.path(x, 0), "a:0"), float64(180+last)/15; math.Abs(got-want) > 0.15 {
				t.Errorf("sound lasts %f s, want %f", got, want)
			}
			checkShape(t, l.path(x, 0))
			if tags := probe(t, l.path(x, 0), "-show_entries", "format_tags=creation_time,title,comment"); !strings.Contains(tags, "2026-11-25T14:30:04") || !strings.Contains(tags, "Nightjar 1.2.3") {
				t.Errorf("tags %s", tags)
			}
			if n := strings.Count(probe(t, l.path(x, 0), "-show_chapters"), "\n") + 1; n != 2 {
				t.Errorf("%d chapters", n)
			}
		})
	}
}

// checkShape demands that the index lies before the media, and that a player can begin with the first bytes alone.
func checkShape(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	moov, mdat := bytes.Index(b, []byte("moov")), bytes.Index(b, []byte("mdat"))
	if moov < 0 || mdat < moov {
		t.Errorf("moov at %d, mdat at %d", moov, mdat)
	}
}

func TestExactToThePicture(t *testing.T) {
	t.Parallel()
	for name, encode := range map[string][]string{"plain": plain, "b-frames": bframes, "h265": hevc} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clip := bars(t, 16, encode...)
			p := newTape(t)
			p.session(front, clip, epoch, 16*time.Second)
			first := p.recs[front][0].Start
			l := newLab(t, p).start()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 1))
			cuts := [][2]int{{30, 90}, {31, 91}, {37, 44}, {29, 31}, {1, 239}, {17, 18}}
			more := 1
			if os.Getenv("NIGHTJAR_SLOW") != "" {
				more = 60
			}
			for range more {
				cuts = append(cuts, [2]int{-1, -1})
			}
			for _, r := range cuts {
				a, b := r[0], r[1]
				if a < 0 {
					a = rnd.IntN(235)
					b = a + 1 + rnd.IntN(240-a-1)
				}
				// Somewhere between the picture before and the first one, and so at the end.
				from := first.Add(time.Duration(float64(a)*1e9/15) - time.Duration(rnd.IntN(60))*time.Millisecond)
				to := first.Add(time.Duration(float64(b)*1e9/15) - time.Duration(rnd.IntN(60))*time.Millisecond)
				if a == 30 { // on the dot, as far as microseconds can tell
					from = first.Add(2 * time.Second)
				}
				x := l.make(export.Request{Cameras: cameras, Range: nvr.TimeRange{Start: from, End: to}, Mode: export.Exact})
				path := l.path(x, 0)
				sameNumbers(t, numbers(t, path), count(a, b))
				if got, want := seconds(t, path, "v:0"), float64(b-a)/15; math.Abs(got-want) > 0.001 {
					t.Errorf("%d to %d lasts %f s, want %f", a, b, got, want)
				}
				if d := x.Files[0].Start.Sub(first.Add(time.Duration(float64(a) * 1e9 / 15))); d.Abs() > 2*time.Microsecond {
					t.Errorf("%d to %d starts %v away from its first picture", a, b, d)
				}
				if name == "h265" {
					continue
				}
				untouched(t, clip, path, (a+29)/30*30, b/30*30)
			}
		})
	}
}

// untouched demands that the pictures [a, b) of clip, whole groups, are in the file as they were recorded.
func untouched(t *testing.T, clip *fmp4test.Clip, path string, a, b int) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := -1
	for _, u := range clip.Units {
		if u.Track != 0 {
			continue
		}
		if n++; n < a || n >= b { // a group's pictures are its own in decoding order, too
			continue
		}
		for _, nal := range u.Payload {
			if !bytes.Contains(file, nal) {
				t.Fatalf("picture %d (in decoding order) was changed", n)
			}
		}
	}
}
