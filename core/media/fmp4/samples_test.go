package fmp4_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
)

// Every sample that is read must be the unit that was written: time, key, payload.
func TestReadSamplesGivesBackTheUnits(t *testing.T) {
	for name, encode := range map[string][]string{
		"h264 b-frames aac": {"-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-c:a", "aac"},
		"h265 opus":         {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1", "-c:a", "libopus"},
		"several nals":      {"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "slices=4", "-an"},
		"audio":             {"-vn", "-c:a", "aac"},
	} {
		t.Run(name, func(t *testing.T) {
			clip := fmp4test.Scene(t, 4, encode...)
			file, _ := write(t, clip)
			l, err := fmp4.Scan(bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Fatal(err)
			}
			desc, err := fmp4.ParseInit(file[:l.InitBytes])
			if err != nil {
				t.Fatal(err)
			}
			b := file[l.InitBytes:]
			samples, err := fmp4.ReadSamples(b, desc)
			if err != nil {
				t.Fatal(err)
			}
			compareSamples(t, clip, b, samples)
		})
	}
}

func compareSamples(t *testing.T, clip *fmp4test.Clip, b []byte, samples []fmp4.Sample) {
	t.Helper()
	units := make([][]media.AccessUnit, len(clip.Desc.Tracks))
	for _, u := range clip.Units {
		units[u.Track] = append(units[u.Track], u)
	}
	seen, next := 0, make([]int64, len(units))
	for i, s := range samples {
		if len(units[s.Track]) == 0 {
			t.Fatalf("sample %d: more than there were units on track %d", i, s.Track)
		}
		u := units[s.Track][0]
		units[s.Track] = units[s.Track][1:]
		base := clip.Units[0].DTS
		if s.Track > 0 {
			base = 0
		}
		if s.DTS != u.DTS-base || s.PTS()-s.DTS != u.PTS-u.DTS || s.Key != u.Key || seen > 0 && next[s.Track] != s.DTS && next[s.Track] != 0 {
			t.Fatalf("sample %d: %+v, want dts %d pts %d key %v behind %d", i, s, u.DTS-base, u.PTS-base, u.Key, next[s.Track])
		}
		next[s.Track] = s.DTS + s.Duration
		payload := b[s.Offset:][:s.Size]
		nals := [][]byte{payload}
		if clip.Desc.Tracks[u.Track].Video() {
			var err error
			if nals, err = fmp4.Units(clip.Desc.Tracks[u.Track], payload); err != nil {
				t.Fatal(err)
			}
		}
		if len(nals) != len(u.Payload) || !bytes.Equal(bytes.Join(nals, nil), bytes.Join(u.Payload, nil)) {
			t.Fatalf("sample %d: payload differs", i)
		}
		seen++
	}
	if seen != len(clip.Units) {
		t.Fatalf("%d samples of %d units", seen, len(clip.Units))
	}
}

func TestReadSamplesRefusesWhatIsTorn(t *testing.T) {
	m, file := synthetic(t)
	b := file[len(m.Init()):]
	l, err := fmp4.Scan(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	whole := map[int]bool{0: true}
	for _, p := range l.Parts {
		whole[int(p.Offset+p.Bytes-l.InitBytes)] = true
	}
	for cut := range b {
		if _, err := fmp4.ReadSamples(b[:cut], l.Desc); (err == nil) != whole[cut] {
			t.Fatalf("cut at %d: error %v", cut, err)
		}
	}
	noClock := fmp4test.Copy(l.Desc)
	noClock.Tracks = []media.Track{{Codec: media.H264}}
	if _, err := fmp4.ReadSamples(b, noClock); err == nil {
		t.Error("a track without a clock was taken")
	}
	if _, err := fmp4.ReadSamples(b, &media.Description{}); err == nil {
		t.Error("samples of tracks that do not exist were taken")
	}
}

// FuzzReadSamples changes bytes of a file: samples must lie within it, whatever it claims.
func FuzzReadSamples(f *testing.F) {
	m, file := synthetic(f)
	desc, err := fmp4.ParseInit(file)
	if err != nil {
		f.Fatal(err)
	}
	b := file[len(m.Init()):]
	f.Add(b)
	f.Add(b[:len(b)-3])
	for _, at := range []int{4, 8, 12, 16} { // version and flags, count, data offset, first duration
		huge := bytes.Clone(b)
		if i := bytes.Index(huge, []byte("trun")); i > 0 {
			binary.BigEndian.PutUint32(huge[i+at:], 1<<31)
		}
		f.Add(huge)
	}
	far := bytes.Clone(b)
	if i := bytes.Index(far, []byte("tfdt")); i > 0 {
		binary.BigEndian.PutUint64(far[i+8:], 1<<63)
	}
	f.Add(far)
	f.Fuzz(func(t *testing.T, b []byte) {
		samples, err := fmp4.ReadSamples(b, desc)
		if err != nil {
			return
		}
		for _, s := range samples {
			if s.Track < 0 || s.Track > 1 || s.DTS < 0 || s.Duration < 0 || s.Size < 0 || s.Offset < 0 || s.Offset+int64(s.Size) > int64(len(b)) {
				t.Fatalf("impossible sample %+v in %d bytes", s, len(b))
			}
		}
	})
}

// Pictures at places of the writer's own, with a hole between parts, must be read back as they were given.
func TestWritePart(t *testing.T) {
	clip := fmp4test.Scene(t, 4, "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-an")
	track := clip.Desc.Tracks[0]
	file, err := fmp4.Init(clip.Desc)
	if err != nil {
		t.Fatal(err)
	}
	init := len(file)
	var p fmp4.Part
	var want []fmp4.Picture
	at := int64(10 * 90000)
	for i := 0; i < len(clip.Units); i += 15 { // a key picture each second
		var pics []fmp4.Picture
		for _, u := range clip.Units[i:min(i+15, len(clip.Units))] {
			pics = append(pics, fmp4.Picture{DTS: at, Duration: 6000, CTO: u.PTS - u.DTS, Key: u.Key, Units: u.Payload})
			at += 6000
		}
		at += 60 * 90000
		want = append(want, pics...)
		fmp4.WritePart(&p, uint32(i/15+1), track, pics)
		if !p.Key || p.Samples != len(pics) {
			t.Fatalf("part %+v of %d pictures", p, len(pics))
		}
		file = p.AppendTo(file)
	}
	l, err := fmp4.Scan(bytes.NewReader(file), int64(len(file)))
	if err != nil || l.Size != int64(len(file)) {
		t.Fatalf("scan: %v, %d of %d bytes", err, l.Size, len(file))
	}
	samples, err := fmp4.ReadSamples(file[init:], clip.Desc)
	if err != nil || len(samples) != len(want) {
		t.Fatalf("%d samples of %d pictures, %v", len(samples), len(want), err)
	}
	for i, s := range samples {
		w := want[i]
		units, err := fmp4.Units(track, file[init:][s.Offset:][:s.Size])
		if err != nil || s.DTS != w.DTS || s.CTO != w.CTO || s.Key != w.Key || !bytes.Equal(bytes.Join(units, nil), bytes.Join(w.Units, nil)) {
			t.Fatalf("sample %d: %+v, %v, want %d %d %v", i, s, err, w.DTS, w.CTO, w.Key)
		}
	}
}
