package sound

import (
	"bytes"
	"log/slog"
	"math"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

var begin = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// encoded runs ffmpeg on a generated sound and returns its output.
func encoded(t testing.TB, source string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("SKIPPED: ffmpeg is not installed")
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append(append([]string{"-v", "error", "-f", "lavfi", "-i", source}, args...), "pipe:1")...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg %s: %v: %s", source, err, stderr.String())
	}
	return out.Bytes()
}

// g711 returns a second of sound per entry as µ-law units of 20 ms: tones of 440 Hz of that level in dBFS (RMS), or
// silence for 0.
func g711(desc *media.Description, start time.Time, levels ...float64) (units []*media.AccessUnit) {
	const rate = 8000
	n := 0
	for _, level := range levels {
		amplitude := 0.0
		if level != 0 {
			amplitude = math.Pow(10, level/20) * math.Sqrt2
		}
		for range 50 {
			frame := make([]byte, 160)
			for i := range frame {
				frame[i] = toMuLaw(amplitude * math.Sin(2*math.Pi*440*float64(n)/rate))
				n++
			}
			at := n - len(frame)
			units = append(units, &media.AccessUnit{
				Desc: desc, Track: 1, PTS: int64(at), DTS: int64(at), Key: true, Payload: [][]byte{frame},
				NTP: start.Add(time.Duration(at) * time.Second / rate),
			})
		}
	}
	return units
}

// toMuLaw encodes a sample of -1..1 (ITU-T G.711).
func toMuLaw(x float64) byte {
	v, sign := int(math.Abs(x)*32767), byte(0)
	if x < 0 {
		sign = 0x80
	}
	v = min(v, 32635) + 0x84
	e := 7
	for mask := 0x4000; e > 0 && v&mask == 0; mask >>= 1 {
		e--
	}
	return ^(sign | byte(e)<<4 | byte(v>>(e+3)&0x0f))
}

func muLawDesc() *media.Description {
	return &media.Description{Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000}, {Codec: media.PCMU, ClockRate: 8000, SampleRate: 8000, Channels: 1},
	}}
}

// heard collects what a camera tells.
type heard struct {
	mu     sync.Mutex
	levels []nvr.SoundLevel
	sounds []nvr.SoundChange
}

func (h *heard) config() Config {
	return Config{
		Camera: "front",
		Level:  func(l nvr.SoundLevel) { h.mu.Lock(); defer h.mu.Unlock(); h.levels = append(h.levels, l) },
		Sound:  func(c nvr.SoundChange) { h.mu.Lock(); defer h.mu.Unlock(); h.sounds = append(h.sounds, c) },
	}
}

// play lets a camera hear units, all at once, and its session end.
func play(t testing.TB, cfg Config, units []*media.AccessUnit) *Camera {
	t.Helper()
	c, err := New(cfg, media.NewHub(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(c)
	for _, u := range units {
		l.unit(u)
	}
	l.endSession()
	return c
}

func near(a, b float32, tolerance float64) bool { return math.Abs(float64(a-b)) <= tolerance }
