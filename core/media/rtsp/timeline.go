package rtsp

import (
	"math"
	"time"
)

const (
	// maxForward is how far a camera's timestamps may run ahead of the time that passed here before we take it for a
	// jump of its clock, and maxBackward how far back B-frames may reach.
	maxForward  = 5 * time.Second
	maxBackward = time.Second
)

// timeline turns a track's 32-bit RTP timestamps into ticks that never wrap and, apart from B-frames, never go back.
// It begins at one second so that a decoding time somewhat before the first picture is not negative.
type timeline struct {
	rate    int64   // ticks per second
	scale   float64 // of the camera's steps, for a clock of the wrong speed; 0 means 1
	started bool
	prev    uint32
	ticks   int64
	arrival time.Duration
	jumps   uint64 // corrected
}

// next places the unit with RTP timestamp ts that arrived at arrival since the session began. A jump is replaced by
// the time that passed here, so that recording goes on.
func (t *timeline) next(ts uint32, arrival time.Duration) int64 {
	if !t.started {
		t.started, t.ticks = true, t.rate
	} else {
		step := t.scaled(int64(int32(ts - t.prev)))
		passed := toTicks(arrival-t.arrival, t.rate)
		if step > passed+toTicks(maxForward, t.rate) || step < -toTicks(maxBackward, t.rate) {
			step = max(1, passed)
			t.jumps++
		}
		t.ticks += step
	}
	t.prev, t.arrival = ts, arrival
	return t.ticks
}

// at returns where ts lies without moving on, for sender reports.
func (t *timeline) at(ts uint32) int64 { return t.ticks + t.scaled(int64(int32(ts-t.prev))) }

func (t *timeline) scaled(step int64) int64 {
	if t.scale == 0 {
		return step
	}
	return int64(math.Round(float64(step) * t.scale))
}

// toTicks and toDuration convert between time and ticks without overflow for any session length.
func toTicks(d time.Duration, rate int64) int64 {
	return int64(d/time.Second)*rate + int64(d%time.Second)*rate/int64(time.Second)
}

func toDuration(ticks, rate int64) time.Duration {
	return time.Duration(ticks/rate)*time.Second + time.Duration(ticks%rate)*time.Second/time.Duration(rate)
}

// ntpEpoch is 1970 in seconds since 1900, where NTP time begins.
const ntpEpoch = 2208988800

// ntpTime decodes the 64-bit NTP timestamp of a sender report: seconds since 1900 and a fraction of 2^32 (RFC 3550
// §4). gortsplib v4 takes the fraction for nanoseconds, which is up to 3.3 s wrong, hence our own.
func ntpTime(v uint64) time.Time {
	return time.Unix(int64(v>>32)-ntpEpoch, int64((v&0xFFFFFFFF)*1e9>>32))
}

// maxDrift is how far the session's clock may be from ours before the session ends: a recording is then cut and the
// next one begins at the right time.
const maxDrift = 2 * time.Second

// driftWindow is how long all pictures must be late to count as drift and not as a network that stalled.
const driftWindow = 10 * time.Second

// minSpeedSpan is how long a session must have lasted for its clock's speed to be worth measuring, minSpeedError and
// maxSpeed how wrong a speed must and may be to be believed.
const (
	minSpeedSpan  = 8 * time.Second
	minSpeedError = 0.005 // below, a jump is the likelier cause of the drift
	maxSpeed      = 4.0
)

// speed returns how much longer time took here than the camera's timestamps say, 0 where that cannot be told. Cameras
// that stamp as if they sent 25 pictures a second and send 21 would otherwise drift away every dozen seconds.
func speed(media, passed time.Duration) float64 {
	if media <= 0 || passed < minSpeedSpan {
		return 0
	}
	if r := passed.Seconds() / media.Seconds(); math.Abs(r-1) > minSpeedError && r < maxSpeed && r > 1/maxSpeed {
		return r
	}
	return 0
}

// drift watches how far the wall time given to pictures is from the wall clock when they arrive. Lateness is judged by
// the least delayed picture of a window; a picture from the future is never the network's fault.
type drift struct {
	since time.Time
	least time.Duration
}

// exceeded takes one picture: its wall time and when it arrived, both on our clock without monotonic readings.
func (d *drift) exceeded(ntp, arrival time.Time) bool {
	late := arrival.Sub(ntp)
	if late < -maxDrift {
		return true
	}
	if d.since.IsZero() {
		d.since, d.least = arrival, late
		return false
	}
	d.least = min(d.least, late)
	if passed := arrival.Sub(d.since); passed >= 0 && passed < driftWindow {
		return false
	}
	out := d.least > maxDrift
	d.since, d.least = arrival, late
	return out
}
