package demo

// picture is an I420 frame: a full-size luma plane and two chroma planes of half width and height, one after another.
type picture struct {
	w, h int
	pix  []byte
}

// colour is a colour in video range YCbCr.
type colour struct{ y, cb, cr byte }

// rgb converts by BT.601.
func rgb(r, g, b int) colour {
	y := (66*r+129*g+25*b+128)>>8 + 16
	cb := (-38*r-74*g+112*b+128)>>8 + 128
	cr := (112*r-94*g-18*b+128)>>8 + 128
	return colour{byte(y), byte(cb), byte(cr)}
}

// lit darkens c for a light between 0 (night) and 1 (day). Night keeps some light and loses colour.
func (c colour) lit(light float64) colour {
	f := 0.22 + 0.78*light
	fade := func(v byte) byte { return byte(128 + (float64(v)-128)*(0.35+0.65*light)) }
	return colour{byte(16 + (float64(c.y)-16)*f), fade(c.cb), fade(c.cr)}
}

func newPicture(w, h int) *picture { return &picture{w: w, h: h, pix: make([]byte, w*h*3/2)} }

// span paints one row from x0 to x1, clipped.
func (p *picture) span(x0, x1, y int, c colour) {
	x0, x1 = max(0, x0), min(p.w, x1)
	if y < 0 || y >= p.h || x0 >= x1 {
		return
	}
	row := p.pix[y*p.w : (y+1)*p.w]
	for x := x0; x < x1; x++ {
		row[x] = c.y
	}
	if y%2 != 0 {
		return
	}
	half := p.w / 2
	cb := p.pix[p.w*p.h+y/2*half:]
	cr := p.pix[p.w*p.h+half*(p.h/2)+y/2*half:]
	for x := x0 / 2; x < (x1+1)/2 && x < half; x++ {
		cb[x], cr[x] = c.cb, c.cr
	}
}

func (p *picture) rect(x, y, w, h float64, c colour) {
	for i := int(y); i < int(y+h); i++ {
		p.span(int(x), int(x+w), i, c)
	}
}

func (p *picture) ellipse(cx, cy, rx, ry float64, c colour) {
	for i := int(cy - ry); i <= int(cy+ry); i++ {
		d := (float64(i) - cy) / ry
		if s := 1 - d*d; s > 0 {
			half := rx * sqrt(s)
			p.span(int(cx-half), int(cx+half), i, c)
		}
	}
}

// slab paints a quadrilateral with level top and bottom: from x0..x1 at y to x2..x3 at y+h.
func (p *picture) slab(x0, x1, y, x2, x3, h float64, c colour) {
	for i := range int(h) {
		f := float64(i) / h
		p.span(int(x0+(x2-x0)*f), int(x1+(x3-x1)*f), int(y)+i, c)
	}
}

// digits is a 5x7 font for a clock.
var digits = map[rune][7]byte{ //nolint:gochecknoglobals // a constant table
	'0': {14, 17, 19, 21, 25, 17, 14}, '1': {4, 12, 4, 4, 4, 4, 14}, '2': {14, 17, 1, 2, 4, 8, 31},
	'3': {31, 2, 4, 2, 1, 17, 14}, '4': {2, 6, 10, 18, 31, 2, 2}, '5': {31, 16, 30, 1, 1, 17, 14},
	'6': {6, 8, 16, 30, 17, 17, 14}, '7': {31, 1, 2, 4, 8, 8, 8}, '8': {14, 17, 17, 14, 17, 17, 14},
	'9': {14, 17, 17, 15, 1, 2, 12}, ':': {0, 4, 4, 0, 4, 4, 0}, '-': {0, 0, 0, 31, 0, 0, 0},
}

func (p *picture) text(x, y, scale float64, s string, c colour) {
	for _, r := range s {
		for row, bits := range digits[r] {
			for col := range 5 {
				if bits>>(4-col)&1 == 1 {
					p.rect(x+float64(col)*scale, y+float64(row)*scale, scale, scale, c)
				}
			}
		}
		x += 6 * scale
	}
}
