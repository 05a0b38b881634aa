package fmp4_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
)

func TestScanFindsWhatTheMuxerWrote(t *testing.T) {
	clip := fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-c:a", "aac")
	file, parts := write(t, clip)
	l, err := fmp4.Scan(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if l.Size != int64(len(file)) || len(l.Parts) != len(parts) {
		t.Fatalf("scan found %d bytes in %d parts, want %d in %d", l.Size, len(l.Parts), len(file), len(parts))
	}
	for i, p := range parts {
		q := l.Parts[i]
		if q.Bytes != int64(p.Bytes) || q.Samples != p.Samples || q.Duration != p.Duration || p.Duration > 0 && (q.Start != p.Start || q.Key != p.Key) {
			t.Errorf("part %d: scan says %+v, muxer said %+v", i, q, p)
		}
	}
	if got, want := fmp4.Codecs(l.Desc), fmp4.Codecs(clip.Desc); got != want {
		t.Errorf("codecs %s, want %s", got, want)
	}
	again, err := fmp4.Init(l.Desc)
	if err != nil || !bytes.Equal(again, file[:l.InitBytes]) {
		t.Errorf("init of the parsed description differs (%v)", err)
	}
}

// TestScanOfEveryTear cuts a file at every byte and demands exactly the parts that are whole.
func TestScanOfEveryTear(t *testing.T) {
	m, file := synthetic(t)
	whole, err := fmp4.Scan(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range file {
		l, err := fmp4.Scan(bytes.NewReader(file[:cut]), int64(cut))
		if cut < len(m.Init()) {
			if !errors.Is(err, fmp4.ErrNoInit) {
				t.Fatalf("cut at %d: error %v, want ErrNoInit", cut, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		want := 0
		for _, p := range whole.Parts {
			if p.Offset+p.Bytes <= int64(cut) {
				want++
			}
		}
		if len(l.Parts) != want || want > 0 && !reflect.DeepEqual(l.Parts, whole.Parts[:want]) {
			t.Fatalf("cut at %d: %d parts, want %d", cut, len(l.Parts), want)
		}
	}
}

func synthetic(tb testing.TB) (*fmp4.Muxer, []byte) {
	tb.Helper()
	d := Description()
	m, err := fmp4.NewMuxer(d)
	if err != nil {
		tb.Fatal(err)
	}
	file := bytes.Clone(m.Init())
	var p fmp4.Part
	for i := range int64(12) {
		m.Add(&media.AccessUnit{Desc: d, Track: 0, DTS: i * 6000, PTS: i * 6000, Key: i%4 == 0, Payload: [][]byte{{0x65, 1, 2}, {3}}})
		m.Add(&media.AccessUnit{Desc: d, Track: 1, DTS: i * 1067, PTS: i * 1067, Key: true, Payload: [][]byte{{9, 9}}})
		if i%4 == 0 && m.Cut(&p, false) {
			file = p.AppendTo(file)
		}
	}
	m.Cut(&p, true)
	return m, p.AppendTo(file)
}

// Description is H.264 640x360 with AAC of 16 kHz mono.
func Description() *media.Description {
	return &media.Description{Tracks: []media.Track{
		{
			Codec: media.H264, ClockRate: 90000,
			SPS: []byte{0x67, 0x4d, 0x40, 0x1e, 0xec, 0xa0, 0x50, 0x17, 0xfc, 0xb8, 0x0b, 0x50, 0x10, 0x10, 0x14, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0x78, 0x3c, 0x58, 0xb6, 0x58},
			PPS: []byte{0x68, 0xef, 0xbc, 0xb2},
		},
		{Codec: media.AAC, ClockRate: 16000, SampleRate: 16000, Channels: 1, Config: []byte{0x14, 0x08}},
	}}
}

func TestMuxerHealsTimestamps(t *testing.T) {
	d := Description()
	m, err := fmp4.NewMuxer(d)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(1_700_000_000, 0)
	add := func(dts int64, wall, drift time.Duration) {
		u := &media.AccessUnit{Desc: d, DTS: dts, PTS: dts, Key: true, NTP: start.Add(wall), Payload: [][]byte{{0x65}}}
		if got := m.Drift(u); (got - drift).Abs() > time.Millisecond {
			t.Errorf("drift at %d is %v, want %v", dts, got, drift)
		}
		if !m.Add(u) {
			t.Fatalf("unit at %d was refused", dts)
		}
	}
	frame := time.Second / 15
	for i := range int64(5) {
		add(i*6000, time.Duration(i)*frame, 0)
	}
	add(4*6000, 5*frame, 0)               // repeated
	add(3*6000, 6*frame, 0)               // backwards
	add(3*6000+90000*3600*24, 7*frame, 0) // a day ahead
	add(4*6000+90000*3600*24, 8*frame+3*time.Second, 3*time.Second)
	if m.Restamped() != 3 {
		t.Errorf("restamped %d units, want 3", m.Restamped())
	}
	var p fmp4.Part
	if !m.Cut(&p, true) || p.Samples != 9 || (p.Duration-9*frame).Abs() > time.Microsecond {
		t.Errorf("part has %d samples over %v, want 9 over %v", p.Samples, p.Duration, 9*frame)
	}
}

func TestMuxerRefusesWhatItCannotHold(t *testing.T) {
	g711 := &media.Description{Tracks: []media.Track{{Codec: media.PCMA, ClockRate: 8000}}}
	if _, err := fmp4.NewMuxer(g711); !errors.Is(err, fmp4.ErrNoTracks) {
		t.Errorf("G.711 alone: error %v, want ErrNoTracks", err)
	}
	d := Description()
	d.Tracks[0].SPS = nil
	if _, err := fmp4.NewMuxer(d); err == nil {
		t.Error("a track without parameter sets was taken")
	}
	d.Tracks[0].SPS = []byte{0x67, 0xff, 0xff, 0xff, 0xff, 0xff}
	if _, err := fmp4.NewMuxer(d); err == nil {
		t.Error("a track with a broken SPS was taken")
	}
	d = Description()
	d.Tracks = append([]media.Track{{Codec: media.PCMU, ClockRate: 8000}}, d.Tracks...)
	m, err := fmp4.NewMuxer(d)
	if err != nil {
		t.Fatal(err)
	}
	if m.Add(&media.AccessUnit{Desc: d, Track: 0, Key: true, Payload: [][]byte{{1}}}) {
		t.Error("a G.711 unit was taken")
	}
	if m.Add(&media.AccessUnit{Desc: d, Track: 1, Payload: [][]byte{{1}}}) {
		t.Error("a picture before the first key picture was taken")
	}
	var p fmp4.Part
	if m.Cut(&p, true) {
		t.Error("an empty muxer gave a part")
	}
}

// TestMuxerForDays keeps the timeline exact when ticks times nanoseconds would overflow.
func TestMuxerForDays(t *testing.T) {
	d := Description()
	m, err := fmp4.NewMuxer(d)
	if err != nil {
		t.Fatal(err)
	}
	var p fmp4.Part
	var at time.Duration
	base := rand.Int64N(1 << 45)
	for i := range int64(1_000_000) { // 46 days at one picture in 4 s
		dts := base + i*4*90000
		m.Add(&media.AccessUnit{Desc: d, DTS: dts, PTS: dts, Key: true, Payload: [][]byte{{0x65}}})
		if m.Cut(&p, false) {
			if p.Start != at {
				t.Fatalf("part %d starts at %v, want %v", i, p.Start, at)
			}
			at += p.Duration
		}
	}
}

func BenchmarkCut(b *testing.B) {
	d := Description()
	m, err := fmp4.NewMuxer(d)
	if err != nil {
		b.Fatal(err)
	}
	nal := make([]byte, 30_000)
	var p fmp4.Part
	b.ReportAllocs()
	dts := int64(0)
	for b.Loop() {
		for i := range 15 {
			dts += 6000
			m.Add(&media.AccessUnit{Desc: d, DTS: dts, PTS: dts, Key: i == 0, Payload: [][]byte{nal}})
		}
		m.Cut(&p, false)
	}
}

func FuzzScan(f *testing.F) {
	_, file := synthetic(f)
	f.Add(file)
	f.Add(file[:len(file)-3])
	zero := bytes.Clone(file)
	clear(zero[len(zero)/2:])
	f.Add(zero)
	huge := bytes.Clone(file)
	if i := bytes.Index(huge, []byte("trun")); i > 0 {
		binary.BigEndian.PutUint32(huge[i+8:], 1<<31)
	}
	f.Add(huge)
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := fmp4.Scan(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		at := l.InitBytes
		for _, p := range l.Parts {
			if p.Offset != at || p.Bytes < 16 || p.Start < 0 || p.Duration < 0 {
				t.Fatalf("impossible part %+v at %d", p, at)
			}
			at += p.Bytes
		}
		if at != l.Size || l.Size > int64(len(b)) {
			t.Fatalf("size %d, parts end at %d of %d", l.Size, at, len(b))
		}
	})
}
