package decode

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
)

// A camera whose resolution is changed may go on in the same session, with parameter sets among its pictures: larger, smaller
// and back again, with units between that are empty, noise or cut off.
func TestDecodeFollowsAChangeOfResolution(t *testing.T) {
	clip := filepath.Join(footage.Dir(t), "videos/counter_sub.mp4")
	for codec, encode := range map[media.Codec][]string{
		media.H264: {"-c:v", "libx264", "-preset", "ultrafast"},
		media.H265: {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0"},
	} {
		var desc *media.Description
		var d *Decoder
		var f Frame
		defer f.Close()
		for _, scale := range []string{"640:360", "1024:576", "320:180", "640:360"} {
			units := footage.Convert(t, clip, 15, codec, append([]string{"-frames:v", "20", "-vf", "scale=" + scale}, encode...)...)
			track := units[0].Desc.Tracks[0]
			if d == nil {
				var err error
				desc = units[0].Desc
				if d, err = New(desc, Config{}); err != nil {
					t.Fatal(err)
				}
				defer d.Close()
			}
			pictures := 0
			for i, u := range units {
				c := *u
				c.Desc = desc
				if u.Key {
					c.Payload = append([][]byte{track.VPS, track.SPS, track.PPS}, u.Payload...)
				}
				got, err := d.Decode(&c, 0, &f)
				if err != nil || !got {
					t.Fatalf("%s, %s, picture %d: %v, %v", codec, scale, i, got, err)
				}
				pictures++
				for _, bad := range [][][]byte{nil, {}, {nil}, {{}}, {{0xff, 0x00, 0x13}}} {
					c.Payload, c.Key = bad, false
					if _, err := d.Decode(&c, 0, &f); err != nil && !errors.Is(err, ErrCorrupt) {
						t.Fatalf("%s: %x: %v", codec, bad, err)
					}
				}
			}
			want := map[string]int{"640:360": 640, "1024:576": 1024, "320:180": 320}[scale]
			if f.Width != want || f.Height != want*9/16 || len(f.Pix()) != want*want*9/16*3/2 || pictures != len(units) {
				t.Errorf("%s, %s: %d pictures, the last of %dx%d", codec, scale, pictures, f.Width, f.Height)
			}
		}
	}
}
