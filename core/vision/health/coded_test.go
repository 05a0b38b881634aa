package health

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// keys encodes a clip at one picture a second, each of them a key picture; with "-g" in args, at 15.
func keys(t *testing.T, filter string, codec media.Codec, args ...string) []*media.AccessUnit {
	t.Helper()
	lib := "libx264"
	if codec == media.H265 {
		lib = "libx265"
		args = append(args, "-x265-params", "log-level=none")
	}
	frames, fps := "50", 1
	if slices.Contains(args, "-g") {
		frames, fps = "750", 15
	} else {
		args = append(args, "-g", "1")
	}
	// Without passthrough ffmpeg would itself repeat pictures to fill what it takes for gaps.
	all := append([]string{"-fps_mode", "passthrough", "-vf", filter, "-frames:v", frames, "-c:v", lib, "-preset", "ultrafast", "-tune", "zerolatency"}, args...)
	return footage.Convert(t, filepath.Join(footage.Dir(t), "videos", "counter_sub.mp4"), fps, codec, all...)
}

// stand holds the clip's first picture for ever.
const stand = "loop=loop=-1:size=1:start=0,scale=320:180"

func TestFrozenEncoderRepeatsItsBytes(t *testing.T) {
	for _, tc := range []struct {
		name, filter string
		codec        media.Codec
		args         []string
		want         bool
	}{
		{"fixed quality", stand, media.H264, []string{"-crf", "28"}, true},
		{"without CABAC", stand, media.H264, []string{"-crf", "28", "-x264-params", "cabac=0"}, true},
		{"constant rate with room", stand, media.H264, []string{"-g", "15", "-b:v", "600k", "-maxrate", "600k", "-bufsize", "600k"}, true},
		{"H.265", stand, media.H265, []string{"-crf", "30"}, true},
		{"least noise of a sensor", stand + ",noise=alls=1:allf=t", media.H264, []string{"-crf", "28"}, false},
		{"that noise denoised and coded badly", stand + ",noise=alls=2:allf=t,hqdn3d", media.H264, []string{"-crf", "33"}, false},
		{"real scene", "fps=1", media.H264, []string{"-crf", "28"}, false},
		{"real scene, denoised", "fps=1,hqdn3d=8:8:12:12", media.H264, []string{"-crf", "33"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlayer(Config{})
			for _, u := range keys(t, tc.filter, tc.codec, tc.args...) {
				p.hear(p.a.Unit(u), u.NTP.Sub(footage.Start))
			}
			if got := len(p.began) > 0; got != tc.want {
				t.Fatalf("told %v, want frozen: %v", p.began, tc.want)
			}
			if tc.want && (p.began[0] != nvr.HealthFrozen || p.delay[nvr.HealthFrozen] > 45*time.Second) {
				t.Errorf("told %v after %v", p.began, p.delay)
			}
		})
	}
}

// TestThawEndsIt goes from a frozen stream to a live one.
func TestThawEndsIt(t *testing.T) {
	p := newPlayer(Config{})
	ice, water := keys(t, stand, media.H264, "-crf", "28"), keys(t, "fps=1", media.H264, "-crf", "28")
	for _, u := range ice {
		p.hear(p.a.Unit(u), 0)
	}
	for _, u := range water[:5] {
		later := *u
		later.NTP = u.NTP.Add(time.Duration(len(ice)) * time.Second)
		p.hear(p.a.Unit(&later), 0)
	}
	if len(p.began) != 1 || len(p.ended) != 1 || p.ended[0] != nvr.HealthFrozen {
		t.Errorf("began %v, ended %v", p.began, p.ended)
	}
}

// TestBlackIsNotFrozen: a covered sensor at night may well repeat itself.
func TestBlackIsNotFrozen(t *testing.T) {
	p := newPlayer(Config{})
	dark := make([]byte, testSize)
	for i := range dark {
		dark[i] = 16
	}
	for i, u := range keys(t, "fps=1,drawbox=t=fill:color=black", media.H264, "-crf", "28") {
		at := time.Duration(i) * time.Second
		p.hear(p.a.Picture(dark, testW, testH, u.NTP), at)
		p.hear(p.a.Unit(u), at)
	}
	if len(p.began) != 1 || p.began[0] != nvr.HealthBlack {
		t.Errorf("told %v, want black alone", p.began)
	}
}
