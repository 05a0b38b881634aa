package track

import "github.com/nightjar-nvr/nightjar/core/nvr"

// axis is a Kalman filter of one coordinate with constant velocity: state (x, v) and its covariance. The four
// coordinates of a box are independent, so four of these are the whole filter, without a matrix.
type axis struct {
	x, v          float64
	pxx, pxv, pvv float64
}

// Noise in units of the object's size: a detector's box jitters by about 5 %, a person accelerates by about two widths
// per second squared, and sizes change slowly.
const (
	measureNoise = 0.05
	accelCentre  = 2.0
	accelSize    = 0.5
	startSpeed   = 2.0 // sizes per second, how little is known of a new track's velocity
)

func newAxis(x, size float64) axis {
	r, s := measureNoise*size, startSpeed*size
	return axis{x: x, pxx: r * r, pvv: s * s}
}

func (a *axis) predict(dt, accel float64) {
	q := accel * accel
	a.x += a.v * dt
	a.pxx += 2*dt*a.pxv + dt*dt*a.pvv + q*dt*dt*dt*dt/4
	a.pxv += dt*a.pvv + q*dt*dt*dt/2
	a.pvv += q * dt * dt
}

func (a *axis) update(z, size float64) {
	r := measureNoise * size
	s := a.pxx + r*r
	kx, kv := a.pxx/s, a.pxv/s
	y := z - a.x
	a.x += kx * y
	a.v += kv * y
	a.pvv -= kv * a.pxv
	a.pxv *= 1 - kx
	a.pxx *= 1 - kx
}

// motion is the filter of a box: centre and size.
type motion struct{ cx, cy, w, h axis }

func newMotion(b nvr.Box) motion {
	w, h := float64(b.W), float64(b.H)
	m := motion{cx: newAxis(float64(b.X)+w/2, w), cy: newAxis(float64(b.Y)+h/2, h), w: newAxis(w, w), h: newAxis(h, h)}
	m.w.pvv, m.h.pvv = m.w.pvv/16, m.h.pvv/16
	return m
}

func (m *motion) predict(dt float64) {
	w, h := m.w.x, m.h.x
	m.cx.predict(dt, accelCentre*w)
	m.cy.predict(dt, accelCentre*h)
	m.w.predict(dt, accelSize*w)
	m.h.predict(dt, accelSize*h)
	m.w.x, m.h.x = max(m.w.x, minSide), max(m.h.x, minSide)
}

func (m *motion) update(b nvr.Box) {
	w, h := float64(b.W), float64(b.H)
	m.cx.update(float64(b.X)+w/2, w)
	m.cy.update(float64(b.Y)+h/2, h)
	m.w.update(w, w)
	m.h.update(h, h)
}

// damp slows a track that is not seen: what is hidden seldom goes on as before.
func (m *motion) damp(dt float64) {
	f := 1 / (1 + dt)
	m.cx.v, m.cy.v, m.w.v, m.h.v = m.cx.v*f, m.cy.v*f, 0, 0
}

// at returns the box in dt seconds without changing the filter.
func (m *motion) at(dt float64) nvr.Box {
	w, h := max(m.w.x+m.w.v*dt, minSide), max(m.h.x+m.h.v*dt, minSide)
	return nvr.Box{
		X: float32(m.cx.x + m.cx.v*dt - w/2), Y: float32(m.cy.x + m.cy.v*dt - h/2), W: float32(w), H: float32(h),
	}
}

// minSide keeps sizes positive; it is a fraction of the picture.
const minSide = 1e-3
