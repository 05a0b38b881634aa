package decode

import (
	"context"
	"errors"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
)

// bars is a clip of 2 s whose picture n shows the bits of n as eight columns, bright or dark.
func bars(t *testing.T, encode ...string) []*media.AccessUnit {
	t.Helper()
	args := []string{"-f", "lavfi", "-i", "color=gray:size=256x64:rate=15:duration=2", "-vf", "geq=lum='16+219*mod(floor(N/pow(2,floor(X/32))),2)':cb=128:cr=128", "-pix_fmt", "yuv420p", "-g", "30"}
	clip := fmp4test.Load(t, append(args, encode...)...)
	var units []*media.AccessUnit
	for i := range clip.Units {
		units = append(units, &clip.Units[i])
	}
	return units
}

func readBars(f *Frame) int {
	n := 0
	for bit := range 8 {
		if f.Luma()[f.Height/2*f.Width+(bit*f.Width/8)+f.Width/16] > 126 {
			n |= 1 << bit
		}
	}
	return n
}

func TestStillIsThePictureShown(t *testing.T) {
	for name, encode := range map[string][]string{
		"plain":         {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"},
		"b-frames":      {"-c:v", "libx264", "-preset", "medium", "-bf", "4", "-x264-params", "b-adapt=0:b-pyramid=normal"},
		"h265 b-frames": {"-c:v", "libx265", "-preset", "veryfast", "-tag:v", "hvc1", "-x265-params", "log-level=none:bframes=4:open-gop=0"},
	} {
		t.Run(name, func(t *testing.T) {
			units := bars(t, encode...)
			var f Frame
			defer f.Close()
			first := units[0].PTS
			for n := range 30 {
				for _, late := range []int64{0, 1, 5999} {
					got, err := Still(t.Context(), units, Config{}, first+int64(n)*6000+late, &f)
					if err != nil || !got {
						t.Fatalf("picture %d: %v, %v", n, got, err)
					}
					if seen := readBars(&f); seen != n || f.PTS != first+int64(n)*6000 {
						t.Fatalf("picture %d and %d ticks: got picture %d with PTS %d", n, late, seen, f.PTS-first)
					}
				}
			}
			if got, err := Still(t.Context(), units, Config{}, first-1, &f); got || err != nil {
				t.Errorf("before the first picture: %v, %v", got, err)
			}
			cut, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := Still(cut, units, Config{}, first, &f); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
}

// A corrupt picture is passed over in favour of the whole one before it.
func TestStillOfDamage(t *testing.T) {
	units := bars(t, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0")
	c := *units[12]
	c.Payload = [][]byte{{0x41, 0xff, 0xff}}
	units[12] = &c
	var f Frame
	defer f.Close()
	got, err := Still(t.Context(), units, Config{}, units[12].PTS, &f)
	if err != nil || !got || readBars(&f) != 11 {
		t.Fatalf("%v, %v, picture %d, want 11", got, err, readBars(&f))
	}
	if got, err := Still(t.Context(), nil, Config{}, 0, &f); got || err != nil {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}
