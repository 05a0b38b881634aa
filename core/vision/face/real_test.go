package face

import (
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// named says who is in the pictures, from left to right; ? is somebody who is in no other one.
func named() map[string][]string {
	return map[string][]string{
		"obama_1.jpg": {"obama"}, "obama_1_240p.jpg": {"obama"}, "obama_1_720p.jpg": {"obama"}, "obama_2.jpg": {"obama"},
		"obama_partial.jpg": {"obama"}, "biden_1.jpg": {"biden"}, "biden_2.jpg": {"?", "biden"}, "miranda_1.png": {"miranda"},
		"lacamoire_1.png": {"lacamoire"}, "lacamoire_2.jpg": {"lacamoire"}, "obama_and_biden.jpg": {"biden", "obama", "?"},
		"two_people.jpg": {"obama", "biden"},
	}
}

type sample struct {
	file, who string
	face      Face
}

type expectedFace struct {
	File  string
	Boxes []struct{ Box [4]int }
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(footage.Dir(t), name))
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(name, err)
	}
}

// samples finds the faces of all pictures and who they are by the boxes of the reference. It says how many there should be.
func samples(t *testing.T, e *Engine) (found []sample, expected int) {
	t.Helper()
	var reference struct{ Faces []expectedFace }
	readJSON(t, "expected_faces.json", &reference)
	for _, x := range reference.Faces {
		expected += len(x.Boxes)
		slices.SortFunc(x.Boxes, func(a, b struct{ Box [4]int }) int { return a.Box[0] - b.Box[0] })
		m := picture(t, x.File)
		faces, err := e.FindInPicture(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range faces {
			s := sample{filepath.Base(x.File), whose(x, &f, m), f}
			if s.who == "" {
				t.Errorf("%s: a face at %+v where there is none", s.file, f.Box)
			}
			t.Logf("%-20s %-9s %3d px, quality %.2f %s, sharpness %.3f, yaw %.2f",
				s.file, s.who, f.Size, f.Quality.Score, f.Quality.Reason, f.Quality.Sharpness, f.Quality.Yaw)
			found = append(found, s)
		}
	}
	return found, expected
}

func whose(x expectedFace, f *Face, m gocv.Mat) string {
	center := image.Pt(int((f.Box.X+f.Box.W/2)*float32(m.Cols())), int((f.Box.Y+f.Box.H/2)*float32(m.Rows())))
	for i, b := range x.Boxes {
		if center.In(image.Rect(b.Box[0], b.Box[1], b.Box[2], b.Box[3])) {
			return named()[filepath.Base(x.File)][i]
		}
	}
	return ""
}

// With dlib's weights no two people are confused and at least 95 % of the pairs of one person are recognised.
func TestAllPairsOfFaces(t *testing.T) {
	faces, expected := samples(t, start(t, realModels(t)))
	if len(faces) < expected-1 {
		t.Errorf("found %d of %d faces", len(faces), expected)
	}
	threshold := NewGallery(GalleryOptions{}).o.Threshold
	var same, hits, others, wrong int
	farthest, nearest := 0.0, math.Inf(1)
	for i, a := range faces {
		row := make([]string, 0, i)
		for _, b := range faces[:i] {
			d := a.face.Embedding.Distance(&b.face.Embedding)
			row = append(row, fmt.Sprintf("%.2f", d))
			if a.who == b.who && a.who != "?" {
				same++
				farthest = max(farthest, d)
				if d <= threshold {
					hits++
				}
				continue
			}
			others++
			nearest = min(nearest, d)
			if d <= threshold {
				wrong++
				t.Errorf("%s in %s and %s in %s are %.3f apart", a.who, a.file, b.who, b.file, d)
			}
		}
		t.Logf("%-20s %-9s %s", a.file, a.who, strings.Join(row, " "))
	}
	t.Logf("%d of %d pairs of one person within %.2f (farthest %.3f); %d of %d other pairs (nearest %.3f)",
		hits, same, threshold, farthest, wrong, others, nearest)
	if float64(hits) < 0.95*float64(same) || same < 20 {
		t.Errorf("recall %d of %d", hits, same)
	}
	embeddings := make([]Embedding, len(faces))
	for i := range faces {
		embeddings[i] = faces[i].face.Embedding
	}
	for _, g := range Group(embeddings, threshold) {
		for _, i := range g {
			if faces[i].who != faces[g[0]].who {
				t.Errorf("%s and %s are in one group", faces[i].who, faces[g[0]].who)
			}
		}
	}
}

// visit is one person walking through visitors_720p.mp4: from one second to another, the nth from the left.
type visit struct {
	from, to, n int
	state       State
	who         string
}

// The visitors are named as the reference names them, and the strangers are strangers.
func TestVisitorsAreNamed(t *testing.T) {
	e := start(t, realModels(t))
	gallery := enrol(t, e, "obama_1.jpg", "biden_2.jpg", "miranda_1.png", "lacamoire_2.jpg")
	visits := []visit{
		{0, 5, 0, Named, "obama"},
		{5, 10, 0, Named, "biden"},
		{10, 15, 0, Stranger, ""},
		{10, 15, 1, Stranger, ""},
		{10, 15, 2, Stranger, ""},
		{15, 20, 0, Named, "miranda"},
		{20, 24, 0, Named, "obama"},
	}
	votes := make([]Vote, len(visits))
	people := detections(t)
	frames(t, len(people), func(second int, frame gocv.Mat) {
		for n, box := range people[second] {
			for i, v := range visits {
				if v.n == n && second >= v.from && second < v.to {
					try(t, e, gallery, &votes[i], fmt.Sprintf("%2d s, person %d", second, n), frame, box)
				}
			}
		}
	})
	for i, v := range visits {
		got := votes[i].Verdict()
		t.Logf("%d to %d s, person %d: %s %s, confidence %.2f after %d faces", v.from, v.to, v.n, got.State, got.ID, got.Confidence, got.Tries)
		if got.State != v.state || got.ID != v.who {
			t.Errorf("want %s %s", v.state, v.who)
		}
	}
}

func enrol(t *testing.T, e *Engine, files ...string) *Gallery {
	t.Helper()
	var people []Person
	for _, file := range files {
		faces, err := e.FindInPicture(t.Context(), picture(t, "faces/"+file))
		if err != nil || len(faces) != 1 {
			t.Fatalf("%s: %d faces, %v", file, len(faces), err)
		}
		name, _, _ := strings.Cut(file, "_")
		people = append(people, Person{ID: name, Samples: []Embedding{faces[0].Embedding}})
	}
	g := NewGallery(GalleryOptions{})
	g.Replace(people)
	return g
}

func try(t *testing.T, e *Engine, g *Gallery, v *Vote, what string, frame gocv.Mat, box image.Rectangle) {
	t.Helper()
	crop, err := cv.Crop(frame, box.Intersect(image.Rect(0, 0, frame.Cols(), frame.Rows())))
	if err != nil {
		t.Fatal(err)
	}
	defer crop.Close()
	faces, err := e.Find(t.Context(), crop)
	if err != nil {
		t.Fatal(err)
	}
	for i := range faces {
		f := &faces[i]
		m := g.Match(&f.Embedding)
		v.Add(&m, f.Quality.Score)
		t.Logf("%s: %s %s %.3f, next %.3f, %d px, quality %.2f %s", what, m.Judgement, m.ID, m.Distance, m.Second, f.Size, f.Quality.Score, f.Quality.Reason)
	}
}

// detections returns the people of each second as the reference detector found them, from left to right.
func detections(t *testing.T) (out [][]image.Rectangle) {
	t.Helper()
	var reference struct {
		Videos []struct {
			File    string
			Seconds []struct{ Detections [][]any }
		}
	}
	readJSON(t, "expected_videos.json", &reference)
	for _, v := range reference.Videos {
		if v.File != "videos/visitors_720p.mp4" {
			continue
		}
		for _, s := range v.Seconds {
			var people []image.Rectangle
			for _, d := range s.Detections {
				if d[0] == "person" && d[1].(float64) > 0.7 {
					n := func(i int) int { return int(d[i].(float64)) }
					people = append(people, image.Rect(n(2), n(3), n(4), n(5)))
				}
			}
			slices.SortFunc(people, func(a, b image.Rectangle) int { return a.Min.X - b.Min.X })
			out = append(out, people)
		}
	}
	return out
}

func frames(t *testing.T, seconds int, use func(second int, frame gocv.Mat)) {
	t.Helper()
	const fps = 15
	v, err := gocv.VideoCaptureFile(filepath.Join(footage.Dir(t), "videos", "visitors_720p.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	m := gocv.NewMat()
	defer m.Close()
	for n := 0; n < seconds*fps && v.Read(&m); n++ {
		if n%fps == 0 {
			use(n/fps, m)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	for _, width := range []int{150, 300} {
		b.Run(strconv.Itoa(width), func(b *testing.B) {
			e := start(b, realModels(b))
			m, crop := picture(b, "faces/obama_2.jpg"), gocv.NewMat()
			defer crop.Close()
			if err := cv.Resize(m, &crop, image.Pt(width, width*m.Rows()/m.Cols()), gocv.InterpolationArea); err != nil {
				b.Fatal(err)
			}
			if faces, err := e.Find(b.Context(), crop); err != nil || len(faces) != 1 {
				b.Fatal(len(faces), err)
			}
			before := cpu(b)
			for b.Loop() {
				if _, err := e.Find(b.Context(), crop); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpu is what the process has taken so far: on a busy machine the clock says little.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
