package retention

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Interest says what happened in front of a camera. An error, or a span of InterestUnknown, means that it is not known:
// then the footage is kept as if it were an event.
type Interest interface {
	// Interest returns the spans that overlap r, in any order. One that goes on ends now or later.
	Interest(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.InterestSpan, error)
}

// InterestUnknown marks a stretch of which it is not known yet whether anything happened in it.
const InterestUnknown nvr.InterestKind = "unknown"

const (
	// askTimeout bounds one question: a database that hangs must not keep retention from making space.
	askTimeout = 5 * time.Second
	// askAgain is how long an answer is believed. Events can be made or finished long after.
	askAgain = 6 * time.Hour
)

// asker brings the classes of recordings up to date for one pass.
type asker struct {
	ctx    context.Context //nolint:containedctx // lives for one pass
	k      *Keeper
	now    time.Time
	budget int   // questions left
	err    error // the first: nothing is asked after it
}

// forAge asks about what would go by age if nothing had happened.
func (a *asker) forAge() {
	now := a.now.UnixMilli()
	for _, d := range a.k.byDate() {
		rule := a.k.opts.Policy.rule(d.Stream.Camera)
		if !rule.curious() {
			continue
		}
		last := -1
		for i := range d.Recs {
			if rule.due(Quiet, d.start(i), d.end(i)) <= now {
				last = i
			}
		}
		a.ask(d, last)
	}
}

// forSpace asks about the oldest recordings until enough is known to be quiet.
func (a *asker) forSpace(missing int64, of func(*tracked) bool) {
	for _, d := range a.k.byDate() {
		if missing <= 0 {
			return
		}
		if !of(d) {
			continue
		}
		a.ask(d, len(d.Recs)-1)
		for i, r := range d.Recs {
			if (r.Class() == Quiet || r.Remote()) && !a.k.held(d, i) {
				missing -= r.Bytes()
			}
		}
	}
}

// ask finds the classes of the recordings of d up to last, as far as they are unknown or were asked long ago.
func (a *asker) ask(d *tracked, last int) {
	rule := a.k.opts.Policy.rule(d.Stream.Camera)
	ripe := a.now.Add(-ripens - rule.PostCapture).UnixMilli()
	for last >= 0 && d.end(last) > ripe {
		last--
	}
	from := 0
	stale := a.now.Sub(d.asked).Abs() > askAgain
	for !stale && from <= last && d.Recs[from].Class() != Unknown {
		from++
	}
	if from > last {
		return
	}
	if a.err != nil || a.budget == 0 {
		d.forget(stale)
		return
	}
	a.budget--
	if err := a.k.classify(a.ctx, d, from, last, rule); err != nil {
		a.err = err
		d.forget(stale)
		return
	}
	if stale {
		d.asked = a.now
	}
}

// forget makes everything unknown again where the answer is stale: an old answer is no answer.
func (d *tracked) forget(stale bool) {
	if !stale {
		return
	}
	for i := range d.Recs {
		d.Recs[i] = d.Recs[i].withClass(Unknown)
	}
	d.asked = time.Time{}
}

// classify asks about the recordings first to last of d.
func (k *Keeper) classify(ctx context.Context, d *tracked, first, last int, rule Rule) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	pre, post := rule.PreCapture.Milliseconds(), rule.PostCapture.Milliseconds()
	spans, err := k.opts.Interest.Interest(ctx, d.Stream.Camera, nvr.TimeRange{
		Start: time.UnixMilli(d.start(first) - post).UTC(), End: time.UnixMilli(d.end(last) + pre).UTC(),
	})
	if err != nil {
		return fmt.Errorf("ask what happened at camera %s: %w", d.Stream.Camera, err)
	}
	for i := first; i <= last; i++ {
		d.Recs[i] = d.Recs[i].withClass(Quiet)
	}
	// The lesser first, so that the greater overwrites it.
	slices.SortStableFunc(spans, func(a, b nvr.InterestSpan) int { return cmp.Compare(weight(a.Kind), weight(b.Kind)) })
	longest := int64(0)
	for _, r := range d.Recs[first : last+1] {
		longest = max(longest, int64(r.length))
	}
	for _, s := range spans {
		from, to := s.Start.UnixMilli()-pre, s.End.UnixMilli()+post
		if s.End.IsZero() {
			to = never // goes on
		}
		i, _ := d.find(from - longest)
		for i = max(i, first); i <= last && d.name(i) <= to+earlyUnit*255; i++ {
			if d.end(i) >= from && d.start(i) <= to {
				d.Recs[i] = d.Recs[i].withClass(classOf(s.Kind))
			}
		}
	}
	return nil
}

func classOf(k nvr.InterestKind) Class {
	switch k {
	case nvr.InterestMotion:
		return Motion
	case nvr.InterestEvent:
		return Event
	default:
		return Unknown
	}
}

// weight orders kinds: an event is kept as one wherever it is known, and what is unknown may be one.
func weight(k nvr.InterestKind) int {
	switch classOf(k) {
	case Motion:
		return 0
	case Event:
		return 2
	default:
		return 1
	}
}

// byDate returns all days, oldest first.
func (k *Keeper) byDate() []*tracked {
	var out []*tracked
	for _, v := range k.volumes {
		for _, d := range v.days {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *tracked) int {
		if c := cmp.Compare(a.midnight, b.midnight); c != 0 {
			return c
		}
		return cmp.Compare(a.Stream.String(), b.Stream.String())
	})
	return out
}

func (k *Keeper) held(d *tracked, i int) bool {
	return k.opts.Holds != nil && k.opts.Holds.Covers(d.Stream, time.UnixMilli(d.start(i)), time.UnixMilli(d.end(i)))
}
