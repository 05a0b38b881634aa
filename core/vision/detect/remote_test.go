package detect

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve"
	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve/kservetest"
)

// served is a server model that runs m through ONNX Runtime, as Triton would.
func served(t *testing.T, m *Model) kservetest.Model {
	t.Helper()
	s := openSession(t, m, 0.2)
	var mu sync.Mutex
	out := kserve.Tensor{Name: m.output, Datatype: kserve.FP32, Shape: s.decoder.shape()}
	return kservetest.Model{
		Name: "objects", Out: out,
		In: kserve.Tensor{Name: m.input, Datatype: kserve.FP32, Shape: []int64{-1, 3, int64(m.Height), int64(m.Width)}},
		Infer: func(_ context.Context, raw []byte) (kserve.Tensor, []byte, error) {
			mu.Lock()
			defer mu.Unlock()
			in := s.pix
			for i := range in {
				in[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			}
			if err := s.runOn(1); err != nil {
				return kserve.Tensor{}, nil, err
			}
			var answer []byte
			for _, v := range s.answer(0) {
				answer = binary.LittleEndian.AppendUint32(answer, math.Float32bits(v))
			}
			return out, answer, nil
		},
	}
}

func dial(t *testing.T, addr string) *kserve.Client {
	t.Helper()
	c, err := kserve.New(kserve.Options{URL: "grpc://" + addr, Model: "objects", Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// runPool runs a real pool until the test ends.
func runPool(t *testing.T, m *Model, cfg PoolConfig) *Pool {
	t.Helper()
	p := NewPool(m, cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	return p
}

// What the server finds with a model is what the local detector finds with it, to the last bit.
func TestRemoteFindsWhatLocalFinds(t *testing.T) {
	for _, name := range []string{"yolov8n.onnx", "yolox_nano.onnx"} {
		t.Run(name, func(t *testing.T) {
			local := open(t, name)
			client := dial(t, kservetest.Start(t, served(t, local)))
			m, err := OpenRemoteModel(t.Context(), client, "")
			if err != nil {
				t.Fatal(err)
			}
			if m.Width != local.Width || m.Height != local.Height || m.Layout != local.Layout || len(m.Labels) != 80 {
				t.Fatalf("remote model %+v", m)
			}
			p, s := runPool(t, m, PoolConfig{Workers: 2, Remote: client, HangAfter: 2 * time.Minute}), openSession(t, local, 0.2)
			c := p.Client()
			for _, file := range []string{"images/bus.jpg", "images/dog.jpg"} {
				bgr := picture(t, file)
				regions := []image.Rectangle{image.Rect(0, 0, bgr.Cols(), bgr.Rows()), image.Rect(20, 30, 420, 430)}
				got, err := c.Detect(t.Context(), bgr, regions, nil)
				if err != nil {
					t.Fatal(err)
				}
				var want []Found
				for i, r := range regions {
					if want, err = s.infer(want, bgr, r, i); err != nil {
						t.Fatal(err)
					}
				}
				if len(got) != len(want) || len(got) < 3 {
					t.Fatalf("%s: %d found by the server, %d here", file, len(got), len(want))
				}
				for i := range got {
					if got[i] != want[i] {
						t.Errorf("%s: %+v, want %+v", file, got[i], want[i])
					}
				}
			}
		})
	}
}

// unreachableAddress is one where nobody listens any more.
func unreachableAddress(t *testing.T) (addr string) {
	t.Helper()
	t.Run("gone", func(t *testing.T) { addr = kservetest.Start(t, kservetest.Model{}) })
	return addr
}

func TestRemoteFallsBackToTheLocalModel(t *testing.T) {
	m := open(t, "yolox_nano.onnx")
	p := runPool(t, m, PoolConfig{Workers: 1, Remote: dial(t, unreachableAddress(t))})
	bgr := picture(t, "images/dog.jpg")
	whole := []image.Rectangle{image.Rect(0, 0, bgr.Cols(), bgr.Rows())}
	c := p.Client()
	for range 5 {
		found, err := c.Detect(t.Context(), bgr, whole, nil)
		if err != nil || len(found) < 2 {
			t.Fatalf("%v, %v", found, err)
		}
	}
	if f, l := count(t, p.remote.failures), count(t, p.remote.local); f != 3 || l != 5 {
		t.Fatalf("%v failures, %v local: want 3, then the breaker, and 5", f, l)
	}
	if !p.cfg.Remote.Open() {
		t.Fatal("the breaker is closed")
	}
}

// A server that dies in the middle of its work costs no frame: the local model finds the same.
func TestRemoteThatDiesIsReplacedAtOnce(t *testing.T) {
	m := open(t, "yolox_nano.onnx")
	bgr := picture(t, "images/dog.jpg")
	var p *Pool
	var before []Found
	look := func(t *testing.T) []Found {
		t.Helper()
		found, err := p.Client().Detect(t.Context(), bgr, []image.Rectangle{whole(bgr)}, nil)
		if err != nil || len(found) < 2 {
			t.Fatalf("%v, %v", found, err)
		}
		return found
	}
	t.Run("alive", func(alive *testing.T) {
		client := dial(t, kservetest.Start(alive, served(alive, m)))
		p = runPool(t, m, PoolConfig{Workers: 1, Remote: client, HangAfter: 2 * time.Minute})
		before = look(alive)
	})
	if n := count(t, p.remote.local); n != 0 {
		t.Fatalf("%v inferences here while the server lived", n)
	}
	for range 4 {
		if found := look(t); !same(found, before) {
			t.Errorf("found %v after the server died, %v before", found, before)
		}
	}
	if f, l := count(t, p.remote.failures), count(t, p.remote.local); f != 3 || l != 4 {
		t.Errorf("%v failures, %v here", f, l)
	}
}

// A local model that a card may take minutes to compile is opened at the start, not under the watchdog's clock.
func TestFallBackOfACardIsOpenedAtTheStart(t *testing.T) {
	m := *open(t, "yolox_nano.onnx")
	client := dial(t, unreachableAddress(t))
	for provider, want := range map[Provider]bool{ProviderCPU: false, ProviderCUDA: true} {
		m.provider = provider
		r, err := newRemote(client, &m, PoolConfig{HangAfter: time.Second}, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = r.warm() // without such a card this is the error of opening it
		if tried := err != nil || r.local != nil; tried != want {
			t.Errorf("%s: tried %v (%v)", provider, tried, err)
		}
		r.close()
	}
}

func TestRemoteSkipsFramesWithoutALocalModel(t *testing.T) {
	local := open(t, "yolov8n_320.onnx")
	model := served(t, local)
	working := dial(t, kservetest.Start(t, model))
	m, err := OpenRemoteModel(t.Context(), working, "")
	if err != nil {
		t.Fatal(err)
	}
	nan := model
	nan.Infer = func(ctx context.Context, raw []byte) (kserve.Tensor, []byte, error) {
		out, b, err := model.Infer(ctx, raw)
		binary.LittleEndian.PutUint32(b[len(b)-4:], math.Float32bits(float32(math.NaN())))
		return out, b, err
	}
	p := runPool(t, m, PoolConfig{Workers: 1, Remote: dial(t, kservetest.Start(t, nan))})
	bgr := picture(t, "images/dog.jpg")
	for range 4 {
		found, err := p.Client().Detect(t.Context(), bgr, []image.Rectangle{image.Rect(0, 0, 100, 100)}, nil)
		if !errors.Is(err, ErrRemote) || len(found) != 0 {
			t.Fatalf("%v, %v", found, err)
		}
	}
	if n := count(t, p.remote.skipped); n != 4 {
		t.Fatalf("%v skipped", n)
	}
}

// The watchdog and the end of the pool do not wait for a server.
func TestRemoteCallEndsWithThePool(t *testing.T) {
	model := served(t, open(t, "yolov8n_320.onnx"))
	entered := make(chan struct{}, 1)
	model.Infer = func(ctx context.Context, _ []byte) (kserve.Tensor, []byte, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return kserve.Tensor{}, nil, ctx.Err()
	}
	client := dial(t, kservetest.Start(t, model))
	m, err := OpenRemoteModel(t.Context(), client, "")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPool(m, PoolConfig{Workers: 1, Remote: client}, slog.New(slog.DiscardHandler), nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	bgr := gocv.NewMatWithSize(40, 40, gocv.MatTypeCV8UC3)
	defer bgr.Close()
	answer := make(chan error, 1)
	go func() {
		_, err := p.Client().Detect(context.Background(), bgr, []image.Rectangle{image.Rect(0, 0, 40, 40)}, nil)
		answer <- err
	}()
	<-entered
	cancel()
	if err := <-answer; !errors.Is(err, ErrStopped) {
		t.Errorf("Detect: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if client.Open() {
		t.Error("our own stop counted against the server")
	}
}

func TestOpenRemoteModelSaysWhatIsWrong(t *testing.T) {
	fp := func(dims ...int64) kserve.Tensor { return kserve.Tensor{Name: "x", Datatype: kserve.FP32, Shape: dims} }
	typed := fp(1, 84, 2100)
	typed.Datatype = "FP16"
	labels := filepath.Join(t.TempDir(), "l")
	if err := os.WriteFile(labels, []byte("cat\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		m      kservetest.Model
		labels string
		want   string
	}{
		"not live":      {kservetest.Model{Name: "objects", NotLive: true}, "", "is not live"},
		"not loaded":    {kservetest.Model{Name: "other"}, "", "has not loaded model objects"},
		"half":          {kservetest.Model{Name: "objects", In: fp(1, 3, 320, 320), Out: typed}, "", "want a float32 picture"},
		"grey":          {kservetest.Model{Name: "objects", In: fp(1, 1, 320, 320), Out: fp(1, 84, 2100)}, "", "want a float32 picture"},
		"batch of four": {kservetest.Model{Name: "objects", In: fp(4, 3, 320, 320), Out: fp(4, 84, 2100)}, "", "want a float32 picture"},
		"free size":     {kservetest.Model{Name: "objects", In: fp(1, 3, -1, -1), Out: fp(1, 84, -1)}, "", "want a float32 picture"},
		"huge":          {kservetest.Model{Name: "objects", In: fp(1, 3, 320, 320), Out: fp(1, 1<<40, 2100)}, "", "want a float32 picture"},
		"nameless":      {kservetest.Model{Name: "objects", In: fp(1, 3, 320, 320), Out: fp(1, 7, 2100)}, "", "detect.remote.labels"},
		"labels":        {kservetest.Model{Name: "objects", In: fp(1, 3, 320, 320), Out: fp(1, 7, 2100)}, labels, "1 lines"},
	} {
		_, err := OpenRemoteModel(t.Context(), dial(t, kservetest.Start(t, c.m)), c.labels)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenRemoteModel(t.Context(), dial(t, unreachableAddress(t)), ""); nvr.ErrorCode(err) != nvr.CodeUnavailable {
		t.Errorf("unreachable: %v", err)
	}
}
