// Command index measures the database behind timeline, coverage and playback at the size of a large installation: 16
// cameras for 74 days, that is 3.4 million recordings with 50 million segments, and 10 million events. It fills a private
// PostgreSQL with the settings that Nightjar gives it, asks through core/store what the screens ask, and prints p50 and
// p99. NIGHTJAR_BENCH_SCALE is the fraction of the 74 days, default 0.05; the density of a day is always the full one.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/core/store/pgchild"
)

const (
	cameras   = 16
	fullDays  = 74
	dayEvents = 10_000_000 / fullDays
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	scale := 0.05
	if v := os.Getenv("NIGHTJAR_BENCH_SCALE"); v != "" {
		var err error
		if scale, err = strconv.ParseFloat(v, 64); err != nil || scale <= 0 || scale > 10 {
			return fmt.Errorf("NIGHTJAR_BENCH_SCALE=%s: want a number above 0, 1 is the full size", v)
		}
	}
	dir, err := os.MkdirTemp("", "nightjar-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // as root, the database runs under another account
		return err
	}
	child, err := pgchild.New(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- child.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			log.Print(err)
		}
	}()
	select {
	case <-child.Ready():
	case err := <-ended:
		ended <- err
		return err
	}
	s, err := store.New(child.DSN())
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Migrate(ctx, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	days := max(2, int(fullDays*scale+0.5))
	b := &bench{store: s, days: days, start: time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -days)}
	if err := b.fill(ctx); err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	if err := b.measure(ctx); err != nil {
		return err
	}
	if err := b.sizes(ctx); err != nil {
		return err
	}
	return b.inserts(ctx)
}
