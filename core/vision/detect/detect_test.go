package detect

import (
	"encoding/json"
	"errors"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

type expectedImage struct {
	File          string
	Width, Height int
}

type expectedDetection struct {
	Label string
	Score float32
	Box   [4]float32
}

type expectedImages struct {
	Images []struct {
		expectedImage
		Results map[string]struct{ Detections []expectedDetection }
	}
}

// differences counts what is only in one of two lists, as far as its score is at least sure. Non-maximum suppression may
// keep the other of two overlapping boxes.
func differences(t *testing.T, img expectedImage, want []expectedDetection, found []Found, sure float32) (n int) {
	t.Helper()
	w, h := float32(img.Width), float32(img.Height)
	used := make([]bool, len(found))
	match := func(d expectedDetection) bool {
		for i, f := range found {
			x1, y1, x2, y2 := f.Box.X*w, f.Box.Y*h, (f.Box.X+f.Box.W)*w, (f.Box.Y+f.Box.H)*h
			off := max(abs(x1-d.Box[0]), abs(y1-d.Box[1]), abs(x2-d.Box[2]), abs(y2-d.Box[3]))
			if !used[i] && f.Label == d.Label && abs(f.Score-d.Score) <= 0.04 && off <= 0.025*max(w, h) {
				used[i] = true
				return true
			}
		}
		return false
	}
	for _, d := range want {
		if !match(d) && d.Score >= sure {
			n++
			t.Logf("%s: %s %.3f %v not found", img.File, d.Label, d.Score, d.Box)
		}
	}
	for i, f := range found {
		if !used[i] && f.Score >= sure {
			n++
			t.Logf("%s: %s %.3f %v was not expected", img.File, f.Label, f.Score, f.Box)
		}
	}
	return n
}

// The detector must agree with an independent implementation on every picture and model, within the tolerances that
// the reference names: score 0.04, boxes 2.5 % of the longest side, and what is within 0.05 of the threshold may differ.
func TestDetectAgreesWithReference(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(footage.Dir(t), "expected_images.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want expectedImages
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"yolov8n.onnx", "yolov8n_320.onnx", "yolov8n_640x384.onnx", "yolox_nano.onnx"} {
		t.Run(name, func(t *testing.T) {
			threshold := float32(0.25)
			if name == "yolox_nano.onnx" {
				threshold = 0.30
			}
			s := openSession(t, open(t, name), threshold)
			checked, swapped := 0, 0
			for _, img := range want.Images {
				ref, ok := img.Results[name]
				if !ok {
					continue
				}
				bgr := picture(t, img.File)
				found, err := s.infer(nil, bgr, image.Rect(0, 0, bgr.Cols(), bgr.Rows()), 0)
				if err != nil {
					t.Fatal(err)
				}
				checked += len(ref.Detections)
				swapped += differences(t, img.expectedImage, ref.Detections, found, threshold+0.05)
			}
			t.Logf("%d detections compared", checked)
			if checked < 30 {
				t.Fatalf("only %d detections in the reference", checked)
			}
			if swapped > 2 { // one swap is one missing and one extra
				t.Fatalf("%d differences beyond the borderline, at most one swap (2) is known", swapped)
			}
		})
	}
}

func abs(x float32) float32 { return float32(math.Abs(float64(x))) }

func TestDetectInRegionGivesBoxesOfTheWholePicture(t *testing.T) {
	s := openSession(t, open(t, "yolox_nano.onnx"), 0.3)
	bgr := picture(t, "images/dog.jpg")
	whole, err := s.infer(nil, bgr, image.Rect(0, 0, bgr.Cols(), bgr.Rows()), 0)
	if err != nil {
		t.Fatal(err)
	}
	part, err := s.infer(nil, bgr, image.Rect(60, 150, 460, 560), 7)
	if err != nil {
		t.Fatal(err)
	}
	dog := func(found []Found) Found {
		for _, f := range found {
			if f.Label == "dog" {
				return f
			}
		}
		t.Fatalf("no dog in %v", found)
		return Found{}
	}
	a, b := dog(whole), dog(part)
	if iou := a.Box.IoU(b.Box); iou < 0.8 || b.Region != 7 {
		t.Fatalf("dog at %v in the whole, %v in region %d: IoU %.2f", a.Box, b.Box, b.Region, iou)
	}
}

// A box that reaches into the grey around a region, or beyond the input, ends at the region; one that lies in the grey is none.
func TestBoxesEndAtTheirRegion(t *testing.T) {
	for _, layout := range []Layout{LayoutV8, LayoutYOLOX} {
		m := &Model{Layout: layout, Width: 320, Height: 320, Labels: []string{"x"}}
		input := newInput(m, 1)
		c := newCanvas(m, input, 0)
		bgr := gocv.NewMatWithSize(400, 800, gocv.MatTypeCV8UC3)
		roi := image.Rect(200, 100, 600, 300)
		if err := c.load(bgr, roi); err != nil {
			t.Fatal(err)
		}
		found := c.collect(nil, []candidate{
			{x1: 0, y1: 0, x2: 320, y2: 320, score: 1},
			{x1: -50, y1: -50, x2: 400, y2: 400, score: 1},
			{x1: 10, y1: 300, x2: 20, y2: 320, score: 1}, // in the grey of both layouts
		}, image.Pt(800, 400), roi, 3)
		want := nvr.Box{X: 0.25, Y: 0.25, W: 0.5, H: 0.5}
		if len(found) != 2 || found[0].Box != want || found[1].Box != want || found[0].Region != 3 {
			t.Errorf("%s: %+v, want two of %+v", layout, found, want)
		}
		c.close()
		_ = input.Close()
		_ = bgr.Close()
	}
}

// In steady state a detection allocates nothing.
func TestDetectAllocatesNothing(t *testing.T) {
	s := openSession(t, open(t, "yolox_nano.onnx"), 0.2)
	bgr := picture(t, "images/bus.jpg")
	var found []Found
	n := testing.AllocsPerRun(10, func() {
		var err error
		if found, err = s.infer(found[:0], bgr, image.Rect(0, 0, bgr.Cols(), bgr.Rows()), 0); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations per detection", n)
	}
}

func TestDetectRefusesBadPictures(t *testing.T) {
	s := openSession(t, open(t, "yolox_nano.onnx"), 0.3)
	bgr := picture(t, "images/dog.jpg")
	empty, grey := gocv.NewMat(), gocv.NewMatWithSize(40, 40, gocv.MatTypeCV8UC1)
	defer empty.Close()
	defer grey.Close()
	for name, c := range map[string]struct {
		m gocv.Mat
		r image.Rectangle
	}{
		"empty picture":   {empty, image.Rect(0, 0, 10, 10)},
		"grey picture":    {grey, image.Rect(0, 0, 10, 10)},
		"empty region":    {bgr, image.Rect(5, 5, 5, 50)},
		"over the edge":   {bgr, image.Rect(-1, 0, 50, 50)},
		"far outside":     {bgr, image.Rect(5000, 5000, 5100, 5100)},
		"inverted region": {bgr, image.Rectangle{Min: image.Pt(50, 50), Max: image.Pt(10, 10)}},
	} {
		if _, err := s.infer(nil, c.m, c.r, 0); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := s.infer(nil, bgr, image.Rect(3, 3, 4, 4), 0); err != nil {
		t.Errorf("one pixel: %v", err)
	}
}

func TestOpenModelSaysWhatIsWrong(t *testing.T) {
	lib := library(t)
	dir := t.TempDir()
	good, err := os.ReadFile(filepath.Join(footage.Dir(t), "models/yolox_nano.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	broken := append([]byte(nil), good...)
	for i := range 2000 {
		broken[i*7] ^= 0x5a
	}
	for _, c := range []struct {
		name, model, labels string
		want                []string
	}{
		{"missing", filepath.Join(dir, "none.onnx"), "", []string{"none.onnx cannot be opened", "models pull"}},
		{"empty", write("empty.onnx", nil), "", []string{"0 bytes"}},
		{"truncated", write("cut.onnx", good[:len(good)/2]), "", []string{"cut.onnx", "export it again"}},
		{"damaged", write("broken.onnx", broken), "", []string{"broken.onnx", "export it again"}},
		{"web page", write("page.onnx", []byte("<html>not found</html>")), "", []string{"cannot be read as ONNX"}},
		{"faces", filepath.Join(footage.Dir(t), "models/face_detection_yunet_2023mar.onnx"), "", []string{"want a float32 picture", "outputs"}},
		{"embedding", filepath.Join(footage.Dir(t), "models/mobilefacenet_int8.onnx"), "", []string{"want a float32 picture"}},
		{"labels", write("ok.onnx", good), write("short.labels", []byte("cat\ndog\n")), []string{"2 lines", "80 classes"}},
		{"no labels", filepath.Join(dir, "ok.onnx"), filepath.Join(dir, "none.labels"), []string{"read labels"}},
	} {
		_, err := OpenModel(lib, c.model, c.labels)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", c.name, err, w)
			}
		}
	}
}

func TestLibraryErrors(t *testing.T) {
	library(t)
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.so")
	if err := os.WriteFile(junk, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	// An old ONNX Runtime answers a request for a newer API with a null pointer; so does this stand-in.
	src, old := filepath.Join(dir, "old.c"), filepath.Join(dir, "old.so")
	code := `typedef struct { const void *(*get)(unsigned); const char *(*version)(void); } base;
static const void *get(unsigned v) { return 0; }
static const char *version(void) { return "1.20.0"; }
static const base b = {get, version};
const base *OrtGetApiBase(void) { return &b; }`
	if err := os.WriteFile(src, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "cc", "-shared", "-fPIC", "-o", old, src).CombinedOutput(); err != nil {
		t.Fatalf("cc: %v: %s", err, out)
	}
	for _, c := range []struct{ path, want string }{
		{junk, "not an ONNX Runtime library"},
		{filepath.Join(dir, "gone.so"), "not an ONNX Runtime library"},
		{old, "too old: version 1.24 or newer"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "DETECT_TEST_LOAD="+c.path)
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, said %q, want %q", c.path, err, out, c.want)
		}
	}
}

func TestFindLibrary(t *testing.T) {
	f := filepath.Join(t.TempDir(), "some.so")
	if err := os.WriteFile(f, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(LibraryEnv, "")
	if p, err := FindLibrary(f); err != nil || p != f {
		t.Errorf("configured: %q, %v", p, err)
	}
	if _, err := FindLibrary(f + "x"); nvr.ErrorCode(err) != nvr.CodeUnavailable || !strings.Contains(err.Error(), "detect.onnxruntime") {
		t.Errorf("configured but missing: %v", err)
	}
	if _, err := FindLibrary(""); err == nil || !strings.Contains(err.Error(), libraryName) {
		t.Errorf("nowhere: %v", err)
	}
	t.Setenv(LibraryEnv, f)
	if p, err := FindLibrary(""); err != nil || p != f {
		t.Errorf("environment: %q, %v", p, err)
	}
}

func TestLabels(t *testing.T) {
	if c := COCO(); len(c) != 80 || c[0] != "person" || c[9] != "traffic light" || c[79] != "toothbrush" {
		t.Fatalf("COCO: %d names, %v", len(c), c)
	}
	if m := open(t, "yolov8n.onnx"); m.Labels[0] != "person" || m.Labels[67] != "cell phone" || m.Layout != LayoutV8 || m.Width != 640 {
		t.Errorf("yolov8n: %v %dx%d %v", m.Layout, m.Width, m.Height, m.Labels)
	}
	if m := open(t, "yolov8n_640x384.onnx"); m.Width != 640 || m.Height != 384 {
		t.Errorf("640x384 is %dx%d", m.Width, m.Height)
	}
	if m := open(t, "yolox_nano.onnx"); m.Layout != LayoutYOLOX || m.Width != 416 || len(m.Labels) != 80 {
		t.Errorf("yolox_nano: %v", m)
	}
	for s, want := range map[string][]string{
		`{0: 'a', 1: "driver's door"}`: {"a", "driver's door"},
		`{1: 'b', 0: 'a'}`:             {"a", "b"},
		`{0: 'a'}`:                     nil,
		`{0: 'a', 7: 'b'}`:             nil,
		`{0: 'a', 0: 'b'}`:             nil,
		`{99999999999999999999: 'a'}`:  nil,
		``:                             nil,
	} {
		if got := parseNames(s, 2); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
	if h, w := parseSize("[384, 640]"); h != 384 || w != 640 {
		t.Errorf("imgsz: %d %d", h, w)
	}
	if h, w := parseSize("garbage"); h != 640 || w != 640 {
		t.Errorf("imgsz: %d %d", h, w)
	}
}
