package detect

import (
	"cmp"
	"slices"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Layout is how a model writes its output and wants its input.
type Layout string

// The layouts that are understood.
const (
	// LayoutV8 is [1, 4+classes, n]: centre, size and class scores by row; input RGB 0..1, picture centred. YOLOv8, v9, 11.
	LayoutV8 Layout = "yolov8"
	// LayoutYOLOX is [1, n, 5+classes]: by anchor, relative to its grid cell; input BGR 0..255, picture at the top left.
	LayoutYOLOX Layout = "yolox"
)

// maxCandidates bounds what enters non-maximum suppression. A street full of people has about 150.
const maxCandidates = 512

// candidate is a box in pixels of the model's input.
type candidate struct {
	x1, y1, x2, y2 float32
	score          float32
	class          int32
}

// decoder reads a model's output. It allocates only once and is for one goroutine.
type decoder struct {
	layout        Layout
	width, height int // of the input
	anchors       int
	classes       int
	minScore      float32
	iou           float32

	best  []float32 // by anchor, LayoutV8
	class []int32
	found []candidate
}

// anchorsFor returns how many boxes a one-stage detector with strides 8, 16 and 32 has for an input.
func anchorsFor(width, height int) int {
	n := 0
	for _, stride := range strides {
		n += (width / stride) * (height / stride)
	}
	return n
}

var strides = [...]int{8, 16, 32}

func newDecoder(layout Layout, width, height, classes int) *decoder {
	n := anchorsFor(width, height)
	return &decoder{
		layout: layout, width: width, height: height, anchors: n, classes: classes,
		best: make([]float32, n), class: make([]int32, n), found: make([]candidate, 0, maxCandidates),
	}
}

// shape returns the dimensions of the model's output.
func (d *decoder) shape() []int64 {
	if d.layout == LayoutV8 {
		return []int64{1, int64(4 + d.classes), int64(d.anchors)}
	}
	return []int64{1, int64(d.anchors), int64(5 + d.classes)}
}

// decode returns the boxes that survive non-maximum suppression, best first. The slice is valid until the next call.
// Whatever the numbers in out are, every box lies in the input, is not empty and has a score in minScore..1.
func (d *decoder) decode(out []float32) []candidate {
	d.found = d.found[:0]
	if d.layout == LayoutV8 {
		d.decodeV8(out)
	} else {
		d.decodeYOLOX(out)
	}
	slices.SortFunc(d.found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.class, b.class), cmp.Compare(a.x1, b.x1), cmp.Compare(a.y1, b.y1))
	})
	d.found = suppress(d.found[:min(len(d.found), maxCandidates)], d.iou)
	return d.found
}

func (d *decoder) decodeV8(out []float32) {
	n := d.anchors
	if len(out) < n*(4+d.classes) {
		return
	}
	best, class := d.best[:n], d.class[:n]
	clear(best)
	// Class by class: the rows lie one after the other in memory, an anchor's scores do not.
	for c := range d.classes {
		for i, v := range out[(4+c)*n:][:n] {
			if v > best[i] {
				best[i], class[i] = v, int32(c) //nolint:gosec // a model has few classes
			}
		}
	}
	cx, cy, w, h := out[:n], out[n:][:n], out[2*n:][:n], out[3*n:][:n]
	for i, score := range best {
		if score >= d.minScore {
			d.add(cx[i], cy[i], w[i], h[i], score, class[i])
		}
	}
}

func (d *decoder) decodeYOLOX(out []float32) {
	stepLen := 5 + d.classes
	if len(out) < d.anchors*stepLen {
		return
	}
	i := 0
	for _, stride := range strides {
		for y := range d.height / stride {
			for x := range d.width / stride {
				row := out[i*stepLen:][:stepLen]
				i++
				if !(row[4] >= d.minScore) {
					continue // the class score is at most 1
				}
				var best float32
				var class int32
				for c, v := range row[5:] {
					if v > best {
						best, class = v, int32(c) //nolint:gosec // a model has few classes
					}
				}
				if score := row[4] * best; score >= d.minScore {
					s := float32(stride)
					d.add((row[0]+float32(x))*s, (row[1]+float32(y))*s, exp(row[2])*s, exp(row[3])*s, score, class)
				}
			}
		}
	}
}

// add clips the box to the input. A comparison with NaN is false, so what is not a number falls out here.
func (d *decoder) add(cx, cy, w, h, score float32, class int32) {
	c := candidate{
		x1: max(cx-w/2, 0), y1: max(cy-h/2, 0), x2: min(cx+w/2, float32(d.width)), y2: min(cy+h/2, float32(d.height)),
		score: min(score, 1), class: class,
	}
	if c.x2 > c.x1 && c.y2 > c.y1 {
		d.found = append(d.found, c)
	}
}

// suppress keeps the best of boxes of one class that overlap by more than iou. found is sorted, best first.
func suppress(found []candidate, iou float32) []candidate {
	kept := found[:0]
next:
	for _, c := range found {
		for _, k := range kept {
			if k.class == c.class && overlap(k, c) > iou {
				continue next
			}
		}
		kept = append(kept, c)
	}
	return kept
}

func overlap(a, b candidate) float32 {
	return nvr.Box{X: a.x1, Y: a.y1, W: a.x2 - a.x1, H: a.y2 - a.y1}.IoU(nvr.Box{X: b.x1, Y: b.y1, W: b.x2 - b.x1, H: b.y2 - b.y1})
}
