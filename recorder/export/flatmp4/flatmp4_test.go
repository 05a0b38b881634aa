package flatmp4_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/recorder/export/flatmp4"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func stsd(t testing.TB) [][]byte {
	t.Helper()
	sps, _ := hex.DecodeString("67640028acd940780227e5c05a8080" + "80a0000003002000000781e30632c0")
	d := &media.Description{Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000, SPS: sps, PPS: []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}},
		{Codec: media.AAC, ClockRate: 48000, SampleRate: 48000, Channels: 2, Config: []byte{0x11, 0x90}},
	}}
	init, err := fmp4.Init(d)
	if err != nil {
		t.Fatal(err)
	}
	out, err := flatmp4.Stsd(init)
	if err != nil || len(out) != 2 {
		t.Fatalf("%d tracks, %v", len(out), err)
	}
	return out
}

func tracks(t testing.TB) []flatmp4.Track {
	s := stsd(t)
	return []flatmp4.Track{{Stsd: s[0], Clock: 90000, Video: true, Width: 1920, Height: 1080}, {Stsd: s[1], Clock: 48000}}
}

// hollow is a file that grows without its payload being written.
type hollow struct{ *os.File }

func (h hollow) Write(b []byte) (int, error) {
	at, err := h.Seek(int64(len(b)), 1)
	if err != nil {
		return 0, err
	}
	return len(b), h.Truncate(at)
}

func create(t testing.TB) (*os.File, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.mp4")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, name
}

func probe(t testing.TB, name, entries string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(fmp4test.Tool(t, "ffprobe"), "-v", "error", "-of", "csv=p=0", "-show_entries", entries, name)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// A file of more than 4 GiB has 64-bit offsets, and its last sample is where it should be.
func TestOffsetsBeyondFourGigabytes(t *testing.T) {
	t.Parallel()
	f, name := create(t)
	w, err := flatmp4.New(hollow{f}, tracks(t)[1:], 4096)
	if err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 64<<20)
	const n = 80
	for i := range int64(n) {
		if i == n-1 { // the only one that is there
			copy(big, "the last sample")
			if _, err := f.WriteAt(big[:64], 4096+16+i*int64(len(big))); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Write(big, []flatmp4.Sample{{DTS: i * 1024, Duration: 1024, Key: true, Size: len(big)}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(0, w.End(0), flatmp4.Meta{}); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 4096)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(head, []byte("co64")) {
		t.Error("no co64")
	}
	out := probe(t, name, "stream=nb_frames")
	if out != strconv.Itoa(n) {
		t.Errorf("%s samples", out)
	}
	at := bytes.Index(head, []byte("co64")) + 4 + 8 + 8*(n-1)
	last := int64(binary.BigEndian.Uint64(head[at:]))
	got := make([]byte, 15)
	if _, err := f.ReadAt(got, last); err != nil || string(got) != "the last sample" {
		t.Errorf("at %d lies %q, %v", last, got, err)
	}
}

// The tables of a day at 30 pictures a second with jitter, reordering and sound stay small in memory.
func TestADayOfTablesIsSmall(t *testing.T) {
	f, name := create(t)
	const hours = 24
	reserve := flatmp4.Reserve(hours*time.Hour, 30, 50, 1.5)
	w, err := flatmp4.New(hollow{f}, tracks(t), reserve)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 30*100+47*10)
	var samples []flatmp4.Sample
	v, a := int64(0), int64(0)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for s := range hours * 3600 {
		samples = samples[:0]
		for i := range int64(30) {
			samples = append(samples, flatmp4.Sample{DTS: v, Duration: 3000, CTO: (i % 4) * 3000, Key: i == 0, Size: 100})
			v += 3000 + (i+int64(s))%7 - 3
		}
		for range 47 {
			samples = append(samples, flatmp4.Sample{Track: 1, DTS: a, Duration: 1024, Key: true, Size: 10})
			a += 1024
		}
		if err := w.Write(data, samples); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("tables of %d h: %d MB live, %d MB from the system", hours, used>>20, after.Sys>>20)
	if used > 100<<20 {
		t.Errorf("tables take %d MB", used>>20)
	}
	size, err := w.Finish(0, w.End(0), flatmp4.Meta{Title: "day"})
	if err != nil {
		t.Fatal(err)
	}
	if want := reserve + 16 + int64(len(data))*hours*3600; size != want {
		t.Errorf("%d bytes, want %d: the tables did not fit into what was reserved", size, want)
	}
	if got := probe(t, name, "stream=nb_frames"); got != "2592000\n4060800" {
		t.Errorf("samples %q", got)
	}
}

// Whatever was reserved, the file is the same to a player.
func TestReserveThatIsTooSmall(t *testing.T) {
	t.Parallel()
	clip := fmp4test.Scene(t, 2, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-an")
	init, err := fmp4.Init(clip.Desc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := flatmp4.Stsd(init)
	if err != nil {
		t.Fatal(err)
	}
	var want string
	for _, reserve := range []int64{100000, 0, 600, 1200, 1201, 1202, 1203, 1204, 1205, 1206, 1207, 1208} {
		f, name := create(t)
		w, err := flatmp4.New(f, []flatmp4.Track{{Stsd: s[0], Clock: 90000, Video: true, Width: 320, Height: 240}}, reserve)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range clip.Units {
			data := fmp4.AppendSample(nil, clip.Desc.Tracks[0], u.Payload)
			if err := w.Write(data, []flatmp4.Sample{{DTS: u.DTS, Duration: 6000, CTO: u.PTS - u.DTS, Key: u.Key, Size: len(data)}}); err != nil {
				t.Fatal(err)
			}
		}
		size, err := w.Finish(clip.Units[0].PTS, clip.Units[0].PTS+180000, flatmp4.Meta{Title: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := f.Stat(); err != nil || info.Size() != size {
			t.Errorf("reserve %d: %d bytes, want %d", reserve, info.Size(), size)
		}
		out, err := exec.Command(fmp4test.Tool(t, "ffmpeg"), "-v", "warning", "-i", name, "-f", "framemd5", "-").CombinedOutput()
		if err != nil || strings.Count(string(out), "\n0,") != 30 {
			t.Fatalf("reserve %d: %v\n%s", reserve, err, out)
		}
		if want == "" {
			want = string(out)
		}
		if string(out) != want {
			t.Errorf("reserve %d changes what is decoded", reserve)
		}
	}
}

func TestAddParameters(t *testing.T) {
	t.Parallel()
	s := stsd(t)
	sps, pps := []byte{0x67, 0x64, 0, 0x33, 1, 2}, []byte{0x68, 9, 9}
	got, err := flatmp4.AddParameters(s[0], sps, pps)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(s[0])+2+len(sps)+2+len(pps) || !bytes.Contains(got, sps) || !bytes.Contains(got, pps) {
		t.Errorf("got %x", got)
	}
	again, err := flatmp4.AddParameters(got, []byte{0x67, 0x64, 0, 0x10, 3}, pps)
	if err != nil || bytes.Count(again, pps) != 2 {
		t.Errorf("a second time: %x, %v", again, err)
	}
	for n := range got {
		if _, err := flatmp4.AddParameters(got[:n], sps, pps); err == nil {
			t.Errorf("cut to %d bytes: taken", n)
		}
	}
	if _, err := flatmp4.AddParameters(s[1], sps, pps); err == nil {
		t.Error("sound has got parameter sets")
	}
}

func FuzzStsd(f *testing.F) {
	init, err := fmp4.Init(&media.Description{Tracks: []media.Track{{Codec: media.Opus, ClockRate: 48000, Channels: 2}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(init)
	f.Add([]byte("\x00\x00\x00\x08moov"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		list, err := flatmp4.Stsd(b)
		if err != nil {
			return
		}
		for _, s := range list {
			_, _ = flatmp4.AddParameters(s, []byte{0x67, 1, 2, 3}, []byte{0x68})
		}
	})
}
