package decode

import (
	"crypto/md5" //nolint:gosec // only compares pictures
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decodeAll returns the luma sums of all pictures picked every step ticks.
func decodeAll(t testing.TB, units []*media.AccessUnit, cfg Config, step int64) (pictures int, failed int) {
	t.Helper()
	d, err := New(units[0].Desc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var f Frame
	defer f.Close()
	var due int64
	for _, u := range units {
		got, err := d.Decode(u, due, &f)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("unexpected error: %v", err)
			}
			failed++
		}
		if got {
			if f.PTS < due {
				t.Fatalf("picture at %d before %d", f.PTS, due)
			}
			due = f.PTS + step
			pictures++
		}
	}
	return pictures, failed
}

func TestDecodePicksFramesAtTheWantedRate(t *testing.T) {
	units := footage.Load(t, "parking_sub.mp4", 15)
	d, err := New(units[0].Desc, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var f Frame
	defer f.Close()
	var due int64
	n := 0
	for _, u := range units[:150] {
		got, err := d.Decode(u, due, &f)
		if err != nil {
			t.Fatal(err)
		}
		if !got {
			continue
		}
		if want := footage.Start.Add(time.Duration(n) * 200 * time.Millisecond); !f.Time.Equal(want) {
			t.Fatalf("picture %d at %v, want %v", n, f.Time, want)
		}
		if f.Width != 640 || f.Height != 360 || len(f.Pix()) != 640*360*3/2 || len(f.Luma()) != 640*360 {
			t.Fatalf("picture of %dx%d with %d bytes", f.Width, f.Height, len(f.Pix()))
		}
		n++
		due = f.PTS + 18000
	}
	if n != 50 {
		t.Fatalf("%d pictures in 10 s at 5 per second, want 50", n)
	}
}

// The pictures must be those that ffmpeg decodes, byte for byte.
func TestDecodeEqualsFFmpeg(t *testing.T) {
	units := footage.Load(t, "counter_sub.mp4", 15)[:60]
	raw, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i",
		filepath.Join(footage.Dir(t), "videos/counter_sub.mp4"), "-frames:v", "60", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(units[0].Desc, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var f Frame
	defer f.Close()
	for i, u := range units {
		got, err := d.Decode(u, 0, &f)
		if err != nil || !got {
			t.Fatalf("unit %d: got %v, %v", i, got, err)
		}
		want := raw[i*len(f.Pix()):][:len(f.Pix())]
		if md5.Sum(want) != md5.Sum(f.Pix()) { //nolint:gosec // only compares pictures
			t.Fatalf("picture %d differs from ffmpeg's", i)
		}
	}
}

func TestDecodeScalesDown(t *testing.T) {
	units := footage.Load(t, "parking_main_1080p.mp4", 15)[:3]
	d, err := New(units[0].Desc, Config{MaxSide: 641, SkipLoopFilter: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var f Frame
	defer f.Close()
	if got, err := d.Decode(units[0], 0, &f); err != nil || !got {
		t.Fatal(got, err)
	}
	if f.Width != 640 || f.Height != 360 {
		t.Fatalf("%dx%d, want 640x360", f.Width, f.Height)
	}
	var c Frame
	defer c.Close()
	if err := c.CopyFrom(&f); err != nil || md5.Sum(c.Pix()) != md5.Sum(f.Pix()) || c.PTS != f.PTS { //nolint:gosec // compare
		t.Fatal("copy differs", err)
	}
}

func TestDecodeH265AndFullRange(t *testing.T) {
	clip := filepath.Join(footage.Dir(t), "videos/counter_sub.mp4")
	hevc := footage.Convert(t, clip, 15, media.H265, "-frames:v", "20", "-c:v", "libx265", "-preset", "ultrafast",
		"-x265-params", "log-level=none:bframes=0")
	if n, failed := decodeAll(t, hevc, Config{}, 1); n != len(hevc) || failed != 0 {
		t.Fatalf("h265: %d of %d pictures, %d failed", n, len(hevc), failed)
	}
	luma := func(args ...string) (lo, hi byte) {
		units := footage.Convert(t, clip, 15, media.H264, append([]string{"-frames:v", "1", "-c:v", "libx264", "-preset", "ultrafast"}, args...)...)
		d, err := New(units[0].Desc, Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		var f Frame
		defer f.Close()
		if got, err := d.Decode(units[0], 0, &f); !got || err != nil {
			t.Fatal(got, err)
		}
		lo = 255
		for _, b := range f.Luma() {
			lo, hi = min(lo, b), max(hi, b)
		}
		return lo, hi
	}
	lo, hi := luma("-vf", "geq=lum='X/W*255':cb=128:cr=128,setrange=full", "-color_range", "pc")
	if lo < 12 || hi > 240 {
		t.Fatalf("full range ramp came out as %d..%d, want video range 16..235", lo, hi)
	}
}

// B-frames are delivered at the latest possible moment, never out of order.
func TestDecodeWithReordering(t *testing.T) {
	clip := filepath.Join(footage.Dir(t), "videos/counter_sub.mp4")
	units := footage.Convert(t, clip, 15, media.H264, "-frames:v", "60", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2")
	if n, _ := decodeAll(t, units, Config{}, 18000); n < 12 {
		t.Fatalf("%d pictures of 4 s at 5 per second", n)
	}
}

func TestDecodeSurvivesLossAndGarbage(t *testing.T) {
	units := footage.Load(t, "counter_sub.mp4", 15)[:240]
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // reproducible damage
		var bad []*media.AccessUnit
		for _, u := range units {
			c := *u
			switch rnd.IntN(8) {
			case 0:
				continue // lost
			case 1, 2: // flipped bytes
				nal := append([]byte(nil), u.Payload[0]...)
				for range 1 + rnd.IntN(20) {
					nal[rnd.IntN(len(nal))] = byte(rnd.Uint32())
				}
				c.Payload = [][]byte{nal}
			case 3: // cut off
				c.Payload = [][]byte{u.Payload[0][:rnd.IntN(len(u.Payload[0]))]}
			case 4: // noise
				nal := make([]byte, rnd.IntN(3000))
				for i := range nal {
					nal[i] = byte(rnd.Uint32())
				}
				c.Payload = [][]byte{nal, nil, {0x67}, {0x68}}
			}
			bad = append(bad, &c)
		}
		bad[0] = units[0]
		n, failed := decodeAll(t, bad, Config{}, 1)
		t.Logf("seed %d: %d units, %d pictures, %d errors", seed, len(bad), n, failed)
		if n == 0 {
			t.Fatal("no picture at all")
		}
	}
}

func TestDecodeForgedParameterSets(t *testing.T) {
	units := footage.Load(t, "counter_sub.mp4", 15)[:30]
	for seed := range uint64(64) {
		rnd := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // reproducible damage
		track := units[0].Desc.Tracks[0]
		track.SPS = append([]byte(nil), track.SPS...)
		for range 1 + rnd.IntN(6) {
			track.SPS[1+rnd.IntN(len(track.SPS)-1)] = byte(rnd.Uint32())
		}
		desc := &media.Description{Tracks: []media.Track{track}}
		var bad []*media.AccessUnit
		for _, u := range units {
			c := *u
			c.Desc = desc
			bad = append(bad, &c)
		}
		decodeAll(t, bad, Config{}, 1)
	}
}

func TestDecodeRefusesWhatIsNotItsOwn(t *testing.T) {
	audio := &media.Description{Tracks: []media.Track{{Codec: media.AAC, ClockRate: 48000}}}
	if _, err := New(audio, Config{}); err == nil {
		t.Fatal("decoder for a stream without pictures")
	}
	both := &media.Description{Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000}, {Codec: media.AAC, ClockRate: 48000}}}
	if _, err := New(both, Config{MaxSide: 3}); err == nil {
		t.Fatal("decoder for pictures of 3 pixels")
	}
	d, err := New(both, Config{})
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	for name, u := range map[string]*media.AccessUnit{
		"audio":          {Desc: both, Track: 1, Key: true, Payload: [][]byte{{1}}},
		"end":            {Desc: both, Track: media.TrackEnd},
		"before the key": {Desc: both, Payload: [][]byte{{0x41, 0x9a}}},
		"empty":          {Desc: both, Key: true},
	} {
		if got, err := d.Decode(u, 0, &f); got || err != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if _, err := d.Decode(&media.AccessUnit{Desc: audio}, 0, &f); err == nil {
		t.Error("unit of another session was taken")
	}
	huge := &media.AccessUnit{Desc: both, Key: true, Payload: [][]byte{make([]byte, maxUnitBytes+1)}}
	if _, err := d.Decode(huge, 0, &f); !errors.Is(err, ErrCorrupt) {
		t.Errorf("huge unit: %v", err)
	}
	d.Close()
	d.Close()
	if _, err := d.Decode(huge, 0, &f); err == nil {
		t.Error("closed decoder decodes")
	}
}

// Opening, decoding and closing over and over must not grow the process.
func TestDecodeFreesItsMemory(t *testing.T) {
	units := footage.Load(t, "counter_sub.mp4", 15)[:4]
	cycle := func(n int) int64 {
		for range n {
			decodeAll(t, units, Config{MaxSide: 320}, 1)
		}
		return residentBytes(t)
	}
	before := cycle(30)
	after := cycle(120)
	if grown := after - before; grown > 24<<20 {
		t.Fatalf("resident memory grew by %d KiB over 120 decoders", grown>>10)
	}
}

func residentBytes(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("SKIPPED: no /proc")
	}
	var pages [2]int64
	i := 0
	for _, c := range b {
		if c == ' ' {
			if i++; i == 2 {
				break
			}
			continue
		}
		pages[i] = pages[i]*10 + int64(c-'0')
	}
	return pages[1] * int64(os.Getpagesize())
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name, clip string
		skip       bool
	}{{"sub", "parking_sub.mp4", false}, {"sub_nofilter", "parking_sub.mp4", true}, {"1080p", "parking_main_1080p.mp4", false}, {"1080p_nofilter", "parking_main_1080p.mp4", true}} {
		b.Run(c.name, func(b *testing.B) {
			units := footage.Load(b, c.clip, 15)[:300]
			d, err := New(units[0].Desc, Config{SkipLoopFilter: c.skip})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			var f Frame
			defer f.Close()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				u := units[i%300]
				notBefore := int64(1 << 62)
				if i%3 == 0 {
					notBefore = 0
				}
				if _, err := d.Decode(u, notBefore, &f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
