package demo

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/media"
)

// The thread that forks children lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1"))
}

func footage(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("NIGHTJAR_TESTDATA")
	if dir == "" {
		_, here, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(here), "../../../shared/testdata")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: test data %s is absent; set NIGHTJAR_TESTDATA", name)
	}
	return path
}

func encode(t testing.TB, args ...string) string {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("SKIPPED: ffmpeg is not installed")
	}
	path := filepath.Join(t.TempDir(), "clip.mp4")
	all := []string{
		"-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=1",
		"-f", "lavfi", "-i", "sine=duration=1", "-pix_fmt", "yuv420p", "-g", "5",
	}
	if out, err := exec.Command(ffmpeg, append(append(all, args...), path)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func TestClipReadsWhatFFmpegWrote(t *testing.T) {
	for name, c := range map[string]struct {
		args         []string
		video, audio media.Codec
		reordered    bool
	}{
		"h264 aac":  {[]string{"-c:v", "libx264", "-bf", "0", "-c:a", "aac"}, media.H264, media.AAC, false},
		"b frames":  {[]string{"-c:v", "libx264", "-bf", "2", "-an", "-movflags", "+faststart"}, media.H264, "", true},
		"h265 opus": {[]string{"-c:v", "libx265", "-x265-params", "log-level=none:bframes=0", "-c:a", "libopus"}, media.H265, media.Opus, false},
	} {
		t.Run(name, func(t *testing.T) {
			clip, err := OpenClip(encode(t, c.args...))
			if err != nil {
				t.Fatal(err)
			}
			defer clip.Close()
			v := clip.Desc.Tracks[0]
			if v.Codec != c.video || v.Width != 160 || v.Height != 120 || clip.Length != time.Second {
				t.Errorf("%+v, %v", v, clip.Length)
			}
			if i := clip.Desc.AudioTrack(); (i < 0) != (c.audio == "") || i > 0 && clip.Desc.Tracks[i].Codec != c.audio {
				t.Errorf("tracks %+v", clip.Desc.Tracks)
			}
			pictures, keys, reordered := 0, 0, false
			for _, s := range clip.samples {
				if payload, err := clip.read(s); err != nil || len(payload) == 0 {
					t.Fatalf("sample: %v", err)
				}
				if s.track == 0 {
					pictures++
					reordered = reordered || s.cto != clip.samples[0].cto
					if s.key {
						keys++
					}
				}
			}
			if pictures != 10 || keys != 2 || reordered != c.reordered {
				t.Errorf("%d pictures, %d keys, reordered %v", pictures, keys, reordered)
			}
		})
	}
}

func TestPlayGoesOnOverTheEnd(t *testing.T) {
	clip, err := OpenClip(encode(t, "-c:v", "libx264", "-bf", "0", "-c:a", "aac"))
	if err != nil {
		t.Fatal(err)
	}
	defer clip.Close()
	ctx, cancel := context.WithCancel(context.Background())
	begin := time.Now()
	last := []int64{-1, -1}
	pictures := 0
	err = clip.Play(ctx, begin, func(u *media.AccessUnit) {
		if u.DTS <= last[u.Track] {
			t.Errorf("track %d: %d after %d", u.Track, u.DTS, last[u.Track])
		}
		if u.Track == 0 {
			if want := int64(pictures) * 9000; u.DTS != want {
				t.Errorf("picture %d at %d, want %d", pictures, u.DTS, want)
			}
			if late := time.Since(u.NTP); late < 0 || late > 500*time.Millisecond {
				t.Errorf("picture %d is %v late", pictures, late)
			}
			if pictures++; pictures == 25 {
				cancel()
			}
		}
		last[u.Track] = u.DTS
	})
	if !errors.Is(err, context.Canceled) || time.Since(begin) < 2400*time.Millisecond {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}

func TestBadClipsAreRefused(t *testing.T) {
	whole, err := os.ReadFile(encode(t, "-c:v", "libx264", "-an"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte("not a video at all, just text"), "cut off": whole[:len(whole)/2],
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenClip(path); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
	if _, err := New(Config{Listen: "127.0.0.1:0", Main: filepath.Join(dir, "absent.mp4")}); err == nil {
		t.Error("a file that is not there was accepted")
	}
	if _, err := New(Config{Listen: "127.0.0.1:0", Sub: "x"}); err == nil {
		t.Error("a sub stream alone was accepted")
	}
	if _, err := New(Config{Listen: ":0"}); err == nil || !strings.Contains(err.Error(), "can be reached by others") {
		t.Errorf("an open address: %v", err)
	}
}

// FuzzClip hopes for a panic.
func FuzzClip(f *testing.F) {
	whole, err := os.ReadFile(encode(f, "-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[:min(len(whole), 3000)])
	f.Fuzz(func(_ *testing.T, b []byte) {
		c, err := readClip(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, s := range c.samples[:min(len(c.samples), 100)] {
			if s.size < 64<<10 {
				_, _ = c.read(s)
			}
		}
	})
}

func TestServerServesFilesAndScene(t *testing.T) {
	for name, cfg := range map[string]func(t *testing.T) Config{
		"files": func(t *testing.T) Config {
			return Config{Main: footage(t, "videos/parking_main_1080p.mp4"), Sub: footage(t, "videos/parking_sub.mp4")}
		},
		"one file": func(t *testing.T) Config { return Config{Main: footage(t, "videos/parking_sub.mp4")} },
		"scene":    func(*testing.T) Config { return Config{} },
	} {
		t.Run(name, func(t *testing.T) {
			c := cfg(t)
			c.Listen, c.Log = "127.0.0.1:0", slog.New(slog.DiscardHandler)
			s, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			defer func() {
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}()
			<-s.Ready()
			main, sub := s.URLs()
			for url, width := range map[string]string{main: map[string]string{"files": "1920", "one file": "640", "scene": "1280"}[name], sub: "640"} {
				waitFor(t, s.hub(url[strings.LastIndex(url, "/")+1:]))
				if got := widthOf(t, url); got != width {
					t.Errorf("%s is %s wide, want %s", url, got, width)
				}
			}
		})
	}
}

func waitFor(t *testing.T, hub *media.Hub) {
	t.Helper()
	r := hub.Subscribe(media.ReaderOptions{Capacity: 100})
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := r.Read(ctx); err != nil {
		t.Fatal("no picture came")
	}
}

func widthOf(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-analyzeduration", "500000",
		"-show_entries", "stream=width", "-of", "csv=p=0", url).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestSceneHasDayNightActorsAndQuiet(t *testing.T) {
	s := newScene()
	wall := time.Now()
	frame := func(at time.Duration) []byte { return bytes.Clone(s.draw(at, wall)) }
	if bytes.Equal(frame(5*time.Second), frame(5*time.Second+500*time.Millisecond)) {
		t.Error("nobody walks in the first seconds")
	}
	quiet, moving := 0, 0
	for at := time.Minute; at < 6*time.Minute; at += 2 * time.Second {
		a, b := frame(at), frame(at+100*time.Millisecond)
		if differ(a, b) == 0 {
			quiet++
		} else {
			moving++
		}
	}
	if quiet < 15 || moving < 50 {
		t.Errorf("%d moments with, %d without motion", moving, quiet)
	}
	if day, night := mean(frame(0)), mean(frame(dayLength/2)); day < night*2 {
		t.Errorf("mean luma is %d by day and %d by night", day, night)
	}
}

func differ(a, b []byte) (n int) {
	for i := range sceneWidth * sceneHeight {
		if d := int(a[i]) - int(b[i]); d > 8 || d < -8 {
			n++
		}
	}
	return n
}

func mean(b []byte) (sum int) {
	for _, v := range b[:sceneWidth*sceneHeight] {
		sum += int(v)
	}
	return sum / (sceneWidth * sceneHeight)
}

func TestSplitNAL(t *testing.T) {
	stream := []byte{9, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 3, 0, 0, 0, 1, 0x65, 4}
	var got [][]byte
	for len(stream) > 0 {
		n, token, err := splitNAL(stream, true)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		got = append(got, token)
		stream = stream[n:]
	}
	want := [][]byte{{0x67, 1}, {0x68, 2, 3}, {0x65, 4}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("%v", got)
		}
	}
}
