package transcode

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rate = 8000

// tone returns two seconds of G.711, silent for the first and a 440 Hz tone in the second.
func tone(t *testing.T, format string) []byte {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command(fmp4test.Tool(t, "ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000:duration=2",
		"-af", "volume='if(gte(t,1),4,0)':eval=frame:precision=float", "-f", format, "pipe:1")
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return out.Bytes()
}

// TestG711BecomesAAC records pictures with G.711 and listens to the file: the tone is there, clean and at its time.
func TestG711BecomesAAC(t *testing.T) {
	for format, codec := range map[string]media.Codec{"alaw": media.PCMA, "mulaw": media.PCMU} {
		t.Run(format, func(t *testing.T) {
			g711 := tone(t, format)
			pictures := fmp4test.Scene(t, 2, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-an")
			d := &media.Description{Tracks: []media.Track{pictures.Desc.Tracks[0], {Codec: codec, ClockRate: rate, SampleRate: rate, Channels: 1}}}
			start := time.Unix(1_700_000_000, 0)
			var got []*media.AccessUnit
			push, done := Through(slog.New(slog.DiscardHandler))(func(u *media.AccessUnit) { got = append(got, u) })
			defer done()
			next := pictures.Play(d, start)
			at := 0
			for range pictures.Units {
				u := next()
				push(u)
				for ; at+160 <= len(g711) && int64(at)*90000/rate <= u.PTS; at += 160 {
					push(&media.AccessUnit{
						Desc: d, Track: 1, PTS: int64(at), DTS: int64(at), Key: true, Payload: [][]byte{g711[at : at+160]},
						NTP: start.Add(time.Duration(at) * time.Second / rate),
					})
				}
			}
			checkUnits(t, got, start)
			listen(t, record(t, got))
		})
	}
}

func checkUnits(t *testing.T, units []*media.AccessUnit, start time.Time) {
	t.Helper()
	to := units[0].Desc
	if len(to.Tracks) != 3 || to.Tracks[2].Codec != media.AAC || !to.Tracks[2].Derived {
		t.Fatalf("tracks %+v", to.Tracks)
	}
	last := int64(math.MinInt64)
	for _, u := range units {
		if u.Desc != to {
			t.Fatal("a unit of another description")
		}
		if u.Track != 2 {
			continue
		}
		if want := start.Add(time.Duration(u.PTS) * time.Second / rate); u.NTP.Sub(want).Abs() > time.Millisecond || u.PTS <= last {
			t.Fatalf("unit at %d after %d is dated %v", u.PTS, last, u.NTP.Sub(start))
		}
		last = u.PTS
	}
}

func record(t *testing.T, units []*media.AccessUnit) string {
	t.Helper()
	m, err := fmp4.NewMuxer(units[0].Desc)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		m.Add(u)
	}
	var p fmp4.Part
	m.Cut(&p, true)
	path := filepath.Join(t.TempDir(), "x.mp4")
	if err := os.WriteFile(path, p.AppendTo(append([]byte(nil), m.Init()...)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// listen decodes the audio and looks for the tone.
func listen(t *testing.T, path string) {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.Command(fmp4test.Tool(t, "ffmpeg"), "-v", "warning", "-i", path, "-vn", "-f", "s16le", "-ar", "8000", "pipe:1")
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	pcm := make([]float64, out.Len()/2)
	for i := range pcm {
		pcm[i] = float64(int16(binary.LittleEndian.Uint16(out.Bytes()[2*i:])))
	}
	onset := 0
	for onset < len(pcm) && math.Abs(pcm[onset]) < 1000 {
		onset++
	}
	if d := math.Abs(float64(onset)/rate - 1); d > 0.03 {
		t.Errorf("the tone begins at %.3f s, want 1", float64(onset)/rate)
	}
	var sin, cos, all float64
	part := pcm[len(pcm)*5/8 : len(pcm)*7/8]
	for i, v := range part {
		sin += v * math.Sin(2*math.Pi*440*float64(i)/rate)
		cos += v * math.Cos(2*math.Pi*440*float64(i)/rate)
		all += v * v
	}
	if share := 2 * (sin*sin + cos*cos) / float64(len(part)) / all; share < 0.97 {
		t.Errorf("%.3f of the sound is the tone", share)
	}
}

func TestLossBeginsAnew(t *testing.T) {
	d := &media.Description{Tracks: []media.Track{{Codec: media.H264}, {Codec: media.PCMA, ClockRate: rate, SampleRate: rate, Channels: 1}}}
	var got []int64
	push, done := Through(slog.New(slog.DiscardHandler))(func(u *media.AccessUnit) {
		if u.Track == 2 {
			got = append(got, u.PTS)
		}
	})
	defer done()
	for at := int64(0); at < 5*rate; at += 160 {
		if at >= 2*rate && at < 4*rate {
			continue
		}
		push(&media.AccessUnit{Desc: d, Track: 1, PTS: at, DTS: at, Key: true, Payload: [][]byte{make([]byte, 160)}})
	}
	for i := 1; i < len(got); i++ {
		if step := got[i] - got[i-1]; step != frameSamples && got[i] < 4*rate-frameSamples {
			t.Errorf("frames at %d and %d", got[i-1], got[i])
		}
	}
	if last := got[len(got)-1]; last < 5*rate-4*frameSamples || last > 5*rate {
		t.Errorf("the last frame is at %d", last)
	}
}

func TestOtherSessionsAreLeftAlone(t *testing.T) {
	for _, audio := range []media.Track{{Codec: media.AAC}, {Codec: media.Opus}, {Codec: media.PCMA, SampleRate: 100, Channels: 1}, {Codec: media.PCMU, SampleRate: rate, Channels: 9}} {
		d := &media.Description{Tracks: []media.Track{{Codec: media.H264}, audio}}
		push, done := Through(slog.New(slog.DiscardHandler))(func(u *media.AccessUnit) {
			if u.Desc != d {
				t.Errorf("%v: another description", audio)
			}
		})
		push(&media.AccessUnit{Desc: d, Track: 1, Payload: [][]byte{{1, 2}}})
		done()
	}
}

func BenchmarkG711(b *testing.B) {
	d := &media.Description{Tracks: []media.Track{{Codec: media.H264}, {Codec: media.PCMA, ClockRate: rate, SampleRate: rate, Channels: 1}}}
	push, done := Through(slog.New(slog.DiscardHandler))(func(*media.AccessUnit) {})
	defer done()
	noise := make([]byte, 160)
	for i := range noise {
		noise[i] = byte(i * 73)
	}
	at := int64(0)
	for b.Loop() { // a second of sound
		for range 50 {
			push(&media.AccessUnit{Desc: d, Track: 1, PTS: at, DTS: at, Key: true, Payload: [][]byte{noise}})
			at += 160
		}
	}
}
