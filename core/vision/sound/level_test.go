package sound

import (
	"math"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestLevelsAreThoseOfTheTone(t *testing.T) {
	h := &heard{}
	c := play(t, h.config(), g711(muLawDesc(), begin, -20, -40, 0, -3.1))
	if len(h.levels) != 4 {
		t.Fatalf("%d seconds", len(h.levels))
	}
	for i, want := range []float32{-20, -40, nvr.SoundSilence, -3.1} {
		l := h.levels[i]
		if !near(l.RMS, want, 0.5) || want > nvr.SoundSilence && !near(l.Peak, want+3, 0.6) {
			t.Errorf("second %d: %.1f dBFS with a peak of %.1f, want %.1f", i, l.RMS, l.Peak, want)
		}
		if at := begin.Add(time.Duration(i+1) * time.Second); l.Time.Sub(at).Abs() > time.Millisecond || l.Camera != "front" {
			t.Errorf("second %d ends at %v, want %v", i, l.Time, at)
		}
	}
	if got := c.History(); len(got) != 4 || got[3].RMS != h.levels[3].RMS {
		t.Errorf("history %v", got)
	}
}

// TestCodecsAreDecoded compares the level of what encoders made of one tone.
func TestCodecsAreDecoded(t *testing.T) {
	const tone = "sine=frequency=440:sample_rate=48000:duration=3,volume=0.5:precision=float" // lavfi's sine has an amplitude of 1/8
	want := dBFS(0.125 * 0.5 / math.Sqrt2)
	for _, tc := range []struct {
		name  string
		track media.Track
		args  []string
		cut   func([]byte) [][]byte
	}{
		{"alaw", media.Track{Codec: media.PCMA, ClockRate: 8000, SampleRate: 8000, Channels: 1}, []string{"-ar", "8000", "-f", "alaw"}, packets(160)},
		{"mulaw stereo", media.Track{Codec: media.PCMU, ClockRate: 16000, SampleRate: 16000, Channels: 2}, []string{"-ar", "16000", "-ac", "2", "-f", "mulaw"}, packets(640)},
		{"aac", media.Track{Codec: media.AAC, ClockRate: 44100, SampleRate: 44100, Channels: 1, Config: []byte{0x12, 0x08}}, []string{"-ar", "44100", "-c:a", "aac", "-f", "adts"}, adts},
		{"opus", media.Track{Codec: media.Opus, ClockRate: 48000, SampleRate: 48000, Channels: 2}, []string{"-ac", "2", "-c:a", "libopus", "-f", "opus"}, ogg},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := openDecoder(tc.track)
			if err != nil {
				t.Fatal(err)
			}
			defer d.close()
			var all loudness
			seconds, n := 0.0, 0
			for _, frame := range tc.cut(encoded(t, tone, tc.args...)) {
				pcm, rate, err := d.decode(frame)
				if err != nil {
					t.Fatal(err)
				}
				if len(pcm) == 0 {
					continue
				}
				seconds += float64(len(pcm)) / float64(rate)
				if n++; n > 5 {
					for _, v := range pcm {
						all.add(v)
					}
				}
			}
			want := want
			if tc.track.Channels == 2 {
				want -= 3 // ffmpeg shares the power of a mono sound between two channels
			}
			if math.Abs(seconds-3) > 0.1 || !near(all.rms(), want, 0.5) {
				t.Errorf("%.2f s of %.1f dBFS, want 3 s of %.1f", seconds, all.rms(), want)
			}
		})
	}
}

// packets cuts a stream into packets of one size.
func packets(size int) func([]byte) [][]byte {
	return func(b []byte) (out [][]byte) {
		for len(b) >= size {
			out, b = append(out, b[:size]), b[size:]
		}
		return out
	}
}

// adts takes the frames out of an ADTS stream (ISO/IEC 13818-7).
func adts(b []byte) (out [][]byte) {
	for len(b) > 7 {
		n := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
		if n < 7 || n > len(b) {
			break
		}
		out, b = append(out, b[7:n]), b[n:]
	}
	return out
}

// ogg takes the packets of the one stream out of its pages (RFC 3533), without the two of headers (RFC 7845).
func ogg(b []byte) (out [][]byte) {
	var packet []byte
	for len(b) > 27 && string(b[:4]) == "OggS" {
		segments := int(b[26])
		lacing, body := b[27:27+segments], b[27+segments:]
		for _, n := range lacing {
			packet = append(packet, body[:n]...)
			body = body[n:]
			if n < 255 {
				out, packet = append(out, packet), nil
			}
		}
		b = body
	}
	return out[min(2, len(out)):]
}

func TestGarbageIsAnErrorAndTheNextFrameIsFine(t *testing.T) {
	h := &heard{}
	desc := &media.Description{Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000}, {Codec: media.AAC, ClockRate: 44100, SampleRate: 44100, Channels: 1, Config: []byte{0x12, 0x08}},
	}}
	var units []*media.AccessUnit
	for i, frame := range adts(encoded(t, "sine=duration=3:sample_rate=44100", "-c:a", "aac", "-f", "adts")) {
		if i%20 == 10 {
			frame = []byte("this is no audio frame at all")
		}
		at := begin.Add(time.Duration(i) * 1024 * time.Second / 44100)
		units = append(units, &media.AccessUnit{Desc: desc, Track: 1, Key: true, NTP: at, Payload: [][]byte{frame, nil}})
	}
	play(t, h.config(), units)
	if len(h.levels) != 2 && len(h.levels) != 3 {
		t.Errorf("%d seconds were heard", len(h.levels))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(byte(0), []byte{1, 2, 3})
	f.Add(byte(2), []byte{0x21, 0x10, 0x05})
	f.Add(byte(3), []byte{0xfc, 0xff, 0xfe})
	f.Fuzz(func(t *testing.T, codec byte, frame []byte) {
		track := []media.Track{
			{Codec: media.PCMA, SampleRate: 8000, Channels: 1},
			{Codec: media.PCMU, SampleRate: 8000, Channels: 3},
			{Codec: media.AAC, SampleRate: 44100, Channels: 1, Config: []byte{0x12, 0x08}},
			{Codec: media.Opus, SampleRate: 48000, Channels: 2},
		}[codec%4]
		d, err := openDecoder(track)
		if err != nil {
			t.Fatal(err)
		}
		defer d.close()
		for range 3 {
			_, _, _ = d.decode(frame)
		}
	})
}

func TestResamplerKeepsTonesAndDropsWhatDoesNotFit(t *testing.T) {
	for _, from := range []int{8000, 16000, 22050, 44100, 48000} {
		for _, hz := range []float64{300, 3000, 7000, 12000} {
			if hz > 0.45*float64(from) {
				continue
			}
			r := newResampler(from, Rate)
			var out []float32
			chunk := make([]float32, 0, 777)
			for i := range from / 2 {
				chunk = append(chunk, float32(math.Sin(2*math.Pi*hz*float64(i)/float64(from))))
				if len(chunk) == cap(chunk) {
					out, chunk = r.push(out, chunk), chunk[:0]
				}
			}
			if d := len(out) - Rate/2; d < -1200 || d > 0 {
				t.Errorf("%d Hz: %d samples of half a second", from, len(out))
			}
			var l loudness
			for _, v := range out[1000:] {
				l.add(v)
			}
			switch got := l.rms(); {
			case hz < 7500 && !near(got, -3.01, 0.3):
				t.Errorf("%v Hz at %d: %.2f dBFS, want -3", hz, from, got)
			case hz > 9000 && got > -45:
				t.Errorf("%v Hz at %d folds back with %.2f dBFS", hz, from, got)
			}
		}
	}
}
