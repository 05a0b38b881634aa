package motion

import (
	"path/filepath"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// watch runs footage at five pictures a second and calls fn with each picture's second and result.
func watch(t *testing.T, units []*media.AccessUnit, fn func(at float64, r Result)) {
	t.Helper()
	dec, err := decode.New(units[0].Desc, decode.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	d, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var f decode.Frame
	defer f.Close()
	var due int64
	for _, u := range units {
		got, err := dec.Decode(u, due, &f)
		if err != nil {
			t.Fatal(err)
		}
		if !got {
			continue
		}
		due = f.PTS + 18000
		grey, err := cv.WrapGrey(f.Luma(), f.Width, f.Height)
		if err != nil {
			t.Fatal(err)
		}
		d.Colour(f.Pix()[f.Width*f.Height:])
		r, err := d.Update(grey)
		_ = grey.Close()
		if err != nil {
			t.Fatal(err)
		}
		fn(float64(f.PTS)/90000, r)
	}
}

// Light that comes, goes, flashes or turns to infrared at the fourth second of a still scene is no motion, and 2 s later
// the detector works again: what moves from the eighth second on is found.
func TestChangesOfLightAreNotMotion(t *testing.T) {
	const mover = "[v];color=red:s=40x90:r=15[o];[v][o]overlay=x='80*(t-8)':y=200:shortest=1:enable='gte(t,8)'"
	for name, filter := range map[string]string{
		"nothing":            "null",
		"lights on":          "eq=brightness=0.35:enable='gte(t,4)'",
		"lights off":         "eq=brightness=-0.4:enable='gte(t,4)'",
		"lightning":          "eq=brightness=0.5:enable='between(t,4,4.3)+between(t,4.6,4.8)'",
		"sun comes out":      "eq=contrast=1.6:brightness=0.1:enable='gte(t,4)'",
		"porch lamp":         "drawbox=x=0:y=0:w=iw*0.55:h=ih:c=white@0.6:t=fill:enable='gte(t,4)'",
		"infrared":           "hue=s=0:enable='gte(t,4)',eq=contrast=0.7:brightness=0.12:enable='gte(t,4)',vignette=PI/3:enable='gte(t,4)'",
		"infrared, faded":    "hue=s=0:enable='gte(t,4)',fade=t=in:st=4:d=0.8:enable='gte(t,4)',vignette=PI/3:enable='gte(t,4)'",
		"back from infrared": "hue=s=0:enable='lt(t,4)',vignette=PI/3:enable='lt(t,4)'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			units := footage.Convert(t, filepath.Join(footage.Dir(t), "images/room_3.jpg"), 15, media.H264, "-filter_complex",
				"loop=-1:1,scale=640:360,setsar=1,format=yuv420p,fps=15,noise=alls=4:allf=t,"+filter+mover, "-r", "15", "-t", "11", "-c:v", "libx264",
				"-preset", "ultrafast", "-bf", "0", "-g", "30")
			moving, found := 0, 0
			watch(t, units, func(at float64, r Result) {
				switch {
				case at >= 8.4:
					if len(r.Boxes) > 0 {
						found++
					}
				case at < 8 && len(r.Boxes) > 0:
					moving++
					t.Logf("%.1f s: motion in %.2f of the picture", at, r.Changed)
				case at >= 6 && at < 8 && r.Calibrating:
					t.Errorf("%.1f s: still calibrating", at)
				}
			})
			if moving > 0 {
				t.Errorf("%d pictures with motion before anything moved", moving)
			}
			if found < 8 {
				t.Errorf("what moves is found in %d of 13 pictures", found)
			}
		})
	}
}
