package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStagesStopInOrderAndABrokenPartComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var stopped []string
		starts := 0
		until := func(name string) part {
			return part{name: name, run: func(ctx context.Context) error {
				<-ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				stopped = append(stopped, name)
				return ctx.Err()
			}}
		}
		broken := part{name: "broken", run: func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			starts++
			return errors.New("boom")
		}}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			runStages(ctx, slog.New(slog.DiscardHandler), []stage{{until("cameras")}, {until("recorder"), broken}, {until("database")}})
		}()
		time.Sleep(time.Minute)
		cancel()
		<-ended
		if !slices.Equal(stopped, []string{"cameras", "recorder", "database"}) {
			t.Errorf("stopped in the order %v", stopped)
		}
		if starts < 4 {
			t.Errorf("the broken part was started %d times in a minute", starts)
		}
	})
}

func TestAStuckPartDoesNotKeepTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release, last := make(chan struct{}), false
		stuck := part{name: "stuck", once: true, run: func(context.Context) error { <-release; return nil }}
		after := part{name: "after", run: func(ctx context.Context) error { <-ctx.Done(); last = true; return nil }}
		cancel()
		runStages(ctx, slog.New(slog.DiscardHandler), []stage{{stuck}, {after}})
		if !last {
			t.Error("the stage after the stuck one was not stopped")
		}
		close(release)
	})
}

func TestDataDirIsOurs(t *testing.T) {
	dir := t.TempDir()
	release, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDir(dir); err == nil || !strings.Contains(err.Error(), "another Nightjar is running") {
		t.Errorf("a second one: %v", err)
	}
	release()
	release, err = lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	release()
}
