package still_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// run is a session: when its first and last picture are shown.
type run struct{ first, last time.Time }

// The picture must be the one whose number says that it is shown at t: at random times, at the edges of files,
// segments and runs, with reordering, and where groups of pictures are open.
func TestFrameIsExact(t *testing.T) {
	for name, encode := range map[string][]string{
		"plain":            {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"},
		"b-frames":         {"-c:v", "libx264", "-preset", "medium", "-bf", "3", "-x264-params", "b-adapt=0:b-pyramid=normal"},
		"av1":              {"-c:v", "libsvtav1", "-preset", "12", "-b:v", "300k"},
		"h265 open groups": {"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=none:bframes=3:b-adapt=0:open-gop=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clip := numbered(t, 20, encode...)
			g := newRig(t)
			var runs []run
			first, last := g.session(clip, epoch, 19*time.Second)
			runs = append(runs, run{first, last})
			first, last = g.session(clip, epoch.Add(25*time.Second), 9*time.Second)
			runs = append(runs, run{first, last})
			for _, at := range g.times(t, runs) {
				g.checkFrame(t, runs, at)
			}
		})
	}
}

// times are edges and random times within runs.
func (g *rig) times(t *testing.T, runs []run) []time.Time {
	t.Helper()
	recs := g.recordings()
	if len(recs) < 4 {
		t.Fatalf("%d recordings", len(recs))
	}
	var out []time.Time
	for _, r := range recs {
		for _, s := range r.Segments {
			at := r.Start.Add(s.Start)
			out = append(out, at, at.Add(time.Microsecond), at.Add(70*time.Millisecond), at.Add(s.Duration-time.Microsecond), at.Add(s.Duration-70*time.Millisecond))
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // reproducible times
	for range 20 {
		r := runs[rnd.IntN(len(runs))]
		out = append(out, r.first.Add(time.Duration(rnd.Int64N(int64(r.last.Sub(r.first))))))
	}
	return out
}

func (g *rig) checkFrame(t *testing.T, runs []run, at time.Time) {
	t.Helper()
	const rounding = 3 * time.Microsecond // index and clip round in their own ways
	early, late := expected(runs, at.Add(-rounding)), expected(runs, at.Add(rounding))
	jpeg, shown, err := g.maker.Frame(t.Context(), front, at, 0)
	if err != nil {
		t.Errorf("%v: %v", at, err)
		return
	}
	n := number(t, jpeg)
	if n != early.number && n != late.number {
		t.Errorf("%v: picture %d, want %d", at, n, late.number)
		return
	}
	if shown.Sub(early.at).Abs() > rounding && shown.Sub(late.at).Abs() > rounding || shown.After(at) {
		t.Errorf("%v: picture %d shown at %v, want %v", at, n, shown, late.at)
	}
	again, same, err := g.maker.Frame(t.Context(), front, shown, 0)
	if err != nil || !same.Equal(shown) || !bytes.Equal(again, jpeg) {
		t.Errorf("%v: asked again for the time it gave, %v: %v, %v", at, shown, same, err)
	}
}

type numberedPicture struct {
	number int
	at     time.Time
}

// expected returns the picture that is shown at a time.
func expected(runs []run, at time.Time) numberedPicture {
	r := runs[0]
	for _, other := range runs {
		if !at.Before(other.first) {
			r = other
		}
	}
	n := int(math.Floor(at.Sub(r.first).Seconds() * 15))
	n = max(0, min(n, int(math.Round(r.last.Sub(r.first).Seconds()*15))))
	return numberedPicture{n, r.first.Add(time.Duration(n) * time.Second / 15)}
}

func TestFrameInAGapAndAtTheLiveEdge(t *testing.T) {
	g := newRig(t)
	clip := plain(t, 10)
	g.session(clip, epoch, 9*time.Second)
	g.session(clip, epoch.Add(20*time.Second), 5*time.Second)
	end := epoch.Add(25 * time.Second)
	for name, c := range map[string]struct {
		at, near time.Time
	}{
		"before everything": {epoch.Add(-5 * time.Second), epoch},
		"gap, early":        {epoch.Add(10 * time.Second), epoch.Add(8999 * time.Millisecond)},
		"gap, late":         {epoch.Add(18 * time.Second), epoch.Add(20 * time.Second)},
		"after everything":  {epoch.Add(time.Hour), epoch.Add(24999 * time.Millisecond)},
	} {
		_, _, err := g.maker.Frame(t.Context(), front, c.at, 0)
		if nvr.ErrorCode(err) != nvr.CodeNotFound || !strings.Contains(fmt.Sprint(err), "nearest recorded time is "+c.near.Format("2006-01-02 15:04:05.000 UTC")) {
			t.Errorf("%s: %v, want the nearest time %v", name, err, c.near)
		}
		if _, _, err := g.maker.Frame(t.Context(), front, c.near, 0); err != nil {
			t.Errorf("%s: nothing at the nearest time either: %v", name, err)
		}
	}
	_, _, err := g.maker.Frame(t.Context(), front, epoch.Add(-100*24*time.Hour), 0)
	if nvr.ErrorCode(err) != nvr.CodeNotFound || !strings.Contains(err.Error(), "nor within 15 days") {
		t.Errorf("long before: %v", err)
	}
	g.now = end.Add(3 * time.Second)
	for _, behind := range []time.Duration{0, time.Second, 2 * time.Second} {
		jpeg, at, err := g.maker.Frame(t.Context(), front, g.now.Add(-behind), 0)
		if err != nil || number(t, jpeg) != 74 || !at.Equal(epoch.Add(20*time.Second+74*time.Second/15).Truncate(time.Microsecond)) {
			t.Errorf("%v behind live: shown at %v, %v", behind, at, err)
		}
	}
	g.now = end.Add(time.Minute)
	if _, _, err := g.maker.Frame(t.Context(), front, g.now, 0); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("a minute after the last picture: %v", err)
	}
}

func TestFrameRefuses(t *testing.T) {
	g := newRig(t)
	g.session(plain(t, 5), epoch, 4*time.Second)
	for _, width := range []int{-1, 1, 15, 1 << 20} {
		if _, _, err := g.maker.Frame(t.Context(), front, epoch, width); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("width %d: %v", width, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := g.maker.Frame(ctx, front, epoch, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	jpeg, _, err := g.maker.Frame(t.Context(), front, epoch.Add(time.Second), 160)
	if err != nil || picture(t, jpeg).Bounds().Dx() != 160 || picture(t, jpeg).Bounds().Dy() != 32 || number(t, jpeg) != 15 {
		t.Errorf("160 wide: %v, %v", picture(t, jpeg).Bounds(), err)
	}
}

// The pixels must be those of ffmpeg's picture of the same index, whatever range and matrix the camera uses.
func TestFramePixelsAreFFmpegs(t *testing.T) {
	for name, c := range map[string]struct {
		input  []string
		encode []string
		matrix string
		least  float64
	}{
		"1080p":     {[]string{"-i", fmp4test.Path(t, "videos/parking_main_1080p.mp4")}, []string{"-c:v", "copy", "-t", "4"}, "bt601", 35},
		"360p":      {[]string{"-i", fmp4test.Path(t, "videos/counter_sub.mp4")}, []string{"-c:v", "copy", "-t", "4"}, "bt601", 35},
		"test card": {[]string{"-f", "lavfi", "-i", "smptehdbars=size=640x360:rate=15:duration=4,gblur=sigma=4"}, []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "10"}, "bt601", 35},
		"bt709": {
			[]string{"-f", "lavfi", "-i", "smptehdbars=size=640x360:rate=15:duration=4,gblur=sigma=4"},
			[]string{"-vf", "format=rgb24,scale=out_color_matrix=bt709,format=yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-c:v", "libx264", "-crf", "10"},
			"bt709", 35,
		},
		"full range": {
			[]string{"-f", "lavfi", "-i", "smptehdbars=size=640x360:rate=15:duration=4,gblur=sigma=4"},
			[]string{"-vf", "scale=in_range=tv:out_range=pc,format=yuvj420p", "-color_range", "pc", "-c:v", "libx264", "-crf", "10"},
			"bt601", 35,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			clip := fmp4test.Load(t, append(append(c.input, "-an"), c.encode...)...)
			first, _ := g.session(clip, epoch, 3900*time.Millisecond)
			file := filepath.Join(g.dir, g.recordings()[0].Path)
			for _, n := range []int{0, 7, 44} {
				jpeg, _, err := g.maker.Frame(t.Context(), front, first.Add(time.Duration(n)*time.Second/15+time.Millisecond), 0)
				if err != nil {
					t.Fatal(err)
				}
				raw := ffmpeg(t, "-i", file, "-vf", fmt.Sprintf("select=eq(n\\,%d),scale=in_color_matrix=%s:flags=accurate_rnd+full_chroma_int", n, c.matrix), "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
				if db := comparePSNR(t, jpeg, raw); db < c.least {
					t.Errorf("picture %d: %.1f dB, want %.0f", n, db, c.least)
				} else {
					t.Logf("picture %d: %.1f dB, %d bytes", n, db, len(jpeg))
				}
			}
		})
	}
}

func comparePSNR(t *testing.T, jpeg, rgb []byte) float64 {
	t.Helper()
	img := picture(t, jpeg)
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if len(rgb) != w*h*3 {
		t.Fatalf("picture of %dx%d, ffmpeg's has %d bytes", w, h, len(rgb))
	}
	var sum float64
	rgba := image.NewRGBA(img.Bounds())
	draw.Draw(rgba, rgba.Bounds(), img, image.Point{}, draw.Src)
	for i, v := range rgb {
		d := float64(rgba.Pix[i/3*4+i%3]) - float64(v)
		sum += d * d
	}
	return 10 * math.Log10(255*255*float64(len(rgb))/max(sum, 1))
}
