// Package lifecycle holds the two ideas every long-lived part of Nightjar is built on: a Component that runs until
// its context ends and joins everything it started, and Keepalive, which repeats an attempt that ends too early.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Component is a part with a life. Run blocks until ctx is done or the component cannot go on; when it returns,
// every goroutine, process and file it started has ended. A return before ctx is done is a failure.
type Component interface {
	Run(ctx context.Context) error
}

// Backoff describes growing pauses with jitter.
type Backoff struct {
	Min    time.Duration // first pause
	Max    time.Duration // cap
	Factor float64       // growth per failure, at least 1
	Jitter float64       // 0.2 spreads each pause by ±20 %
	// Reset is how long an attempt must have lived for the pause to fall back to Min.
	Reset time.Duration
	// Limit, if set, caps the pause after a particular error below Max: what heals by itself need not wait as long as
	// what a person must mend. It is jittered downwards.
	Limit func(error) time.Duration
}

// Pause returns the wait after the n-th failure in a row, counting from 0.
func (b Backoff) Pause(n int) time.Duration {
	d := float64(b.Min)
	for range n {
		d *= b.Factor
		if d >= float64(b.Max) {
			d = float64(b.Max)
			break
		}
	}
	d *= 1 + b.Jitter*(2*rand.Float64()-1)
	return min(time.Duration(d), b.Max)
}

// Failure is what Keepalive tells its observer after each attempt that ended too early.
type Failure struct {
	Err     error
	Attempt int           // failures in a row, from 1
	Lived   time.Duration // how long the attempt lasted
	Pause   time.Duration // until the next one
}

// Keepalive calls attempt again and again until ctx ends, pausing between calls as b says. Each attempt is thrown
// away whole; a panic in it is turned into its error. observe, which may be nil, hears of each failure and is where
// the one log line about it belongs. The result is always ctx's error.
func Keepalive(ctx context.Context, b Backoff, attempt func(context.Context) error, observe func(Failure)) error {
	failures := 0
	for {
		start := time.Now()
		err := guard(ctx, attempt)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		lived := time.Since(start)
		if b.Reset > 0 && lived >= b.Reset {
			failures = 0
		}
		pause := b.Pause(failures)
		failures++
		if err == nil {
			err = errors.New("ended without an error")
		}
		if b.Limit != nil {
			pause = min(pause, time.Duration(float64(b.Limit(err))*(1-b.Jitter*rand.Float64())))
		}
		if observe != nil {
			observe(Failure{Err: err, Attempt: failures, Lived: lived, Pause: pause})
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

func guard(ctx context.Context, attempt func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return attempt(ctx)
}
