package rtsp

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// Parameter sets of a 1920x1080 camera, and of x265.
var (
	testSPS = []byte{
		0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00,
		0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58,
	}
	testPPS = []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}
)

func testSession(codec media.Codec) *description.Session {
	var video format.Format = &format.H264{PayloadTyp: 96, PacketizationMode: 1}
	switch codec {
	case media.H265:
		video = &format.H265{PayloadTyp: 96}
	case media.AV1:
		video = &format.AV1{PayloadTyp: 96}
	default: // H.264
	}
	return &description.Session{Medias: []*description.Media{
		{Type: description.MediaTypeVideo, Formats: []format.Format{video}},
		{Type: description.MediaTypeAudio, Formats: []format.Format{&format.MPEG4Audio{
			PayloadTyp: 97, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
			Config: &mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 16000, ChannelConfig: 1},
		}}},
	}}
}

// rig is an assembler with a clock of its own.
type rig struct {
	*assembler
	now    time.Duration
	units  []*media.AccessUnit
	failed *Error
}

func newRig(codec media.Codec) *rig {
	r := &rig{}
	video, audio := choose(testSession(codec))
	r.assembler = newAssembler(video, audio, func(u *media.AccessUnit) { r.units = append(r.units, u) }, func(e *Error) { r.failed = e })
	r.since = func() time.Duration { return r.now }
	r.assembler.now = func() time.Time { return r.start.Add(r.now) }
	return r
}

// picture sends one picture in one packet.
func (r *rig) send(seq *uint16, ts uint32, nals ...[]byte) {
	for i, n := range nals {
		*seq++
		r.packet(0, &rtp.Packet{Header: rtp.Header{SequenceNumber: *seq, Timestamp: ts, Marker: i == len(nals)-1}, Payload: n})
	}
}

func idr() []byte { return []byte{0x65, 0x88, 0x84, 0, 1, 2} }
func p() []byte   { return []byte{0x41, 0x9a, 0x24, 3, 4, 5} }

func TestBurstIsDatedByItsNewestPicture(t *testing.T) {
	r := newRig(media.H264)
	var seq uint16
	r.now = 100 * time.Millisecond
	r.send(&seq, 1000, testSPS, testPPS, idr())
	for i := uint32(1); i <= 30; i++ { // two seconds of the past, at once
		r.now += time.Millisecond
		r.send(&seq, 1000+i*6000, p())
	}
	r.now += 300 * time.Millisecond
	r.send(&seq, 1000+35*6000, p())
	if len(r.units) != 32 {
		t.Fatalf("%d units", len(r.units))
	}
	newest := r.units[30].NTP.Sub(r.start)
	if newest < 0 || newest > 200*time.Millisecond {
		t.Errorf("the newest picture of the burst is dated %v after the start", newest)
	}
	if oldest := r.units[0].NTP.Sub(r.units[30].NTP); oldest != -2*time.Second {
		t.Errorf("the oldest is %v from it", oldest)
	}
}

func TestTracksLieAsSenderReportsSay(t *testing.T) {
	r := newRig(media.H264)
	var seq uint16
	r.now = 100 * time.Millisecond
	r.send(&seq, 1000, testSPS, testPPS, idr())
	frame := []byte{0, 16, 0, 8 << 3 >> 8, 1}
	binary.BigEndian.PutUint16(frame[2:], 1<<3)
	sound := func(n uint16, ts uint32) {
		r.packet(1, &rtp.Packet{Header: rtp.Header{SequenceNumber: n, Timestamp: ts, Marker: true}, Payload: frame})
	}
	sound(1, 50_000) // arrives with the picture, but belongs 200 ms before it by the camera's clock
	at := time.Date(2020, 1, 1, 0, 0, 0, 500_000_000, time.UTC)
	r.control(0, &rtcp.SenderReport{NTPTime: NTPTimestamp(at), RTPTime: 1000})
	r.control(1, &rtcp.SenderReport{NTPTime: NTPTimestamp(at.Add(-200 * time.Millisecond)), RTPTime: 50_000})
	for i := uint32(1); i < 10; i++ {
		r.now += 64 * time.Millisecond
		r.send(&seq, 1000+i*5760, p())
		sound(uint16(1+i), 50_000+i*1024)
	}
	for _, u := range r.units {
		if u.Track == 1 {
			// The first at or after the first picture is the fourth: 192 ms later than -200 is before, 256 is not.
			if got := toDuration(u.PTS, 16000) - toDuration(r.firstPTS, 90000); got != 56*time.Millisecond {
				t.Errorf("the first audio frame is %v after the first picture", got)
			}
			return
		}
	}
	t.Error("no audio came")
}

func TestTimeline(t *testing.T) {
	l := timeline{rate: 90000}
	first := uint32(0xFFFFF000)
	arrival := time.Duration(0)
	step := func(ts uint32, passed time.Duration) int64 { arrival += passed; return l.next(ts, arrival) }
	for i, c := range []struct {
		ts     uint32
		passed time.Duration
		want   int64
		jumps  uint64
	}{
		{first, 0, 90000, 0},
		{first + 6000, 66 * time.Millisecond, 96000, 0},                      // over the wrap
		{first + 3000, 10 * time.Millisecond, 93000, 0},                      // a B-frame
		{first + 12*90000, 12 * time.Second, 90000 + 12*90000, 0},            // the camera paused
		{first + 12*90000, 20 * time.Second, 90000 + 12*90000, 0},            // the network did
		{5, time.Second, 90000 + 13*90000, 1},                                // set to zero
		{5 + 3600*90000, 100 * time.Millisecond, 90000 + 13*90000 + 9000, 2}, // an hour ahead
		{5 + 3600*90000 + 9000, time.Millisecond, 90000 + 13*90000 + 18000, 2},
	} {
		if got := step(c.ts, c.passed); got != c.want || l.jumps != c.jumps {
			t.Errorf("step %d: %d with %d jumps, want %d with %d", i, got, l.jumps, c.want, c.jumps)
		}
	}
}

func TestDriftIsJudgedByTheLeastDelayed(t *testing.T) {
	var d drift
	at := time.Unix(1000, 0)
	for i := range 400 { // 15 per second, each fifth on time: a bad network is no drift
		late := 5 * time.Second
		if i%5 == 0 {
			late = 0
		}
		now := at.Add(time.Duration(i) * time.Second / 15)
		if d.exceeded(now.Add(-late), now) {
			t.Fatal("a slow network was taken for drift")
		}
	}
	out := false
	for i := range 400 {
		now := at.Add(time.Minute + time.Duration(i)*time.Second/15)
		out = out || d.exceeded(now.Add(-3*time.Second), now)
	}
	if !out {
		t.Error("3 s of drift were not noticed")
	}
	if !new(drift).exceeded(at.Add(3*time.Second), at) {
		t.Error("a picture from the future was not noticed")
	}
}

func TestClockOfTheWrongSpeedIsLearnt(t *testing.T) {
	speed := 0.0
	for session := range 2 {
		r := newRig(media.H264)
		r.tracks[0].line.scale = speed
		var seq uint16
		r.send(&seq, 0, testSPS, testPPS, idr())
		for i := uint32(1); i < 21*60 && r.failed == nil; i++ { // a minute of 21 pictures a second, stamped as 25
			r.now = time.Duration(i) * time.Second / 21
			r.send(&seq, i*3600, p())
		}
		if session == 1 {
			if r.failed != nil {
				t.Errorf("after %v with speed %f: %v", r.now, speed, r.failed)
			}
			continue
		}
		if r.failed == nil || r.failed.Kind != KindClock || r.now < 10*time.Second {
			t.Fatalf("after %v: %v", r.now, r.failed)
		}
		speed = math.Float64frombits(r.stats.speed.Load())
		if speed < 1.17 || speed > 1.21 {
			t.Fatalf("speed %f, want 25/21", speed)
		}
	}
}

func TestParameterSetsOfSinglePicturesStayInside(t *testing.T) {
	r := newRig(media.H264)
	var seq uint16
	second := []byte{0x68, 0x5b, 0xe3} // picture parameter set 1
	r.send(&seq, 1000, testSPS, testPPS, second, idr())
	r.now += time.Second
	r.send(&seq, 7000, p())
	r.send(&seq, 13000, testSPS, testPPS, second, idr())
	if len(r.units) != 3 || r.units[2].Desc != r.units[0].Desc || len(r.units[0].Payload) != 2 {
		t.Errorf("%d units", len(r.units))
	}
}

func TestParametersThatChangeAllTheTimeEndTheSession(t *testing.T) {
	r := newRig(media.H264)
	var seq uint16
	for i := range 2 * maxChanges {
		r.now += 100 * time.Millisecond
		pps := append([]byte(nil), testPPS...)
		pps[5] = byte(i)
		r.send(&seq, uint32(i)*9000, testSPS, pps, idr())
	}
	if r.failed == nil {
		t.Error("it goes on for ever")
	}
}

func FuzzDepacketise(f *testing.F) {
	record := func(flags byte, payload []byte) []byte {
		return append([]byte{flags, byte(len(payload) >> 8), byte(len(payload))}, payload...)
	}
	var seed []byte
	for _, n := range [][]byte{testSPS, testPPS} {
		seed = append(seed, record(0, n)...)
	}
	seed = append(seed, record(2, idr())...)
	for range 5 {
		seed = append(seed, record(2|16, p())...)
		seed = append(seed, record(1|2|16, []byte{0, 16, 0, 8, 1})...)
	}
	var av1 []byte // one OBU per packet: W=1, N for the first
	for i, obu := range [][]byte{{0x0a, 0x0b, 0, 0, 0, 4, 0x3c, 0xff, 0xbc, 0xfb, 0xf9, 0, 0x40}, {0x30, 0x10, 1, 2, 3}, {0x30, 0x30, 4, 5, 6}} {
		head := byte(0x10)
		if i == 0 {
			head |= 0x08
		}
		av1 = append(av1, record(2|16, append([]byte{head}, obu...))...)
	}
	for i, s := range [][]byte{seed, seed, av1} {
		f.Add(s, byte(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, kind byte) {
		codec := []media.Codec{media.H264, media.H265, media.AV1}[kind%3]
		r := newRig(codec)
		var seq [2]uint16
		var ts [2]uint32
		for len(data) >= 3 {
			flags, n := data[0], int(binary.BigEndian.Uint16(data[1:]))
			data = data[3:]
			n = min(n, len(data), 1500)
			i := int(flags & 1)
			seq[i] += uint16(1 + flags>>2&3) // some are lost
			ts[i] += uint32(flags>>4) * 3000
			r.now += time.Duration(flags>>4) * 33 * time.Millisecond
			r.packet(i, &rtp.Packet{
				Header:  rtp.Header{SequenceNumber: seq[i], Timestamp: ts[i], Marker: flags&2 != 0},
				Payload: append([]byte(nil), data[:n]...),
			})
			data = data[n:]
		}
		last := map[int]int64{}
		for _, u := range r.units {
			if before, ok := last[u.Track]; ok && u.DTS <= before || u.PTS < u.DTS || len(u.Payload) == 0 || u.Desc == nil {
				t.Fatalf("unit %+v after DTS %d", u, last[u.Track])
			}
			last[u.Track] = u.DTS
		}
	})
}

// BenchmarkPicture is one picture of 34 kB in 25 packets: what a 1080p camera with 4 Mbit/s sends 15 times a second.
func BenchmarkPicture(b *testing.B) {
	r := newRig(media.H264)
	r.out = func(*media.AccessUnit) {}
	var seq uint16
	r.send(&seq, 0, testSPS, testPPS, idr())
	picture := bytes.Repeat([]byte{0xAB, 0x13, 0x7F, 0x42}, 350)
	ts := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		r.now += 66 * time.Millisecond
		ts += 6000
		for i := range 25 {
			payload := bytes.Clone(picture) // as the reader below us does
			payload[0], payload[1] = 0x5c, 0x01
			if i == 0 {
				payload[1] = 0x81
			}
			if i == 24 {
				payload[1] = 0x41
			}
			seq++
			r.packet(0, &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: ts, Marker: i == 24}, Payload: payload})
		}
	}
}
