package decode

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// What a configuration can ask for either opens or says, in a sentence with a next step, why not; Auto and CPU always work.
func TestHardwareIsChosenOrExplained(t *testing.T) {
	for _, a := range []Accel{"", CPU, Auto} {
		h, err := OpenHardware(a)
		if err != nil || a != Auto && h != nil {
			t.Errorf("%q: %v, %v", a, h, err)
		}
		h.Close()
		h.Close()
	}
	for _, a := range []Accel{VAAPI, CUDA, QSV} {
		h, err := OpenHardware(a)
		if err == nil {
			t.Logf("%s opens on this machine", a)
			if h.Accel() != a {
				t.Errorf("%s opened as %s", a, h.Accel())
			}
			h.Close()
			continue
		}
		var e *nvr.Error
		if !errors.As(err, &e) || e.Code != nvr.CodeUnavailable || !strings.Contains(e.Message, "cannot decode") || !strings.Contains(e.Message, ";") {
			t.Errorf("%s: %v", a, err)
		}
		t.Log(e.Message)
	}
	var e *nvr.Error
	if _, err := OpenHardware("gpu"); !errors.As(err, &e) || e.Code != nvr.CodeInvalid {
		t.Errorf("unknown hardware: %v", err)
	}
}

func TestAccelsTellAll(t *testing.T) {
	states := Accels()
	if len(states) != 4 || states[0].Accel != CPU || !states[0].Available || len(states[0].Codecs) == 0 {
		t.Fatalf("%+v", states)
	}
	for _, s := range states {
		if s.Available != (s.Reason == "") {
			t.Errorf("%+v", s)
		}
	}
}

func TestUnusableSentences(t *testing.T) {
	locked := filepath.Join(t.TempDir(), "renderD128")
	missing := []string{locked} // cannot be opened
	open := filepath.Join(t.TempDir(), "renderD129")
	if err := os.WriteFile(open, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a     Accel
		built bool
		nodes []string
		want  string
	}{
		{VAAPI, false, nil, "VAAPI cannot decode: the installed libavcodec was built without it"},
		{VAAPI, true, nil, "no graphics device below /dev/dri: in a container"},
		{VAAPI, true, missing, "may not open " + locked + ": add it to the group render"},
		{VAAPI, true, []string{open}, "install the graphics driver"},
		{QSV, true, nil, "no graphics device"},
		{QSV, true, []string{open}, "vaapi drives the same chip"},
		{CUDA, true, nil, "install NVIDIA's driver"},
	} {
		if got := unusable(c.a, c.built, "No such device", c.nodes); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q has no %q", c.a, got, c.want)
		}
	}
}

// A device that is gone, or never decodes the codec, leaves the stream to the processor.
func TestDecoderFallsBackToSoftware(t *testing.T) {
	units := footage.Load(t, "counter_sub.mp4", 15)[:30]
	for _, a := range []Accel{VAAPI, CUDA, QSV} {
		gone := &Hardware{accel: a}
		if n, failed := decodeAll(t, units, Config{Hardware: gone}, 1); n != 30 || failed != 0 {
			t.Errorf("%s: %d pictures, %d failed", a, n, failed)
		}
		d, err := New(units[0].Desc, Config{Hardware: gone})
		if err != nil {
			t.Fatal(err)
		}
		if d.On() != CPU || d.hardware != nil {
			t.Errorf("%s: decodes on %s", a, d.On())
		}
		d.Close()
	}
}

// Hardware that gives only errors is left at the next key frame; the stream goes on in software.
func TestTroubleEndsAtAKeyFrame(t *testing.T) {
	var tr trouble
	for range maxTrouble - 1 {
		tr.note(true, false)
	}
	if tr.over() {
		t.Fatal("given up too early")
	}
	tr.note(false, false) // a unit without a picture proves nothing
	tr.note(true, false)
	if !tr.over() {
		t.Fatal("never given up")
	}
	if tr.note(false, true); tr != 0 {
		t.Fatal("a picture does not end the trouble")
	}
	for name, leave := range map[string]func(d *Decoder){ // as a driver leaves it that
		"hangs":                  func(d *Decoder) { d.trouble = maxTrouble },
		"gives no pictures back": func(d *Decoder) { d.unread = maxTrouble },
	} {
		t.Run(name, func(t *testing.T) { endsInSoftware(t, leave) })
	}
}

func endsInSoftware(t *testing.T, leave func(d *Decoder)) {
	units := footage.Load(t, "counter_sub.mp4", 15)[:45]
	d, err := New(units[0].Desc, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.hardware = &Hardware{accel: VAAPI}
	leave(d)
	var f Frame
	defer f.Close()
	n := 0
	for _, u := range units {
		got, err := d.Decode(u, 0, &f)
		if err != nil {
			t.Fatal(err)
		}
		if got {
			n++
		}
	}
	if n != len(units) || d.hardware != nil || d.On() != CPU {
		t.Fatalf("%d pictures of %d, on %s", n, len(units), d.On())
	}
}

// A camera that connects while the hardware is given back is decoded in software.
func TestClosedHardwareIsLeftAlone(t *testing.T) {
	units := footage.Load(t, "counter_sub.mp4", 15)[:1]
	h := &Hardware{accel: VAAPI}
	h.Close()
	d, err := New(units[0].Desc, Config{Hardware: h})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.hardware != nil || d.On() != CPU {
		t.Fatalf("on %s", d.On())
	}
}

// Pictures that nobody refers to are only decoded when they are wanted.
func TestDecodeLeavesOutWhatNobodyNeeds(t *testing.T) {
	clip := filepath.Join(footage.Dir(t), "videos/counter_sub.mp4")
	for _, c := range []struct {
		name  string
		codec media.Codec
		args  []string
	}{
		{"H.264", media.H264, []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-x264-params", "b-pyramid=none"}},
		{"H.265", media.H265, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=2:b-pyramid=0"}},
	} {
		units := footage.Convert(t, clip, 15, c.codec, append([]string{"-frames:v", "60"}, c.args...)...)
		count := func(due int64) int {
			d, err := New(units[0].Desc, Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			var f Frame
			defer f.Close()
			for _, u := range units {
				if _, err := d.Decode(u, due, &f); err != nil {
					t.Fatal(err)
				}
			}
			return d.decoded
		}
		all, needed := count(0), count(1<<62)
		t.Logf("%s: %d pictures decoded of %d when none is wanted", c.name, needed, all)
		if all < 55 || needed > all/2 || needed == 0 {
			t.Errorf("%s: %d of %d pictures decoded", c.name, needed, all)
		}
	}
}
