package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
)

// stopGrace is how long a stage may take to end before the next one is stopped all the same.
const stopGrace = 15 * time.Second

// part is one long-lived component.
type part struct {
	name string
	run  func(context.Context) error
	// once marks a part whose Run cannot be called again; the others are started anew when they end too early.
	once bool
}

// stage is a set of parts that are stopped together.
type stage []part

// runStages starts every part of every stage at once and, when ctx ends, stops the stages one after the other in the
// order given, which is the reverse of the data flow. A part that ends too early is logged and, where it can be,
// started again: one broken part never takes the others along.
func runStages(ctx context.Context, log *slog.Logger, stages []stage) {
	type running struct {
		cancel context.CancelFunc
		done   chan struct{}
	}
	var started []running
	for _, st := range stages {
		sctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		var wg sync.WaitGroup
		for _, p := range st {
			wg.Go(func() { keep(sctx, log, p) })
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		started = append(started, running{cancel: cancel, done: done})
	}
	<-ctx.Done()
	for i, r := range started {
		r.cancel()
		select {
		case <-r.done:
		case <-time.After(stopGrace):
			log.Warn("a part is slow to stop, going on without it", "parts", names(stages[i]))
		}
	}
}

func keep(ctx context.Context, log *slog.Logger, p part) {
	if p.once {
		if err := p.run(ctx); ctx.Err() == nil {
			log.Error("part ended", "part", p.name, "err", err)
		}
		return
	}
	b := lifecycle.Backoff{Min: time.Second, Max: time.Minute, Factor: 2, Jitter: 0.2, Reset: time.Minute}
	_ = lifecycle.Keepalive(ctx, b, p.run, func(f lifecycle.Failure) {
		log.Error("part ended, starting it again", "part", p.name, "err", f.Err, "pause", f.Pause)
	})
}

func names(st stage) []string {
	var out []string
	for _, p := range st {
		out = append(out, p.name)
	}
	return out
}
