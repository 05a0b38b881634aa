// Package latency measures how long it takes from the moment a camera sends the first picture with a person to the
// message that Home Assistant gets. It runs the built binary with a real RTSP camera and a real broker.
package latency

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/nightjar-nvr/nightjar/core/demo"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
)

const (
	fps    = 15
	empty  = 9 * time.Second // longer than a track outlives its object
	person = 5 * time.Second
	rounds = 8
)

// BenchmarkEventLatency prints the latency of each round's event. The clip switches from an empty room to a room with a
// person between two pictures; the camera notes when it sends the first of those.
func BenchmarkEventLatency(b *testing.B) {
	binary := filepath.Join(testkit.Root(), "build", "nightjar")
	if _, err := os.Stat(binary); err != nil {
		b.Skipf("SKIP: %v; run `make bench`", err)
	}
	clip := makeClip(b, testkit.Data(b, "videos/counter_sub.mp4"))
	appeared := make(chan time.Time, 16)
	camera := serveClip(b, clip, appeared)
	broker := startBroker(b)
	found := make(chan time.Time, 64)
	listen(b, broker, found)
	startNightjar(b, binary, camera, broker, filepath.Dir(testkit.Data(b, "models/yolox_nano.onnx")))

	var took []time.Duration
	for b.Loop() {
		took = took[:0]
		for len(took) < rounds {
			at := <-appeared
			select {
			case got := <-found:
				if got.Before(at) { // of the round before
					continue
				}
				took = append(took, got.Sub(at))
				b.Logf("round %d: %s", len(took), took[len(took)-1].Round(time.Millisecond))
			case <-time.After(empty):
				b.Log("no event in this round")
			}
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-median")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "ms-max")
	b.ReportMetric(0, "ns/op")
}

// makeClip cuts an empty room and a room with a person out of footage and joins them.
func makeClip(b *testing.B, src string) string {
	b.Helper()
	dir := b.TempDir()
	run := func(args ...string) {
		b.Helper()
		if out, err := exec.Command("ffmpeg", append([]string{"-v", "error", "-y"}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("ffmpeg: %v: %s", err, out)
		}
	}
	room, somebody, out := filepath.Join(dir, "a.png"), filepath.Join(dir, "b.png"), filepath.Join(dir, "clip.mp4")
	run("-ss", "2", "-i", src, "-frames:v", "1", room)
	run("-ss", "15", "-i", src, "-frames:v", "1", somebody)
	secs := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	run("-loop", "1", "-framerate", strconv.Itoa(fps), "-t", secs(empty), "-i", room,
		"-loop", "1", "-framerate", strconv.Itoa(fps), "-t", secs(person), "-i", somebody,
		"-filter_complex", "[0][1]concat=n=2,noise=alls=4:allf=t,format=yuv420p",
		"-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "30", "-crf", "23", out)
	return out
}

// serveClip is a camera that notes when it sends the first picture with the person.
func serveClip(b *testing.B, path string, appeared chan<- time.Time) string {
	b.Helper()
	clip, err := demo.OpenClip(path)
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	hub := media.NewHub()
	srv, err := rtsp.NewServer(rtsp.ServerConfig{
		Listen: addr, Hub: func(string) *media.Hub { return hub }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { _ = srv.Run(ctx); done <- struct{}{} }()
	first, n := int(empty.Seconds()*fps), 0
	perRound := int((empty + person).Seconds() * fps)
	go func() {
		_ = clip.Play(ctx, time.Now(), func(u *media.AccessUnit) {
			if n%perRound == first {
				select {
				case appeared <- time.Now():
				default:
				}
			}
			n++
			hub.Publish(u)
		})
		done <- struct{}{}
	}()
	b.Cleanup(func() { cancel(); <-done; <-done; clip.Close() })
	return "rtsp://" + addr + "/cam"
}

func startBroker(b *testing.B) string {
	b.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto"
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	spawn(b, path, "-p", strconv.Itoa(port))
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func listen(b *testing.B, broker string, found chan<- time.Time) {
	b.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + broker).SetClientID("bench").SetConnectRetry(true).SetConnectRetryInterval(100 * time.Millisecond)
	o.SetOnConnectHandler(func(c paho.Client) {
		c.Subscribe("nightjar/events", 0, func(_ paho.Client, m paho.Message) {
			now := time.Now()
			var e struct {
				Type  string
				After struct{ Label string }
			}
			if json.Unmarshal(m.Payload(), &e) == nil && e.Type == "new" && e.After.Label == "person" {
				found <- now
			}
		})
	})
	c := paho.NewClient(o)
	if tok := c.Connect(); !tok.WaitTimeout(20*time.Second) || tok.Error() != nil {
		b.Fatal(tok.Error())
	}
	b.Cleanup(func() { c.Disconnect(100) })
}

func startNightjar(b *testing.B, binary, camera, broker, models string) {
	b.Helper()
	dir, err := os.MkdirTemp("", "nightjar-bench-")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	conf := fmt.Sprintf(`
data_dir: %s/data
http: {listen: "127.0.0.1:0"}
rtsp: {enabled: false}
mqtt: {enabled: true, broker: "mqtt://%s"}
detect: {models_dir: %s}
cameras: {cam: {main: {url: %q}}}
`, dir, broker, models, camera)
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	spawn(b, binary, "serve", "-c", file)
}

// spawn runs a program until the benchmark ends.
func spawn(b *testing.B, name string, args ...string) {
	b.Helper()
	cmd := exec.Command(name, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if b.Failed() {
			b.Logf("%s:\n%s", filepath.Base(name), out.String())
		}
	})
}
