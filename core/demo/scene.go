package demo

import (
	"math"
	"time"
)

const (
	sceneWidth  = 1280
	sceneHeight = 720
	sceneFPS    = 10

	// dayLength is a whole day of the scene, bright at its start.
	dayLength = 12 * time.Minute

	personSlot, personWalk = 16 * time.Second, 13 * time.Second
	carSlot, carDrive      = 11 * time.Second, 6 * time.Second
)

func sqrt(v float64) float64 { return math.Sqrt(v) }

// scene is a street with people and cars. What it shows depends on nothing but the time since its start, so it can be
// tested and never drifts.
type scene struct {
	back  *picture // houses, street and sky in the light of backAt
	light float64
	out   *picture
}

func newScene() *scene {
	return &scene{back: newPicture(sceneWidth, sceneHeight), light: -1, out: newPicture(sceneWidth, sceneHeight)}
}

// lightAt returns 1 by day, 0 by night, with slow dawn and dusk.
func lightAt(t time.Duration) float64 {
	day := math.Cos(2 * math.Pi * float64(t%dayLength) / float64(dayLength))
	return min(max(0.5+1.2*day, 0), 1)
}

// draw paints the scene at t since its start, with wall time on it, into a frame that stays valid until the next draw.
func (s *scene) draw(t time.Duration, wall time.Time) []byte {
	light := math.Round(lightAt(t)*100) / 100 // the background is painted anew in small steps
	if light != s.light {
		s.light = light
		s.background()
	}
	copy(s.out.pix, s.back.pix)
	for lane := range 2 {
		s.person(t, lane)
	}
	for lane := range 2 {
		s.car(t, lane)
	}
	// At the bottom right, where neither the interface's camera name nor its stream facts lie.
	const x, y, char = 912, 678, 6 * 3
	s.out.rect(x-6, y-6, 19*char+8, 31, rgb(0, 0, 0))
	s.out.text(x, y, 3, wall.Format("2006-01-02"), rgb(255, 255, 255))
	s.out.text(x+11*char, y, 3, wall.Format("15:04:05"), rgb(255, 255, 255))
	return s.out.pix
}

func (s *scene) background() {
	p, l := s.back, s.light
	for y := range 330 {
		f := y / 3
		p.span(0, sceneWidth, y, rgb(110+f/2, 160+f/2, 230-f/4).lit(l*0.9))
	}
	for i, x := range []float64{40, 380, 700, 1010} { // houses
		wall := [][3]int{{196, 164, 132}, {168, 92, 76}, {214, 206, 186}, {150, 158, 150}}[i]
		top := 130 + float64(i%2)*30
		p.slab(x+90, x+150, top-70, x-15, x+255, 70, rgb(96, 60, 52).lit(l))
		p.rect(x, top, 240, 330-top, rgb(wall[0], wall[1], wall[2]).lit(l))
		for w := range 3 {
			pane := rgb(70, 90, 110).lit(l)
			if l < 0.4 && (w+i)%2 == 0 {
				pane = rgb(250, 214, 120) // somebody is at home
			}
			p.rect(x+20+float64(w)*75, top+30, 48, 52, pane)
		}
		p.rect(x+96, 262, 46, 68, rgb(84, 56, 40).lit(l))
	}
	p.rect(0, 330, sceneWidth, 60, rgb(104, 140, 84).lit(l))
	p.rect(0, 390, sceneWidth, 90, rgb(172, 170, 164).lit(l)) // far pavement
	p.rect(0, 480, sceneWidth, 160, rgb(84, 86, 90).lit(l))   // road
	p.rect(0, 640, sceneWidth, 80, rgb(164, 162, 156).lit(l)) // near pavement
	for x := 20.0; x < sceneWidth; x += 120 {
		p.rect(x, 556, 64, 8, rgb(228, 226, 214).lit(l))
	}
	for _, x := range []float64{330, 1265} { // trees
		p.rect(x-9, 250, 18, 110, rgb(92, 68, 48).lit(l))
		for _, leaf := range [][3]float64{{-34, 240, 46}, {30, 236, 48}, {0, 190, 52}} {
			p.ellipse(x+leaf[0], leaf[1], leaf[2], leaf[2]*0.85, rgb(62, 112, 54).lit(l))
		}
	}
	for _, x := range []float64{300, 960} { // street lamps
		p.rect(x, 190, 8, 210, rgb(60, 64, 66).lit(l))
		lamp := rgb(120, 120, 116).lit(l)
		if l < 0.4 {
			lamp = rgb(255, 236, 180)
			p.ellipse(x+4, 436, 120, 34, rgb(150, 140, 110).lit(0.55))
		}
		p.ellipse(x+4, 186, 20, 12, lamp)
	}
}

// dice returns a number 0..n-1 that depends on its arguments alone.
func dice(n uint64, seed ...uint64) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, v := range seed {
		h = (h ^ v) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	return h % n
}

// turn says whether somebody is under way at t, which slot it is and how far along, 0..1. The first slot always is, so
// that a newcomer need not wait; about half of the others are, so that there is quiet too.
func turn(t, slot, length time.Duration, lane int, kind uint64) (id uint64, along float64, on bool) {
	offset := time.Duration(1-lane) * slot * 2 / 5
	if t < offset {
		return 0, 0, false
	}
	id = uint64((t - offset) / slot)
	along = float64((t-offset)%slot) / float64(length)
	busy := id == 0 && lane == 1 || dice(100, kind, uint64(lane), id) < 45
	return id, along, busy && along < 1
}

// person walks along the far pavement, or larger along the near one.
func (s *scene) person(t time.Duration, lane int) {
	id, along, on := turn(t, personSlot, personWalk, lane, 1)
	if !on {
		return
	}
	size, ground := 160.0, 470.0
	if lane == 1 {
		size, ground = 290, 708
	}
	x := -60 + along*(sceneWidth+120)
	if dice(2, 7, uint64(lane), id) == 1 {
		x = sceneWidth - x
	}
	coats := [][3]int{{178, 40, 44}, {36, 74, 150}, {40, 116, 72}, {228, 178, 52}, {110, 60, 130}}
	coat := coats[dice(uint64(len(coats)), 9, uint64(lane), id)]
	c := func(r, g, b int) colour { return rgb(r, g, b).lit(s.light) }
	p, u := s.out, size/8 // a figure is eight heads tall
	top := ground - size
	step := math.Sin(t.Seconds()*2*math.Pi*0.9) * u
	p.ellipse(x, ground, 1.6*u, 0.25*u, c(60, 60, 60)) // shadow
	trousers := c(44, 48, 66)
	p.slab(x-0.7*u, x+0.1*u, top+4*u, x-0.7*u+step, x+step-0.05*u, 3.8*u, trousers)
	p.slab(x-0.1*u, x+0.7*u, top+4*u, x-step+0.05*u, x-step+0.75*u, 3.8*u, trousers)
	p.ellipse(x+step-0.2*u, ground-0.2*u, 0.55*u, 0.22*u, c(30, 26, 24))
	p.ellipse(x-step+0.4*u, ground-0.2*u, 0.55*u, 0.22*u, c(30, 26, 24))
	shirt := c(coat[0], coat[1], coat[2])
	p.slab(x-0.9*u, x+0.9*u, top+1.3*u, x-0.8*u, x+0.8*u, 3.0*u, shirt)
	sleeve := c(coat[0]*4/5, coat[1]*4/5, coat[2]*4/5)
	p.slab(x-1.1*u, x-0.6*u, top+1.5*u, x-1.0*u-step*0.6, x-0.6*u-step*0.6, 2.4*u, sleeve)
	p.slab(x+0.6*u, x+1.1*u, top+1.5*u, x+0.6*u+step*0.6, x+1.0*u+step*0.6, 2.4*u, sleeve)
	skin := c(222, 178, 148)
	p.ellipse(x-0.8*u-step*0.6, top+4*u, 0.25*u, 0.25*u, skin)
	p.ellipse(x+0.8*u+step*0.6, top+4*u, 0.25*u, 0.25*u, skin)
	p.rect(x-0.2*u, top+0.9*u, 0.4*u, 0.5*u, skin)
	p.ellipse(x, top+0.55*u, 0.45*u, 0.55*u, skin)
	p.slab(x-0.3*u, x+0.3*u, top, x-0.47*u, x+0.47*u, 0.4*u, c(58, 40, 28))
}

// car drives on the road, right lane one way, left lane the other.
func (s *scene) car(t time.Duration, lane int) {
	id, along, on := turn(t, carSlot, carDrive, lane, 2)
	if !on || id == 0 {
		return // the first moments belong to a person
	}
	ground, l, dir := 548.0, 250.0, 1.0
	if lane == 1 {
		ground, l, dir = 632, 310, -1
	}
	x := -l + along*(sceneWidth+2*l)
	if dir < 0 {
		x = sceneWidth - x
	}
	paints := [][3]int{{188, 34, 34}, {226, 228, 230}, {52, 84, 150}, {40, 42, 46}, {190, 194, 60}}
	paint := paints[dice(uint64(len(paints)), 11, uint64(lane), id)]
	c := func(r, g, b int) colour { return rgb(r, g, b).lit(s.light) }
	p, u := s.out, l/10
	p.ellipse(x, ground, 5.2*u, 0.4*u, c(40, 40, 44))
	body := c(paint[0], paint[1], paint[2])
	p.slab(x-2.0*u, x+1.8*u, ground-3.4*u, x-3.2*u, x+3.0*u, 1.5*u, body)
	glass := c(120, 150, 170)
	p.slab(x-1.8*u, x-0.2*u, ground-3.2*u, x-2.7*u, x-0.2*u, 1.2*u, glass)
	p.slab(x+0.1*u, x+1.6*u, ground-3.2*u, x+0.1*u, x+2.6*u, 1.2*u, glass)
	p.rect(x-4.8*u, ground-1.9*u, 9.6*u, 1.4*u, body)
	p.rect(x-4.9*u, ground-0.7*u, 9.8*u, 0.25*u, c(34, 34, 36))
	p.rect(x-0.1*u, ground-2*u, 0.08*u, 1.3*u, c(paint[0]/2, paint[1]/2, paint[2]/2))
	for _, wheel := range []float64{-3, 3} {
		p.ellipse(x+wheel*u, ground-0.5*u, 0.95*u, 0.95*u, c(22, 22, 24))
		p.ellipse(x+wheel*u, ground-0.5*u, 0.5*u, 0.5*u, c(170, 172, 176))
	}
	p.rect(x+dir*4.5*u-0.3*u, ground-1.8*u, 0.6*u, 0.4*u, rgb(255, 250, 214))
	p.rect(x-dir*4.6*u-0.2*u, ground-1.8*u, 0.4*u, 0.4*u, rgb(210, 30, 30))
}
