package export_test

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export"
)

func TestAChangeOfFormatBeginsAnotherFile(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 8*time.Second)
	p.session(front, fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-an"), epoch.Add(9*time.Second), 4*time.Second)
	l := newLab(t, p).start()
	for _, mode := range []export.Mode{export.Copy, export.Exact} {
		x := l.make(export.Request{Cameras: cameras, Range: between(1000, 12000), Mode: mode})
		if len(x.Files) != 2 || x.Files[1].Name != "front_2026-11-25_14-30-01_to_14-30-12_UTC_part2.mp4" || len(x.Notes) != 1 {
			t.Fatalf("files %+v, notes %q", x.Files, x.Notes)
		}
		if got := probe(t, l.path(x, 0), "-show_entries", "stream=width,height"); !strings.HasPrefix(got, "256,64") {
			t.Errorf("first file has %s", got)
		}
		if got := probe(t, l.path(x, 1), "-show_entries", "stream=width,height"); got != "320,240" {
			t.Errorf("second file has %s", got)
		}
		run(t, "ffmpeg", "-v", "warning", "-i", l.path(x, 1), "-f", "null", "-")
		if g := x.Files[0].Gaps; len(g) != 1 || g[0].End.Sub(g[0].Start).Round(time.Millisecond) != time.Second {
			t.Errorf("gaps %+v", g)
		}
	}
}

func TestExactKeepsSoundInStep(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, bframes...), epoch, 16*time.Second)
	l := newLab(t, p).start()
	x := l.make(export.Request{Cameras: cameras, Range: between(2900, 9100), Mode: export.Exact})
	v, a := seconds(t, l.path(x, 0), "v:0"), seconds(t, l.path(x, 0), "a:0")
	if math.Abs(v-a) > 0.07 {
		t.Errorf("pictures last %f s, sound %f s", v, a)
	}
	// The first packet of each track that is shown.
	for _, s := range []string{"v:0", "a:0"} {
		got := probe(t, l.path(x, 0), "-select_streams", s, "-show_entries", "stream=start_time")
		if got != "0.000000" && !strings.HasPrefix(got, "0.0") {
			t.Errorf("%s starts at %s", s, got)
		}
	}
}

func TestTimelapse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		encode []string
		speed  int
	}{"keys": {plain, 100}, "all": {plain, 10}, "twice": {bframes, 2}, "h265": {hevc, 50}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTape(t)
			clip := bars(t, 16, c.encode...)
			p.session(front, clip, epoch, 16*time.Second)
			p.session(front, clip, epoch.Add(30*time.Second), 16*time.Second)
			l := newLab(t, p).start()
			x := l.make(export.Request{Cameras: cameras, Range: between(0, 60000), Mode: export.Timelapse, Speed: c.speed})
			path := l.path(x, 0)
			step := float64(c.speed) / 25 * 15 // pictures of the recording per picture of the file
			var want []int
			for at := 0.0; at < 480; at += step {
				n := int(at+1e-9) % 240
				if c.speed == 100 {
					n = n / 30 * 30
				}
				if len(want) == 0 || c.speed > 2 || want[len(want)-1] != n {
					want = append(want, n)
				}
			}
			got := numbers(t, path)
			if c.speed == 100 { // key pictures only, each a little different from what is shown at the very moment
				for _, n := range got {
					if n%30 != 0 {
						t.Errorf("picture %d is no key picture", n)
					}
				}
				if len(got) < 7 || len(got) > 9 {
					t.Errorf("%d pictures", len(got))
				}
				return
			}
			if len(got) < len(want)-2 || len(got) > len(want)+2 {
				t.Fatalf("%d pictures, want %d", len(got), len(want))
			}
			for i := range min(len(got), len(want)) {
				if d := (got[i] - want[i] + 240) % 240; d > 2 && d < 238 {
					t.Errorf("picture %d is %d, want about %d", i, got[i], want[i])
				}
			}
			if got, want := seconds(t, path, "v:0"), 32/float64(c.speed); math.Abs(got-want) > 0.09 {
				t.Errorf("lasts %f s, want %f", got, want)
			}
			if rate := probe(t, path, "-select_streams", "v:0", "-show_entries", "stream=avg_frame_rate"); c.speed > 2 && rate != "25/1" {
				t.Errorf("%s pictures a second", rate)
			}
		})
	}
}

func TestSeveralCamerasAndNothingRecorded(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 8*time.Second)
	yard := nvr.StreamID{Camera: "yard", Role: nvr.Main}
	p.session(yard, bars(t, 16, hevc...), epoch.Add(3*time.Second), 8*time.Second)
	l := newLab(t, p).start()
	x := l.make(export.Request{Cameras: []nvr.CameraID{"front", "yard", "attic"}, Range: between(1000, 7000), Mode: export.Exact, Zone: "Europe/Berlin"})
	if len(x.Files) != 2 || x.Files[0].Name != "front_2026-11-25_15-30-01_to_15-30-07.mp4" || x.Files[1].Name != "yard_2026-11-25_15-30-01_to_15-30-07.mp4" {
		t.Fatalf("files %+v", x.Files)
	}
	if x.Files[0].Start.Sub(epoch).Round(time.Millisecond) != time.Second || x.Files[1].Start.Sub(epoch) < 3*time.Second {
		t.Errorf("starts %v and %v", x.Files[0].Start, x.Files[1].Start)
	}
	if len(x.Notes) != 2 || !strings.Contains(x.Notes[0], "attic") || !strings.Contains(x.Notes[1], "edit list") {
		t.Errorf("notes %q", x.Notes)
	}
	if g := x.Files[1].Gaps; len(g) != 1 || !g[0].Start.Equal(epoch.Add(time.Second)) {
		t.Errorf("gaps %+v", g)
	}
	_, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(100000, 200000)})
	if nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("nothing recorded: %v", err)
	}
}

func TestSourcesThatGoAwayMeanwhile(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 24*time.Second)
	l := newLab(t, p).start()
	lose := func(n int) {
		if err := os.Remove(p.dir + "/" + p.recs[front][n].Path); err != nil {
			t.Fatal(err)
		}
	}
	lose(1)
	x := l.make(export.Request{Cameras: cameras, Range: between(0, 24000)})
	if len(x.Notes) != 1 || !strings.Contains(x.Notes[0], "deleted") || len(x.Files[0].Gaps) != 1 || len(x.Files[0].Pieces) != 2 {
		t.Errorf("notes %q, file %+v", x.Notes, x.Files[0])
	}
	if got := len(numbers(t, l.path(x, 0))); got != 360-150 {
		t.Errorf("%d pictures", got)
	}
	y, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 24000), Evidence: true})
	if err != nil {
		t.Fatal(err)
	}
	if y = l.end(y.ID); y.State != export.Failed || !strings.Contains(y.Error, "deleted while the evidence") {
		t.Errorf("evidence %s: %s", y.State, y.Error)
	}
	lose(0)
	lose(2)
	z, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 24000)})
	if err != nil {
		t.Fatal(err)
	}
	if z = l.end(z.ID); z.State != export.Failed || !strings.Contains(z.Error, "All recordings") {
		t.Errorf("export %s: %s", z.State, z.Error)
	}
	left, err := os.ReadDir(l.opts.Dir + "/" + z.ID)
	if err != nil || len(left) != 1 {
		t.Errorf("a failed export leaves %v, %v", left, err)
	}
	p.open = func(context.Context) error {
		return &nvr.Error{Code: nvr.CodeUnavailable, Message: "The archive is away.", Err: errors.New("timeout")}
	}
	if z, err = l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 24000)}); err != nil {
		t.Fatal(err)
	}
	if z = l.end(z.ID); z.State != export.Failed || z.Error != "The archive is away." {
		t.Errorf("export %s: %s", z.State, z.Error)
	}
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 30*time.Second)
	l := newLab(t, p).start()
	for _, r := range []export.Request{
		{Cameras: cameras, Range: between(0, 30000)},
		{Cameras: cameras, Range: between(7300, 22000)},
		{Cameras: cameras, Range: between(7300, 22000), Evidence: true},
		{Cameras: cameras, Range: between(7000, 40000), Mode: export.Exact},
	} {
		est, err := l.exp.Estimate(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		x := l.make(r)
		if got := float64(x.Bytes) / float64(est.Bytes); got < 0.85 || got > 1.15 {
			t.Errorf("%+v: %d bytes, estimated %d", r, x.Bytes, est.Bytes)
		}
		if r.Evidence {
			continue
		}
		if d := time.Duration(seconds(t, l.path(x, 0), "v:0")*1e9) - est.Duration; d.Abs() > 100*time.Millisecond {
			t.Errorf("%+v: estimated %v, off by %v", r, est.Duration, d)
		}
	}
	est, err := l.exp.Estimate(t.Context(), export.Request{Cameras: cameras, Range: between(20000, 40000)})
	if err != nil || len(est.Cameras[0].Gaps) != 1 {
		t.Errorf("gaps %+v, %v", est.Cameras, err)
	}
}

func TestRequestsThatCannotBe(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 4*time.Second)
	l := newLab(t, p)
	l.opts.Key = nil
	l.start()
	ok := export.Request{Cameras: cameras, Range: between(0, 4000)}
	for name, change := range map[string]func(*export.Request){
		"no camera":          func(r *export.Request) { r.Cameras = nil },
		"camera twice":       func(r *export.Request) { r.Cameras = []nvr.CameraID{"front", "front"} },
		"camera with path":   func(r *export.Request) { r.Cameras = []nvr.CameraID{"../x"} },
		"empty range":        func(r *export.Request) { r.Range.End = r.Range.Start },
		"long range":         func(r *export.Request) { r.Range.End = r.Range.Start.Add(25 * time.Hour) },
		"mode":               func(r *export.Request) { r.Mode = "fast" },
		"role":               func(r *export.Request) { r.Role = "third" },
		"speed":              func(r *export.Request) { r.Mode, r.Speed = export.Timelapse, 1 },
		"speed of copy":      func(r *export.Request) { r.Speed = 20 },
		"timelapse evidence": func(r *export.Request) { r.Mode, r.Speed, r.Evidence = export.Timelapse, 20, true },
		"no key":             func(r *export.Request) { r.Evidence = true },
		"zone":               func(r *export.Request) { r.Zone = "../../etc/passwd" },
	} {
		r := ok
		change(&r)
		if _, err := l.exp.Create(t.Context(), r); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := ok
	r.Name = "  gate\x00 \u202eat\nnight " + strings.Repeat("x", 500)
	x := l.make(r)
	if !strings.HasPrefix(x.Name, "gate at night xxx") || len(x.Name) != 120 {
		t.Errorf("name %q", x.Name)
	}
	for _, name := range []string{"export.json", "../" + x.ID + "/" + x.Files[0].Name, ".tmp-x", ""} {
		if _, _, err := l.exp.OpenFile(x.ID, name); nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Errorf("file %q: %v", name, err)
		}
	}
	f, info, err := l.exp.OpenFile(x.ID, x.Files[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s, err := f.Stat(); err != nil || s.Size() != info.Bytes {
		t.Errorf("size %d, %v", info.Bytes, err)
	}
}

func TestSoundAlone(t *testing.T) {
	t.Parallel()
	clip := fmp4test.Load(t, "-f", "lavfi", "-i", "sine=sample_rate=48000:duration=8", "-c:a", "aac")
	clip.Length = 8 * time.Second
	p := newTape(t)
	p.session(front, clip, epoch, 8*time.Second)
	l := newLab(t, p).start()
	for _, mode := range []export.Mode{export.Copy, export.Exact} {
		x := l.make(export.Request{Cameras: cameras, Range: between(2000, 6000), Mode: mode})
		if got := seconds(t, l.path(x, 0), "a:0"); math.Abs(got-4) > 0.05 {
			t.Errorf("%s lasts %f s", mode, got)
		}
		run(t, "ffmpeg", "-v", "warning", "-i", l.path(x, 0), "-f", "null", "-")
	}
	x, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 8000), Mode: export.Timelapse, Speed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if x = l.end(x.ID); x.State != export.Failed || !strings.Contains(x.Error, "no pictures") || x.Bytes != 0 {
		t.Errorf("time-lapse of sound %+v", x)
	}
}

func TestAV1(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	clip := bars(t, 16, "-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "pred-struct=1", "-an")
	p.session(front, clip, epoch, 16*time.Second)
	l := newLab(t, p).start()
	for _, mode := range []export.Mode{export.Copy, export.Exact} {
		x := l.make(export.Request{Cameras: cameras, Range: between(3000, 9000), Mode: mode})
		// ffmpeg's AV1 decoder shows what an edit list hides.
		sameNumbers(t, numbers(t, l.path(x, 0)), count(30, 135))
		if hidden := len(x.Notes) == 1 && strings.Contains(x.Notes[0], "edit list"); hidden != (mode == export.Exact) {
			t.Errorf("%s: notes %q", mode, x.Notes)
		}
		if want := map[export.Mode]float64{export.Copy: 7, export.Exact: 6}[mode]; math.Abs(seconds(t, l.path(x, 0), "v:0")-want) > 0.001 {
			t.Errorf("%s does not last %f s", mode, want)
		}
	}
	x := l.make(export.Request{Cameras: cameras, Range: between(0, 16000), Mode: export.Timelapse, Speed: 25})
	if n := len(numbers(t, l.path(x, 0))); n != 16 {
		t.Errorf("%d pictures of a time-lapse", n)
	}
}
