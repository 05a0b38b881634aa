package encode_test

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/media/encode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pictures decodes the first n pictures of a clip.
func pictures(tb testing.TB, name string, n int) (frames [][]byte, width, height int) {
	tb.Helper()
	units := footage.Load(tb, name, 15)[:n]
	d, err := decode.New(units[0].Desc, decode.Config{MaxSide: 4096})
	if err != nil {
		tb.Fatal(err)
	}
	defer d.Close()
	var f decode.Frame
	defer f.Close()
	for _, u := range units {
		got, err := d.Decode(u, 0, &f)
		if err != nil || !got {
			tb.Fatal(got, err)
		}
		frames = append(frames, append([]byte(nil), f.Pix()...))
	}
	return frames, f.Width, f.Height
}

func open(tb testing.TB, cfg encode.Config) *encode.Encoder {
	tb.Helper()
	e, err := encode.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.Close)
	return e
}

// encodeAll encodes frames at 15 per second; key says which must be key frames.
func encodeAll(tb testing.TB, e *encode.Encoder, frames [][]byte, key func(i int) bool) []encode.Packet {
	tb.Helper()
	var out []encode.Packet
	for i, f := range frames {
		p, err := e.Encode(f, int64(i)*6000, key(i))
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, p...)
	}
	p, err := e.Flush()
	if err != nil {
		tb.Fatal(err)
	}
	return append(out, p...)
}

func never(int) bool { return false }

func psnr(a, b []byte) float64 {
	var sum float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255*float64(len(a))/max(sum, 1))
}

// The decoder must give back each picture at its time.
func TestEncodeRoundTrip(t *testing.T) {
	frames, w, h := pictures(t, "counter_sub.mp4", 45)
	for name, cfg := range map[string]encode.Config{
		"default":   {},
		"low delay": {LowDelay: true, Profile: "baseline"},
		"b-frames":  {BFrames: 3, Profile: "high", Preset: "medium", SPSID: 7},
		"threads":   {Threads: 2, Level: "4.1", Color: encode.Color{Primaries: 1, Transfer: 1, Matrix: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Width, cfg.Height, cfg.FPS, cfg.GOP, cfg.CRF = w, h, 15, 30, 18
			e := open(t, cfg)
			packets := encodeAll(t, e, frames, never)
			if len(packets) != len(frames) {
				t.Fatalf("%d packets of %d pictures", len(packets), len(frames))
			}
			desc := &media.Description{Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000, SPS: e.SPS(), PPS: e.PPS()}}}
			seen := decodePackets(t, desc, packets, func(i int, pix []byte) {
				if p := psnr(frames[i], pix); p < 38 {
					t.Errorf("picture %d: %.1f dB", i, p)
				}
			})
			for i := range frames {
				// Reordered pictures come late; a decoder without delay passes over a few.
				if !seen[i] && cfg.BFrames == 0 {
					t.Errorf("picture %d did not come back", i)
				}
			}
		})
	}
}

func decodePackets(t *testing.T, desc *media.Description, packets []encode.Packet, check func(i int, pix []byte)) map[int]bool {
	t.Helper()
	d, err := decode.New(desc, decode.Config{MaxSide: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var f decode.Frame
	defer f.Close()
	seen := map[int]bool{}
	for i, p := range packets {
		if i > 0 && p.DTS <= packets[i-1].DTS || p.DTS > p.PTS {
			t.Errorf("packet %d: dts %d, pts %d behind %d", i, p.DTS, p.PTS, packets[i-1].DTS)
		}
		got, err := d.Decode(&media.AccessUnit{Desc: desc, PTS: p.PTS, DTS: p.DTS, Key: p.Key, Payload: p.NALs}, 0, &f)
		if err != nil {
			t.Fatal(err)
		}
		if got {
			seen[int(f.PTS/6000)] = true
			check(int(f.PTS/6000), f.Pix())
		}
	}
	return seen
}

func TestEncodeParameterSets(t *testing.T) {
	frames, w, h := pictures(t, "counter_sub.mp4", 3)
	for _, id := range []int{0, 1, 31} {
		e := open(t, encode.Config{Width: w, Height: h, SPSID: id, Profile: "main", Level: "4.0"})
		var sps h264.SPS
		if err := sps.Unmarshal(e.SPS()); err != nil {
			t.Fatal(err)
		}
		if int(sps.ID) != id || sps.ProfileIdc != 77 || sps.LevelIdc != 40 || sps.Width() != w || sps.Height() != h {
			t.Errorf("sps %d, profile %d, level %d, %dx%d, want %d, 77, 40, %dx%d", sps.ID, sps.ProfileIdc, sps.LevelIdc, sps.Width(), sps.Height(), id, w, h)
		}
		for i, p := range encodeAll(t, e, frames, never) {
			for _, n := range p.NALs {
				if k := n[0] & 0x1f; k != 1 && k != 5 {
					t.Errorf("packet %d holds a NAL unit of type %d", i, k)
				}
			}
		}
	}
}

func TestEncodeKeyFrames(t *testing.T) {
	frames, w, h := pictures(t, "counter_sub.mp4", 40)
	e := open(t, encode.Config{Width: w, Height: h, GOP: 10, LowDelay: true})
	last := -1
	for i, p := range encodeAll(t, e, frames, func(i int) bool { return i == 7 || i == 26 }) {
		if p.Key != (p.NALs[0][0]&0x1f == 5) {
			t.Errorf("packet %d: key %v, NAL unit %d", i, p.Key, p.NALs[0][0]&0x1f)
		}
		if p.Key {
			last = i
		}
		if (i == 0 || i == 7 || i == 26) && !p.Key {
			t.Errorf("picture %d is no key frame", i)
		}
		if i-last >= 10 {
			t.Errorf("picture %d is %d behind the last key frame", i, i-last)
		}
	}
}

// ffmpeg must decode the stream without a word.
func TestEncodedStreamIsReadByFFmpeg(t *testing.T) {
	tool, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("SKIPPED: ffmpeg is not installed")
	}
	frames, w, h := pictures(t, "counter_sub.mp4", 30)
	e := open(t, encode.Config{Width: w, Height: h, BFrames: 2, SPSID: 3})
	stream := append([]byte{0, 0, 0, 1}, e.SPS()...)
	stream = append(append(stream, 0, 0, 0, 1), e.PPS()...)
	for _, p := range encodeAll(t, e, frames, never) {
		for _, n := range p.NALs {
			stream = append(append(stream, 0, 0, 0, 1), n...)
		}
	}
	file := filepath.Join(t.TempDir(), "x.h264")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "-v", "warning", "-xerror", "-i", file, "-f", "framemd5", "-").CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	if n := strings.Count(string(out), "\n0,"); n != len(frames) {
		t.Errorf("ffmpeg decoded %d of %d pictures:\n%s", n, len(frames), out)
	}
}

func TestEncodeRefusesWhatIsWrong(t *testing.T) {
	for name, cfg := range map[string]encode.Config{
		"odd width":   {Width: 321, Height: 180},
		"tiny":        {Width: 2, Height: 2},
		"huge":        {Width: 1 << 20, Height: 180},
		"sps id":      {Width: 320, Height: 180, SPSID: 32},
		"crf":         {Width: 320, Height: 180, CRF: 52},
		"preset":      {Width: 320, Height: 180, Preset: "warp"},
		"profile":     {Width: 320, Height: 180, Profile: "baroque"},
		"level":       {Width: 320, Height: 180, Level: "nine"},
		"two delays":  {Width: 320, Height: 180, LowDelay: true, BFrames: 1},
		"no threads":  {Width: 320, Height: 180, Threads: -1},
		"fps":         {Width: 320, Height: 180, FPS: 5000},
		"clock":       {Width: 320, Height: 180, ClockRate: -1},
		"gop":         {Width: 320, Height: 180, GOP: -1},
		"many frames": {Width: 320, Height: 180, BFrames: 17},
	} {
		if e, err := encode.New(cfg); err == nil {
			e.Close()
			t.Errorf("%s was taken", name)
		}
	}
	e := open(t, encode.Config{Width: 320, Height: 180})
	pic := make([]byte, 320*180*3/2)
	if _, err := e.Encode(pic[1:], 0, false); err == nil {
		t.Error("a short picture was taken")
	}
	if _, err := e.Encode(pic, 10, false); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Encode(pic, 10, false); err == nil {
		t.Error("the same time was taken twice")
	}
	if p, err := e.Flush(); err != nil || len(p) != 1 {
		t.Errorf("flush: %d packets, %v", len(p), err)
	}
	if _, err := e.Encode(pic, 20, false); err == nil {
		t.Error("a picture was taken after the end")
	}
	e.Close()
	e.Close()
	if p, err := e.Flush(); err != nil || len(p) != 0 {
		t.Errorf("flush after close: %d packets, %v", len(p), err)
	}
}

// Opening, encoding and closing over and over must not grow the process.
func TestEncodeFreesItsMemory(t *testing.T) {
	pic := make([]byte, 640*360*3/2)
	cycle := func(n int) int64 {
		for range n {
			e, err := encode.New(encode.Config{Width: 640, Height: 360, GOP: 10, LowDelay: true})
			if err != nil {
				t.Fatal(err)
			}
			for i := range int64(3) {
				if _, err := e.Encode(pic, i, false); err != nil {
					t.Fatal(err)
				}
			}
			e.Close()
		}
		return residentBytes(t)
	}
	before := cycle(20)
	if grown := cycle(80) - before; grown > 24<<20 {
		t.Fatalf("resident memory grew by %d KiB over 80 encoders", grown>>10)
	}
}

func residentBytes(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("SKIPPED: no /proc")
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

func BenchmarkEncode(b *testing.B) {
	for name, cfg := range map[string]encode.Config{"preview": {GOP: 10, LowDelay: true, CRF: 34}, "veryfast": {}, "medium": {Preset: "medium"}} {
		b.Run(name, func(b *testing.B) {
			frames, w, h := pictures(b, "counter_sub.mp4", 30)
			cfg.Width, cfg.Height = w, h
			e := open(b, cfg)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := e.Encode(frames[i%30], int64(i)*6000, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
