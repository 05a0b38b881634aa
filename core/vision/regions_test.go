package vision

import (
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

func px(x, y, w, h float32, width, height float32) nvr.Box {
	return nvr.Box{X: x / width, Y: y / height, W: w / width, H: h / height}
}

func TestPlan(t *testing.T) {
	small := func(x, y float32) nvr.Box { return px(x, y, 30, 60, 1280, 720) }
	for _, c := range []struct {
		name  string
		w, h  int
		boxes []nvr.Box
		want  []image.Rectangle
	}{
		{"nothing", 1280, 720, nil, nil},
		{"one object gets a square of the input's size around it", 1280, 720, []nvr.Box{small(600, 300)}, []image.Rectangle{image.Rect(407, 122, 823, 538)}},
		{"at the corner it is shifted in", 1280, 720, []nvr.Box{small(0, 0)}, []image.Rectangle{image.Rect(0, 0, 416, 416)}},
		{"neighbours share one", 1280, 720, []nvr.Box{small(600, 300), small(700, 320)}, []image.Rectangle{image.Rect(457, 132, 873, 548)}},
		{"far ones do not", 1280, 720, []nvr.Box{small(100, 300), small(1100, 300)}, []image.Rectangle{image.Rect(0, 122, 416, 538), image.Rect(864, 122, 1280, 538)}},
		{"four corners are the whole picture", 1280, 720, []nvr.Box{small(0, 0), small(1250, 0), small(0, 660), small(1250, 660)}, []image.Rectangle{image.Rect(0, 0, 1280, 720)}},
		{"much motion is the whole picture", 1280, 720, []nvr.Box{px(0, 0, 1000, 700, 1280, 720)}, []image.Rectangle{image.Rect(0, 0, 1280, 720)}},
		{"a large object gets a larger square", 1280, 720, []nvr.Box{px(400, 100, 200, 400, 1280, 720)}, []image.Rectangle{image.Rect(230, 30, 771, 571)}},
		{"a small picture has no larger region", 320, 180, []nvr.Box{px(10, 10, 20, 40, 320, 180)}, []image.Rectangle{image.Rect(0, 0, 180, 180)}},
		{"higher than the picture", 640, 360, []nvr.Box{px(300, 0, 60, 360, 640, 360)}, []image.Rectangle{image.Rect(87, 0, 573, 360)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p planner
			got := p.plan(c.boxes, c.w, c.h, 416)
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i := range got {
				d := got[i].Min.Sub(c.want[i].Min)
				e := got[i].Max.Sub(c.want[i].Max)
				if d.X*d.X > 1 || d.Y*d.Y > 1 || e.X*e.X > 1 || e.Y*e.Y > 1 {
					t.Errorf("%v, want %v", got, c.want)
				}
			}
		})
	}
}

// Every region lies in the picture and is not empty, and every box is in some region.
func TestPlanCoversEverything(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4)) //nolint:gosec // reproducible
	var p planner
	for range 2000 {
		w, h := 64+rnd.IntN(1500), 64+rnd.IntN(1500)
		var boxes []nvr.Box
		for range rnd.IntN(8) {
			x, y := rnd.Float32(), rnd.Float32()
			boxes = append(boxes, nvr.Box{X: x, Y: y, W: (1 - x) * rnd.Float32() / 2, H: (1 - y) * rnd.Float32() / 2})
		}
		regions := p.plan(boxes, w, h, 416)
		for _, r := range regions {
			if r.Empty() || !r.In(image.Rect(0, 0, w, h)) {
				t.Fatalf("region %v of %dx%d", r, w, h)
			}
		}
		for _, b := range boxes {
			centre := image.Pt(int((b.X+b.W/2)*float32(w)), int((b.Y+b.H/2)*float32(h)))
			in := false
			for _, r := range regions {
				in = in || centre.In(r)
			}
			if !in {
				t.Fatalf("box %v of %dx%d is in none of %v", b, w, h, regions)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	all := func(string) bool { return true }
	left, right := nvr.Box{W: 0.6, H: 1}, nvr.Box{X: 0.4, W: 0.6, H: 1}
	f := func(region int, label string, score float32, x, w float32) detect.Found {
		return detect.Found{Region: region, Detection: nvr.Detection{Label: label, Score: score, Box: nvr.Box{X: x, Y: 0.3, W: w, H: 0.4}}}
	}
	for _, c := range []struct {
		name  string
		found []detect.Found
		want  []float32 // scores
	}{
		{"twice the same", []detect.Found{f(0, "person", 0.7, 0.45, 0.1), f(1, "person", 0.8, 0.45, 0.1)}, []float32{0.8}},
		{"two labels", []detect.Found{f(0, "person", 0.7, 0.45, 0.1), f(1, "dog", 0.8, 0.45, 0.1)}, []float32{0.8, 0.7}},
		{"cut off by the region", []detect.Found{f(0, "car", 0.9, 0.45, 0.15), f(1, "car", 0.6, 0.45, 0.4)}, []float32{0.6}},
		{"cut off but the only one", []detect.Found{f(0, "car", 0.9, 0.45, 0.15)}, []float32{0.9}},
		{"the picture's edge does not cut", []detect.Found{f(0, "car", 0.5, 0, 0.2), f(0, "car", 0.6, 0.22, 0.2)}, []float32{0.6, 0.5}},
		{"unknown region", []detect.Found{f(9, "car", 0.9, 0.45, 0.15)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m merger
			got := m.merge(c.found, []nvr.Box{left, right}, all)
			if len(got) != len(c.want) {
				t.Fatalf("%v, want scores %v", got, c.want)
			}
			for i := range got {
				if got[i].Score != c.want[i] {
					t.Fatalf("%v, want scores %v", got, c.want)
				}
			}
		})
	}
	var m merger
	if got := m.merge([]detect.Found{f(0, "cat", 0.9, 0.1, 0.1)}, []nvr.Box{left}, func(l string) bool { return l == "dog" }); len(got) > 0 {
		t.Fatalf("unwanted label: %v", got)
	}
}

func TestBetterView(t *testing.T) {
	now := time.Now()
	obj := func(score, x, w float32) *nvr.TrackedObject {
		return &nvr.TrackedObject{Score: score, Box: nvr.Box{X: x, Y: 0.3, W: w, H: 0.4}}
	}
	for _, c := range []struct {
		name string
		have bestView
		o    *nvr.TrackedObject
		want bool
	}{
		{"the first", bestView{}, obj(0.3, 0, 0.1), true},
		{"surer", bestView{score: 0.6, area: 0.04, at: now}, obj(0.7, 0.4, 0.1), true},
		{"hardly surer", bestView{score: 0.6, area: 0.04, at: now}, obj(0.64, 0.4, 0.1), false},
		{"larger", bestView{score: 0.6, area: 0.04, at: now}, obj(0.6, 0.4, 0.12), true},
		{"larger but unsure", bestView{score: 0.9, area: 0.04, at: now}, obj(0.5, 0.4, 0.2), false},
		{"now whole", bestView{score: 0.9, area: 0.04, edge: true, at: now}, obj(0.6, 0.4, 0.1), true},
		{"now cut off", bestView{score: 0.6, area: 0.04, at: now}, obj(0.9, 0, 0.3), false},
	} {
		if got := c.have.better(c.o); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestMailboxNewestWins(t *testing.T) {
	m := newMailbox()
	a, b := <-m.free, <-m.free
	a.boxes = []nvr.Box{{X: 1}}
	b.boxes = []nvr.Box{{X: 2}}
	if m.put(a) || !m.put(b) {
		t.Fatal("replaced wrongly reported")
	}
	if got := m.take(); got != b || len(got.boxes) != 2 || m.take() != nil {
		t.Fatalf("%v", got)
	}
	if len(m.free) != 2 {
		t.Fatalf("%d free", len(m.free))
	}
}
