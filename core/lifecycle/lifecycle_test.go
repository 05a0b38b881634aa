package lifecycle

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeepaliveGrowsItsPauseAndForgetsAfterAGoodRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := Backoff{Min: time.Second, Max: 8 * time.Second, Factor: 2, Reset: time.Minute}
		lives := []time.Duration{0, 0, 0, 0, 0, 2 * time.Minute, 0}
		want := []int{1, 2, 4, 8, 8, 1, 2}
		n := 0
		boom := errors.New("boom")
		err := Keepalive(ctx, b, func(ctx context.Context) error {
			time.Sleep(lives[n])
			return boom
		}, func(f Failure) {
			if f.Pause != time.Duration(want[n])*time.Second || !errors.Is(f.Err, boom) || f.Lived != lives[n] {
				t.Errorf("failure %d: %+v, want a pause of %d s", n, f, want[n])
			}
			if n++; n == len(want) {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestKeepaliveSurvivesPanicAndNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var errs []string
		_ = Keepalive(ctx, Backoff{Min: time.Second, Max: time.Second, Factor: 1}, func(context.Context) error {
			if len(errs) == 0 {
				panic("at the disco")
			}
			return nil
		}, func(f Failure) {
			if errs = append(errs, f.Err.Error()); len(errs) == 2 {
				cancel()
			}
		})
		if errs[0] != "panic: at the disco" || errs[1] != "ended without an error" {
			t.Errorf("%q", errs)
		}
	})
}

func TestJitterStaysInBounds(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 30 * time.Second, Factor: 2, Jitter: 0.2}
	for n := range 12 {
		for range 100 {
			if p := b.Pause(n); p < 800*time.Millisecond || p > 30*time.Second {
				t.Fatalf("pause %d is %s", n, p)
			}
		}
	}
}

// TestChildOutlivesTheThreadThatAskedForIt: with Pdeathsig, a child started from a thread that ends would die with it.
func TestChildOutlivesTheThreadThatAskedForIt(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		started <- StartChild(cmd)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	select {
	case <-ended:
		t.Error("the child died with the thread that asked for it")
	case <-time.After(300 * time.Millisecond):
	}
	_ = cmd.Process.Kill()
	<-ended
}
