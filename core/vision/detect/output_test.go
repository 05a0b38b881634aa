package detect

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestDecodeYOLOXGrid(t *testing.T) {
	d := newDecoder(LayoutYOLOX, 64, 64, 2)
	d.minScore, d.iou = 0.3, 0.45
	out := make([]float32, d.anchors*7)
	// Stride 16 begins behind the 64 anchors of stride 8; the cell at column 2, row 1 is its sixth.
	row := out[(64+1*4+2)*7:]
	copy(row, []float32{0.5, 0.5, 0, float32(math.Log(2)), 0.9, 0.1, 0.8})
	got := d.decode(out)
	if len(got) != 1 {
		t.Fatalf("%d boxes, want 1", len(got))
	}
	want := candidate{x1: 32, y1: 8, x2: 48, y2: 40, score: 0.72, class: 1}
	g := got[0]
	for _, diff := range []float32{g.x1 - want.x1, g.y1 - want.y1, g.x2 - want.x2, g.y2 - want.y2, g.score - want.score} {
		if abs(diff) > 1e-3 {
			t.Fatalf("got %+v, want %+v", g, want)
		}
	}
	if g.class != 1 {
		t.Fatalf("class %d", g.class)
	}
}

func TestSuppressKeepsTheBestPerClass(t *testing.T) {
	d := newDecoder(LayoutV8, 64, 64, 2)
	d.minScore, d.iou = 0.3, 0.45
	n := d.anchors
	out := make([]float32, n*6)
	set := func(i int, cx, cy, w, h, a, b float32) {
		for r, v := range []float32{cx, cy, w, h, a, b} {
			out[r*n+i] = v
		}
	}
	set(0, 30, 30, 20, 20, 0.8, 0)
	set(1, 32, 30, 20, 20, 0.9, 0) // the same object, better
	set(2, 31, 30, 20, 20, 0, 0.7) // the other class
	set(3, 50, 50, 8, 8, 0.29, 0)  // too weak
	set(4, 10, 60, 20, 20, 0.5, 0) // over the edge: clipped
	got := d.decode(out)
	if len(got) != 3 || got[0].score != 0.9 || got[1].class != 1 || got[2].y2 != 64 {
		t.Fatalf("got %+v", got)
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	for _, layout := range []Layout{LayoutV8, LayoutYOLOX} {
		d := newDecoder(layout, 320, 320, 80)
		d.minScore, d.iou = 0.2, 0.45
		out := make([]float32, d.anchors*85)
		for i := range out {
			out[i] = float32(i%97) / 97
		}
		d.decode(out)
		if a := testing.AllocsPerRun(20, func() { d.decode(out) }); a > 0 {
			t.Errorf("%s: %v allocations", layout, a)
		}
	}
}

// Whatever a model writes, boxes are in the picture and scores are numbers.
func FuzzDecodeOutput(f *testing.F) {
	bits := func(v ...float32) []byte {
		var b []byte
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	f.Add(true, bits(1, 2, 3, 4, 0.5, 0.9))
	f.Add(false, bits(nan, inf, -inf, 1e38, 2, nan))
	f.Add(true, bits(inf))
	f.Add(false, bits(0.5, 0.5, 100, 100, 1, 1, 1))
	f.Fuzz(func(t *testing.T, v8 bool, raw []byte) {
		layout := LayoutYOLOX
		if v8 {
			layout = LayoutV8
		}
		d := newDecoder(layout, 64, 96, 3)
		d.minScore, d.iou = 0.2, 0.45
		out := make([]float32, d.anchors*8)
		for i := range out {
			if n := len(raw) / 4; n > 0 {
				out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[i%n*4:]))
			}
		}
		for _, c := range d.decode(out) {
			if !(c.x1 >= 0 && c.y1 >= 0 && c.x2 <= 64 && c.y2 <= 96 && c.x1 < c.x2 && c.y1 < c.y2) {
				t.Fatalf("box %+v", c)
			}
			if !(c.score >= 0.2 && c.score <= 1) || c.class < 0 || c.class > 2 {
				t.Fatalf("score or class %+v", c)
			}
		}
	})
}
