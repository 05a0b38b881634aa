package rtsp

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/nightjar-nvr/nightjar/core/media"
)

const (
	// hold is how long after the first key frame units are kept back, to see how the tracks lie to each other and to
	// our clock: a camera or relay that sends its buffer in a burst would otherwise date it all too late.
	hold         = 250 * time.Millisecond
	maxHeld      = 2048
	maxHeldBytes = 32 << 20

	// maxChanges bounds new parameter sets per changesPer: each starts a new recording.
	maxChanges = 20
	changesPer = time.Minute
)

// assembler makes access units of RTP packets: it puts the tracks of one session on one timeline, tracks parameter
// sets and marks what loss has damaged. Packets of different tracks may come from different goroutines.
//
// Times inside are durations since start, on the monotonic clock.
type assembler struct {
	start time.Time
	since func() time.Duration // time since start, monotonic
	now   func() time.Time     // the wall clock, which may be set
	out   func(*media.AccessUnit)
	fail  func(*Error)

	mu     sync.Mutex
	tracks []*track // [0] pictures, [1] audio if any
	video  *videoTrack
	desc   *media.Description

	keyed    bool          // a key frame came
	keyAt    time.Duration // when
	released bool
	held     []*media.AccessUnit
	heldSize int
	wall     time.Time // our wall clock where the picture track's ticks are 0, once released
	firstPTS int64     // of the first picture

	drift   drift
	changes int
	change0 time.Duration

	stats stats
}

// stats are read while the session runs.
type stats struct {
	pictures  atomic.Uint64
	bytes     atomic.Uint64
	lost      atomic.Uint64
	jumps     atomic.Uint64
	lastSeen  atomic.Int64 // time since start of the last picture
	online    atomic.Bool
	srOffset  atomic.Int64 // camera clock minus ours, ns
	srOffsets atomic.Bool
	speed     atomic.Uint64 // float64 bits; see speed
}

type track struct {
	decode depacketizer
	rate   int64
	audio  media.Track // zero for pictures

	seqSet  bool
	seq     uint16 // of the last packet
	missing bool   // packets were lost since the last unit
	damaged bool

	line    timeline
	anchor  time.Duration // least (arrival - media time), until released
	any     bool
	shift   int64 // added to ticks to be on the picture track's timeline
	shifted bool
	last    int64 // last DTS of an audio track

	report   bool // a sender report came
	reportAt time.Time
	reportTS uint32
}

func newAssembler(video, audio *pick, out func(*media.AccessUnit), fail func(*Error)) *assembler {
	start := time.Now()
	a := &assembler{
		start: start.Round(0), since: func() time.Duration { return time.Since(start) },
		now: func() time.Time { return time.Now().Round(0) },
		out: out, fail: fail, video: video.video,
	}
	a.tracks = append(a.tracks, newTrack(video.decode, 90000))
	a.tracks[0].shifted = true
	if audio != nil {
		t := newTrack(audio.decode, int64(audio.audio.ClockRate))
		t.audio = audio.audio
		a.tracks = append(a.tracks, t)
	}
	return a
}

func newTrack(decode depacketizer, rate int64) *track {
	return &track{decode: decode, rate: rate, line: timeline{rate: rate}}
}

// packet takes one RTP packet of track i, in order of sequence numbers as far as the transport could restore it.
func (a *assembler) packet(i int, pkt *rtp.Packet) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tracks[i]
	a.stats.bytes.Add(uint64(len(pkt.Payload)))
	if gap := pkt.SequenceNumber - t.seq - 1; t.seqSet && gap != 0 {
		t.missing = true
		if gap < 0x8000 { // else the camera began to count anew
			a.stats.lost.Add(uint64(gap))
		}
	}
	t.seq, t.seqSet = pkt.SequenceNumber, true
	data, err := t.decode(pkt)
	if err != nil {
		t.missing = t.missing || unusable(err)
		return
	}
	if len(data) == 0 {
		return
	}
	if i == 0 {
		a.picture(t, data, pkt.Timestamp)
	} else {
		a.sound(t, data, pkt.Timestamp)
	}
}

// unusable tells data that is broken from data that is not complete yet, or whose beginning was before our time.
func unusable(err error) bool {
	return !errors.Is(err, rtpav1.ErrMorePacketsNeeded) && !errors.Is(err, rtpav1.ErrNonStartingPacketAndNoPrevious) &&
		!errors.Is(err, rtph264.ErrMorePacketsNeeded) && !errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious) &&
		!errors.Is(err, rtph265.ErrMorePacketsNeeded) && !errors.Is(err, rtph265.ErrNonStartingPacketAndNoPrevious)
}

func (a *assembler) picture(t *track, au [][]byte, ts uint32) {
	payload, picture, key := a.video.split(au)
	if !picture {
		return
	}
	arrival := a.since()
	a.stats.lastSeen.Store(int64(arrival))
	a.stats.pictures.Add(1)
	pts := a.place(t, ts, arrival)
	if t.missing {
		t.damaged = true
	} else if key {
		t.damaged = false
	}
	t.missing = false
	if key && !a.describe(arrival) {
		return
	}
	if !a.keyed {
		if !key {
			return
		}
		a.keyed, a.keyAt, a.firstPTS = true, arrival, pts
	}
	pts, dts := a.video.order(payload, pts, key, t.damaged)
	a.deliver(&media.AccessUnit{
		Desc: a.desc, Track: 0, PTS: pts, DTS: dts, Key: key, Payload: payload, Damaged: t.damaged,
	}, arrival)
}

func (a *assembler) sound(t *track, frames [][]byte, ts uint32) {
	if len(frames) > maxAudioFrames {
		return
	}
	arrival := a.since()
	pts := a.place(t, ts, arrival)
	t.missing = false
	if !a.keyed {
		return
	}
	a.deliver(&media.AccessUnit{Desc: a.desc, Track: 1, PTS: pts, DTS: pts, Key: true, Payload: frames}, arrival)
}

// place puts RTP time on the track's own timeline and learns where that lies on ours.
func (a *assembler) place(t *track, ts uint32, arrival time.Duration) int64 {
	jumps := t.line.jumps
	ticks := t.line.next(ts, arrival)
	if t.line.jumps != jumps {
		a.stats.jumps.Add(1)
		t.report = false // the report's RTP time is of the timeline before the jump
	}
	if at := arrival - toDuration(ticks, t.rate); !a.released || !t.any {
		if !t.any || at < t.anchor {
			t.anchor = at
		}
		t.any = true
	}
	return ticks
}

// describe makes a new description where a key frame brought new parameter sets. It returns false while they are not
// known, and when they change so often that each change cannot have a recording of its own.
func (a *assembler) describe(arrival time.Duration) bool {
	changed := a.video.update()
	if !a.video.complete() {
		return false
	}
	if a.desc != nil && !changed {
		return true
	}
	if a.desc != nil {
		if arrival-a.change0 > changesPer {
			a.changes, a.change0 = 0, arrival
		}
		if a.changes++; a.changes > maxChanges {
			a.fail(&Error{Kind: KindProtocol, Message: "the camera changes its picture format all the time"})
			return false
		}
	}
	d := &media.Description{Tracks: []media.Track{a.video.describe()}}
	if len(a.tracks) > 1 {
		d.Tracks = append(d.Tracks, a.tracks[1].audio)
	}
	a.desc = d
	return true
}

// deliver hands u out, or keeps it until the timeline is settled.
func (a *assembler) deliver(u *media.AccessUnit, arrival time.Duration) {
	if !a.released {
		a.held = append(a.held, u)
		a.heldSize += u.Size()
		if arrival-a.keyAt < hold && len(a.held) < maxHeld && a.heldSize < maxHeldBytes {
			return
		}
		a.release()
		return
	}
	a.publish(u)
	if u.Track == 0 && a.drift.exceeded(u.NTP, a.now()) {
		s := speed(toDuration(u.PTS-a.firstPTS, 90000), arrival-a.keyAt)
		a.stats.speed.Store(math.Float64bits(s))
		a.fail(&Error{Kind: KindClock, Message: "the camera's clock and ours went more than 2 s apart: the session starts over"})
	}
}

// release settles where the session lies on our clock and lets the held units go.
func (a *assembler) release() {
	a.released = true
	a.wall = a.start.Add(a.tracks[0].anchor)
	held := a.held
	a.held, a.heldSize = nil, 0
	for _, u := range held {
		a.publish(u)
	}
	a.stats.online.Store(true)
}

func (a *assembler) publish(u *media.AccessUnit) {
	if t := a.tracks[u.Track]; u.Track > 0 {
		if !t.shifted {
			a.align(t)
		}
		u.PTS += t.shift
		if toDuration(u.PTS, t.rate) < toDuration(a.firstPTS, 90000) {
			return // before the first picture
		}
		u.PTS = max(u.PTS, t.last+1)
		u.DTS, t.last = u.PTS, u.PTS
	}
	u.NTP = a.wall.Add(toDuration(u.PTS, a.tracks[u.Track].rate))
	a.out(u)
}

// align finds how the audio track lies to the picture track: by both tracks' sender reports where they are here and
// agree with the arrival times to a second, else by the least delayed arrivals.
func (a *assembler) align(t *track) {
	video := a.tracks[0]
	t.shifted = true
	offset := t.anchor - video.anchor
	if video.report && t.report {
		if o := t.zero().Sub(video.zero()); (o - offset).Abs() < time.Second {
			offset = o
		}
	}
	t.shift = toTicks(offset, t.rate)
}

// zero returns the camera's wall clock where the track's ticks are 0.
func (t *track) zero() time.Time { return t.reportAt.Add(-toDuration(t.line.at(t.reportTS), t.rate)) }

// control takes one RTCP packet of track i.
func (a *assembler) control(i int, pkt rtcp.Packet) {
	sr, ok := pkt.(*rtcp.SenderReport)
	if !ok || sr.NTPTime == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tracks[i]
	if !t.line.started {
		return
	}
	t.report, t.reportAt, t.reportTS = true, ntpTime(sr.NTPTime), sr.RTPTime
	if i == 0 && t.any {
		a.stats.srOffset.Store(int64(t.zero().Sub(a.start.Add(t.anchor))))
		a.stats.srOffsets.Store(true)
	}
}
