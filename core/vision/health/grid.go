package health

import "math"

const (
	gridW, gridH = 160, 90
	cells        = gridW * gridH
	maxPerCell   = 4 // pixels read per cell and direction: more cost more and tell nothing new
)

// view is what is kept of one picture: a small copy, how strong the edges in it are, and a few figures of both.
type view struct {
	grey [cells]float32 // mean brightness of the cell, 0..255
	edge [cells]float32 // length of the brightness gradient, grey levels per two cells

	mean, dev float32 // of grey
	raw       float32 // deviation of the single pixels within their cells: noise and fine detail
	span      float32 // between the 1st and the 99th percentile of grey
	edgeMean  float32
	edgeDev   float32
	sharp     float32 // variance of the Laplacian over the variance of grey, so that the light cancels out
}

// fill computes v from a grey picture of at least one pixel per cell.
func (v *view) fill(luma []byte, width, height int) {
	v.shrink(luma, width, height)
	v.edges()
	v.mean, v.dev = moments(v.grey[:])
	v.edgeMean, v.edgeDev = moments(v.edge[:])
	v.sharp = v.laplacian() / max(v.dev*v.dev, 1)
}

// shrink averages the picture into the grid, whatever its shape: only like is compared with like.
func (v *view) shrink(luma []byte, width, height int) {
	var spread float64
	var counts [256]int
	for cy := range gridH {
		top, bottom := cy*height/gridH, (cy+1)*height/gridH
		stepY := (bottom - top + maxPerCell - 1) / maxPerCell
		for cx := range gridW {
			left, right := cx*width/gridW, (cx+1)*width/gridW
			stepX := (right - left + maxPerCell - 1) / maxPerCell
			var n, sum, squares int
			for y := top; y < bottom; y += stepY {
				row := luma[y*width : y*width+width]
				for x := left; x < right; x += stepX {
					p := int(row[x])
					n, sum, squares = n+1, sum+p, squares+p*p
				}
			}
			v.grey[cy*gridW+cx] = float32(sum) / float32(n)
			spread += float64(squares)/float64(n) - float64(sum*sum)/float64(n*n)
			counts[sum/n]++
		}
	}
	v.raw = float32(math.Sqrt(spread / cells))
	v.span = float32(percentile(&counts, 99) - percentile(&counts, 1))
}

func percentile(counts *[256]int, p int) int {
	left := cells * p / 100
	for i, n := range counts {
		if left -= n; left <= 0 {
			return i
		}
	}
	return len(counts) - 1
}

// edges is the central difference in both directions; the border has none.
func (v *view) edges() {
	for y := 1; y < gridH-1; y++ {
		for x := 1; x < gridW-1; x++ {
			i := y*gridW + x
			dx, dy := v.grey[i+1]-v.grey[i-1], v.grey[i+gridW]-v.grey[i-gridW]
			v.edge[i] = float32(math.Sqrt(float64(dx*dx + dy*dy)))
		}
	}
}

// laplacian is the variance of the Laplacian, a common measure of focus (Pech-Pacheco et al., "Diatom autofocusing in
// brightfield microscopy", ICPR 2000).
func (v *view) laplacian() float32 {
	var sum, squares float64
	for y := 1; y < gridH-1; y++ {
		for x := 1; x < gridW-1; x++ {
			i := y*gridW + x
			l := float64(4*v.grey[i] - v.grey[i-1] - v.grey[i+1] - v.grey[i-gridW] - v.grey[i+gridW])
			sum, squares = sum+l, squares+l*l
		}
	}
	const n = (gridW - 2) * (gridH - 2)
	return float32(squares/n - (sum/n)*(sum/n))
}

func moments(v []float32) (mean, dev float32) {
	var sum, squares float64
	for _, x := range v {
		sum, squares = sum+float64(x), squares+float64(x)*float64(x)
	}
	n := float64(len(v))
	m := sum / n
	return float32(m), float32(math.Sqrt(max(0, squares/n-m*m)))
}

// correlate is Pearson's correlation, -1..1, of the edges of v with those of background when the picture has moved by
// dx, dy cells: cell x, y of the background is at x+dx, y+dy now. Of the cells that both have, every step-th in each
// direction counts.
func (v *view) correlate(background *[cells]float32, dx, dy, step int) float32 {
	var n, a, b, aa, bb, ab float64
	for y := max(1, 1-dy); y < min(gridH-1, gridH-1-dy); y += step {
		for x := max(1, 1-dx); x < min(gridW-1, gridW-1-dx); x += step {
			p, q := float64(background[y*gridW+x]), float64(v.edge[(y+dy)*gridW+x+dx])
			n, a, b, aa, bb, ab = n+1, a+p, b+q, aa+p*p, bb+q*q, ab+p*q
		}
	}
	va, vb := aa/n-a/n*a/n, bb/n-b/n*b/n
	if n == 0 || va <= 1e-6 || vb <= 1e-6 {
		return 0
	}
	return float32((ab/n - a/n*b/n) / math.Sqrt(va*vb))
}

const reachX, reachY = 20, 12 // how far shift looks, cells

// shift finds where the background lies now, and how well it fits there.
func (v *view) shift(background *[cells]float32) (dx, dy int, fit float32) {
	for y := -reachY; y <= reachY; y++ {
		for x := -reachX; x <= reachX; x++ {
			if c := v.correlate(background, x, y, 3); c > fit {
				dx, dy, fit = x, y, c
			}
		}
	}
	return dx, dy, v.correlate(background, dx, dy, 1)
}
