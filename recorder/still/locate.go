package still

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

const (
	// liveEdge is how far before now the newest picture stands for what is not written yet: recording is about 2 s
	// behind, more on a busy machine.
	liveEdge = 5 * time.Second
	// liveAge is how old the newest picture may be for that.
	liveAge = 10 * time.Second
)

// place is where a picture lies.
type place struct {
	stream  nvr.StreamID
	t       time.Time // what was asked for, or the last instant of the newest recording
	rec     index.Recording
	segment int // index into rec.Segments
}

// locate finds the segment that is played at t.
func (m *Maker) locate(ctx context.Context, stream nvr.StreamID, t time.Time) (place, error) {
	recs, err := m.player.Recordings(ctx, stream, nvr.TimeRange{Start: t, End: t.Add(time.Microsecond)})
	if err != nil {
		return place{}, err
	}
	// Where recordings overlap because the clock was set back, the one that began later is shown.
	for i := len(recs) - 1; i >= 0; i-- {
		if r := recs[i]; len(r.Segments) > 0 && !t.Before(r.Start) && t.Before(r.End()) {
			return placeIn(stream, t, r), nil
		}
	}
	if now := m.now(); t.After(now.Add(-liveEdge)) && t.Before(now.Add(liveEdge)) {
		recs, err := m.player.Recordings(ctx, stream, nvr.TimeRange{Start: now.Add(-liveAge), End: t.Add(time.Microsecond)})
		if err != nil {
			return place{}, err
		}
		if n := len(recs); n > 0 && len(recs[n-1].Segments) > 0 && recs[n-1].End().Before(t) {
			return placeIn(stream, recs[n-1].End().Add(-time.Microsecond), recs[n-1]), nil
		}
	}
	return place{}, m.missing(ctx, stream, t)
}

func placeIn(stream nvr.StreamID, t time.Time, r index.Recording) place {
	after := sort.Search(len(r.Segments), func(i int) bool { return r.Start.Add(r.Segments[i].Start).After(t) })
	return place{stream: stream, t: t, rec: r, segment: max(0, after-1)}
}

// missing says that there is nothing at t, and where the nearest is.
func (m *Maker) missing(ctx context.Context, stream nvr.StreamID, t time.Time) error {
	e := &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("nothing is recorded of %s at %s", stream, text(t))}
	for _, around := range []time.Duration{10 * time.Minute, 24 * time.Hour, 15 * 24 * time.Hour} {
		recs, err := m.player.Recordings(ctx, stream, nvr.TimeRange{Start: t.Add(-around), End: t.Add(around)})
		if err != nil {
			return err
		}
		if near, ok := nearest(recs, t); ok {
			e.Message += "; the nearest recorded time is " + text(near)
			return e
		}
	}
	e.Message += ", nor within 15 days of it"
	return e
}

// nearest returns the time next to t at which one of recs plays, in whole milliseconds so that it can be asked for.
func nearest(recs []index.Recording, t time.Time) (near time.Time, ok bool) {
	for _, r := range recs {
		at := r.Start.Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond)
		if !r.End().After(t) {
			at = r.End().Add(-time.Nanosecond).Truncate(time.Millisecond)
		}
		if !ok || at.Sub(t).Abs() < near.Sub(t).Abs() {
			near, ok = at, true
		}
	}
	return near, ok
}
