package decode

import (
	"errors"
	"testing"
)

func TestPicturesAreAllOfARange(t *testing.T) {
	for name, encode := range map[string][]string{
		"plain":         {"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"},
		"b-frames":      {"-c:v", "libx264", "-preset", "medium", "-bf", "4", "-x264-params", "b-adapt=0:b-pyramid=normal"},
		"h265 b-frames": {"-c:v", "libx265", "-preset", "veryfast", "-tag:v", "hvc1", "-x265-params", "log-level=none:bframes=4:open-gop=0"},
	} {
		t.Run(name, func(t *testing.T) {
			units := bars(t, encode...)
			first := units[0].PTS
			for _, r := range [][2]int{{0, 30}, {0, 1}, {29, 30}, {7, 19}, {12, 12}} {
				next := r[0]
				err := Pictures(t.Context(), units, Config{}, first+int64(r[0])*6000, first+int64(r[1])*6000, func(f *Frame) error {
					if seen := readBars(f); seen != next || f.PTS != first+int64(next)*6000 {
						t.Errorf("picture %d with PTS %d, want %d", seen, f.PTS-first, next)
					}
					next++
					return nil
				})
				if err != nil || next != r[1] {
					t.Errorf("range %v ended at %d: %v", r, next, err)
				}
			}
			stop := errors.New("enough")
			if err := Pictures(t.Context(), units, Config{}, first, first+1, func(*Frame) error { return stop }); !errors.Is(err, stop) {
				t.Errorf("error %v", err)
			}
		})
	}
}
