package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/demo"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit/fakecamera"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var h264aac = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-c:a", "aac"}

// play feeds a hub with a clip in real time until the test ends.
func play(t testing.TB, hub *media.Hub, file string) (stop func()) {
	t.Helper()
	c, err := demo.OpenClip(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Play(ctx, time.Now(), hub.Publish)
	}()
	return func() {
		cancel()
		<-done
		_ = c.Close()
	}
}

type recorded struct {
	control *live.Control
	data    []byte
	at      time.Time
}

// watch runs a session and hands its messages to a channel.
func watch(t testing.TB, hub *media.Hub, slow <-chan struct{}) (<-chan recorded, func()) {
	t.Helper()
	l, err := live.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan recorded, 4096)
	s := l.Session(hub, func(m live.Message) error {
		if slow != nil && m.Data != nil {
			select {
			case <-slow:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		out <- recorded{m.Control, bytes.Clone(m.Data), time.Now()}
		return nil
	})
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return out, func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) && !errors.Is(err, media.ErrReaderClosed) {
			t.Errorf("session: %v", err)
		}
	}
}

func next(t testing.TB, c <-chan recorded) recorded {
	t.Helper()
	select {
	case m := <-c:
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("no message")
		return recorded{}
	}
}

func TestFragmentsPlayInFFprobe(t *testing.T) {
	for name, c := range map[string]struct {
		encode []string
		mime   string
	}{
		"h264 aac":  {h264aac, `video/mp4; codecs="avc1.`},
		"b frames":  {[]string{"-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-an"}, `video/mp4; codecs="avc1.`},
		"h265 opus": {[]string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0", "-tag:v", "hvc1", "-c:a", "libopus"}, `video/mp4; codecs="hvc1.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := media.NewHub()
			msgs, stopSession := watch(t, hub, nil)
			defer stopSession()
			if m := next(t, msgs); m.control == nil || m.control.State != live.StateWaiting {
				t.Fatalf("first message %+v", m)
			}
			defer play(t, hub, fakecamera.Encode(t, c.encode...))()
			init := next(t, msgs)
			if init.control == nil || init.control.Type != live.TypeInit || !strings.HasPrefix(init.control.MIME, c.mime) ||
				init.control.Width != 320 || time.Since(time.UnixMilli(init.control.Origin)) > time.Second {
				t.Fatalf("init %+v", init.control)
			}
			file := next(t, msgs).data
			for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
				m := next(t, msgs)
				if m.control != nil {
					t.Fatalf("%+v", m.control)
				}
				file = append(file, m.data...)
			}
			probe(t, file)
		})
	}
}

func probe(t *testing.T, file []byte) {
	t.Helper()
	tool, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("SKIPPED: ffprobe is not installed")
	}
	var out, stderr bytes.Buffer
	cmd := exec.Command(tool, "-v", "warning", "-count_frames", "-show_streams", "-show_packets", "-of", "json", "-i", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(file), &out, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe: %v: %s", err, stderr.String())
	}
	var p struct {
		Streams []struct {
			Frames string `json:"nb_read_frames"`
		} `json:"streams"`
		Packets []struct {
			Stream   int    `json:"stream_index"`
			PTS      string `json:"pts_time"`
			Duration string `json:"duration_time"`
		} `json:"packets"`
	}
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if n, _ := strconv.Atoi(p.Streams[0].Frames); n < 35 {
		t.Errorf("%d pictures in 3 s", n)
	}
	// Audio must meet without holes, or the browser's buffer falls into pieces.
	end := -1.0
	for _, k := range p.Packets {
		if k.Stream != 1 {
			continue
		}
		at, _ := strconv.ParseFloat(k.PTS, 64)
		if d := at - end; end >= 0 && (d > 0.002 || d < -0.002) {
			t.Fatalf("audio at %f follows %f", at, end)
		}
		d, err := strconv.ParseFloat(k.Duration, 64)
		if end = at + d; err != nil {
			end = -1 // ffprobe gives Opus' first packets no duration
		}
	}
}

func TestJoinStartsAtTheLastKeyFrame(t *testing.T) {
	hub := media.NewHub()
	defer play(t, hub, fakecamera.Encode(t, h264aac...))()
	units := hub.Subscribe(media.ReaderOptions{Capacity: 64})
	defer units.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for n := 0; n < 20; { // into the second group of pictures
		got, err := units.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n += len(got)
	}
	msgs, stop := watch(t, hub, nil)
	defer stop()
	var first recorded
	for range 3 { // init control, init segment, burst
		first = next(t, msgs)
	}
	if len(first.data) < 1000 {
		t.Errorf("burst of %d bytes", len(first.data))
	}
}

func TestEndAndReturnGiveANewTimeline(t *testing.T) {
	hub := media.NewHub()
	file := fakecamera.Encode(t, h264aac...)
	stopPlay := play(t, hub, file)
	msgs, stop := watch(t, hub, nil)
	defer stop()
	seen := func(ok func(*live.Control) bool) {
		t.Helper()
		for {
			if m := next(t, msgs); m.control != nil && ok(m.control) {
				return
			}
		}
	}
	seen(func(c *live.Control) bool { return c.Type == live.TypeInit })
	stopPlay()
	hub.End("the camera closed the connection")
	seen(func(c *live.Control) bool { return c.State == live.StateEnded && strings.Contains(c.Reason, "closed") })
	defer play(t, hub, file)()
	seen(func(c *live.Control) bool { return c.Type == live.TypeInit })
	hub.Close()
}

func TestSlowViewerJumpsToTheNewest(t *testing.T) {
	hub := media.NewHub()
	defer play(t, hub, fakecamera.Encode(t, h264aac...))()
	gate := make(chan struct{}, 2)
	gate <- struct{}{} // init segment
	gate <- struct{}{} // burst
	msgs, stop := watch(t, hub, gate)
	defer stop()
	for range 3 {
		next(t, msgs)
	}
	stuck := time.NewTimer(4500 * time.Millisecond)
	<-stuck.C
	close(gate)
	for {
		m := next(t, msgs)
		if m.control == nil {
			continue
		}
		if m.control.Type != live.TypeDrop || m.control.Dropped < 30 {
			t.Fatalf("%+v", m.control)
		}
		break
	}
}

// BenchmarkJoin measures from subscription to the first fragment handed out.
func BenchmarkJoin(b *testing.B) {
	hub := media.NewHub()
	stop := play(b, hub, fakecamera.Encode(b, h264aac...))
	defer stop()
	wait := hub.Subscribe(media.ReaderOptions{Capacity: 64})
	if _, err := wait.Read(context.Background()); err != nil {
		b.Fatal(err)
	}
	wait.Close()
	l, err := live.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	var worst time.Duration
	for b.Loop() {
		began := time.Now()
		errEnough := errors.New("enough")
		binary := 0
		_ = l.Session(hub, func(m live.Message) error {
			if m.Data != nil {
				if binary++; binary == 2 {
					return errEnough
				}
			}
			return nil
		}).Run(context.Background())
		worst = max(worst, time.Since(began))
	}
	b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
}
