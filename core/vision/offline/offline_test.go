package offline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

// clip returns the first units of a clip of 15 pictures a second, with the wall times of a file.
func clip(t *testing.T, name string, n int) Units {
	t.Helper()
	units := footage.Load(t, name, 15)
	return func(yield func(*media.AccessUnit, error) bool) {
		for _, u := range units[:min(n, len(units))] {
			c := *u
			c.NTP = Start().Add(u.NTP.Sub(footage.Start))
			if !yield(&c, nil) {
				return
			}
		}
	}
}

// pool runs a detector for the length of the test, or skips.
func pool(t *testing.T) *detect.Pool {
	t.Helper()
	library := os.Getenv(detect.LibraryEnv)
	if _, err := os.Stat(library); err != nil {
		t.Skipf("SKIPPED: no ONNX Runtime; set %s", detect.LibraryEnv)
	}
	m, err := detect.OpenModel(library, filepath.Join(footage.Dir(t), "models", "yolox_nano.onnx"), "")
	if err != nil {
		t.Fatal(err)
	}
	p := detect.NewPool(m, detect.PoolConfig{Workers: 1}, slog.New(slog.DiscardHandler), nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return p
}

func options(p *detect.Pool) Options {
	return Options{Camera: vision.Config{Camera: "file", Labels: []string{"person"}}, Pool: p, Log: slog.New(slog.DiscardHandler)}
}

// TestWholeFileBecomesTracks: each frame is looked at in order, however slow the looker is, and who walks through is told with
// times of the file, a path and a picture; the same file gives the same twice.
func TestWholeFileBecomesTracks(t *testing.T) {
	const units = 15 * 12
	var first *Result
	for round := range 2 {
		o := options(pool(t))
		var shown []time.Duration
		o.Frame = func(f *decode.Frame, seen nvr.Observation) error {
			if !f.Time.Equal(seen.Time) {
				t.Errorf("the picture of %v with what was seen at %v", f.Time, seen.Time)
			}
			shown = append(shown, f.Time.Sub(Start()))
			return nil
		}
		r, err := Run(t.Context(), clip(t, "parking_sub.mp4", units), o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Frames != units/3 || len(shown) != r.Frames || !slices.IsSorted(shown) || r.Length != (units-1)*time.Second/15 {
			t.Fatalf("%d frames, %d shown, of %v", r.Frames, len(shown), r.Length)
		}
		if len(r.Events) == 0 || r.Inferences == 0 || r.Moving == 0 {
			t.Fatalf("nobody was seen: %+v", r)
		}
		for _, e := range r.Events {
			if e.Label != "person" || e.From < 0 || e.To < e.From || e.To > r.Length || e.Best == nil || len(e.Path) == 0 || e.TopScore < 0.6 {
				t.Errorf("event %s from %v to %v, %d places, score %v", e.Label, e.From, e.To, len(e.Path), e.TopScore)
			}
			if s, ok := e.At(e.Path[0].At, 0); !ok || s != e.Path[0] {
				t.Error("it is not where it was first found")
			}
			if _, ok := e.At(r.Length+time.Minute, time.Second); ok {
				t.Error("it is somewhere long after the end")
			}
		}
		if round == 0 {
			first = r
		} else if len(r.Events) != len(first.Events) || r.Events[0].From != first.Events[0].From || len(r.Events[0].Path) != len(first.Events[0].Path) {
			t.Errorf("the second time %d events, the first time %d", len(r.Events), len(first.Events))
		}
	}
}

// TestNothingIsLeftOut: a looker that is much slower than the file loses no frame, motion alone.
func TestNothingIsLeftOut(t *testing.T) {
	o := options(nil)
	frames := 0
	o.Frame = func(*decode.Frame, nvr.Observation) error {
		if frames++; frames == 3 {
			<-time.After(patience * 3 / 2) // more units than are allowed to a live camera pile up meanwhile
		}
		return nil
	}
	r, err := Run(t.Context(), clip(t, "parking_sub.mp4", 300), o)
	if err != nil || r.Frames != 100 || frames != 100 || r.Inferences != 0 || len(r.Events) != 0 {
		t.Errorf("%d frames, %+v, %v", frames, r, err)
	}
}

// TestFilesThatEndBadly: an error on the way is the result; a part of a file is never taken for the whole.
func TestFilesThatEndBadly(t *testing.T) {
	units := clip(t, "counter_sub.mp4", 60)
	bad := errors.New("the disk is gone")
	if _, err := Run(t.Context(), func(yield func(*media.AccessUnit, error) bool) {
		units(func(u *media.AccessUnit, err error) bool { return yield(u, err) })
		yield(nil, bad)
	}, options(nil)); !errors.Is(err, bad) {
		t.Errorf("an error of the file: %v", err)
	}
	o := options(nil)
	o.Frame = func(*decode.Frame, nvr.Observation) error { return bad }
	if _, err := Run(t.Context(), units, o); !errors.Is(err, bad) {
		t.Errorf("an error of the looker: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Frame = func(*decode.Frame, nvr.Observation) error { cancel(); return nil }
	if _, err := Run(ctx, units, o); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run: %v", err)
	}
	if _, err := Run(t.Context(), clip(t, "counter_sub.mp4", 0), options(nil)); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("a file without pictures: %v", err)
	}
}

// TestFilmPlays: what is drawn is what ffmpeg sees, picture by picture, at the rate that was asked for.
func TestFilmPlays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "film.mp4")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	film := NewFilm(out, 5)
	o := options(nil)
	o.Frame = func(f *decode.Frame, _ nvr.Observation) error {
		p, err := FramePicture(f)
		if err != nil {
			return err
		}
		defer p.Close()
		p.Draw([]Mark{{Label: "person", Text: "person 0.90", Box: nvr.Box{X: 0.25, Y: 0.25, W: 0.5, H: 0.5}}})
		return film.Add(p)
	}
	r, err := Run(t.Context(), clip(t, "counter_sub.mp4", 60), o)
	if err = errors.Join(err, film.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	back := footage.Convert(t, path, 5, media.H264, "-c:v", "copy", "-bsf:v", "h264_mp4toannexb")
	if len(back) != r.Frames || r.Frames != 20 || !back[0].Key {
		t.Fatalf("%d pictures in the film of %d frames", len(back), r.Frames)
	}
	var f decode.Frame
	defer f.Close()
	if ok, err := decode.Still(t.Context(), back, decode.Config{}, back[10].PTS, &f); err != nil || !ok {
		t.Fatalf("the film cannot be decoded: %v", err)
	}
	p, err := FramePicture(&f)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	// The bottom edge of the box has the colour of a person: yellow, with much red and green and little blue.
	yellow := 0
	bgr, size := p.BGR(), p.Bounds().Size()
	for x := size.X / 4; x < size.X*3/4; x++ {
		for y := size.Y*3/4 - 1; y <= size.Y*3/4+1; y++ {
			if v := bgr.GetVecbAt(y, x); int(v[2]) > int(v[0])+60 && int(v[1]) > int(v[0])+60 {
				yellow++
				break
			}
		}
	}
	if yellow < size.X/4 {
		t.Errorf("%d of %d pixels of the box's edge are yellow", yellow, size.X/2)
	}
}

func TestFilmTellsWhatItCannotWrite(t *testing.T) {
	p, err := OpenPicture(jpegOf(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	full := errors.New("no space left")
	film := NewFilm(writer(func([]byte) (int, error) { return 0, full }), 5)
	err = film.Add(p)
	if err = errors.Join(err, film.Close()); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
	if err := NewFilm(io.Discard, 5).Close(); err != nil {
		t.Errorf("a film without pictures: %v", err)
	}
	for _, text := range []string{"", "GIF89a", strings.Repeat("x", 1000)} {
		if _, err := OpenPicture([]byte(text)); nvr.ErrorCode(err) != nvr.CodeInvalid {
			t.Errorf("%.6q: %v", text, err)
		}
	}
	// Boxes outside, upside down and without end draw nothing and harm nothing.
	before, err := p.JPEG()
	if err != nil {
		t.Fatal(err)
	}
	p.Draw([]Mark{{Text: "far away", Box: nvr.Box{X: 2, Y: 2, W: 1, H: 1}}, {Text: "upside down", Box: nvr.Box{X: .5, Y: .5}}})
	after, err := p.JPEG()
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a box outside was drawn (%v)", err)
	}
	p.Draw([]Mark{{Text: strings.Repeat("long ", 100), Box: nvr.Box{X: -1, Y: -1, W: 3, H: 3}}})
	if after, err = p.JPEG(); err != nil || bytes.Equal(before, after) {
		t.Errorf("a box around everything was not drawn (%v)", err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func jpegOf(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(footage.Dir(t), "images", "dog.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
