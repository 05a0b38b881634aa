package recorder

import (
	"fmt"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// minGap is the shortest interval without recording that gets a gap line.
	minGap = time.Second
	// patience is how long a camera may take to send its first picture, or the next, before that is a gap of its own.
	patience = 10 * time.Second
	// firstNote and noteEvery say how often a gap that is going on is journaled: what happens to the process meanwhile,
	// the reason for what was before stays known.
	firstNote = time.Minute
	noteEvery = 10 * time.Minute
	// maxReplay is how far before the end of its recordings a camera may begin again: pictures that it sends twice are
	// waited out.
	maxReplay = 10 * time.Second
	// maxShift is the largest step of our clock that is hidden by moving the start of a run.
	maxShift = 5 * time.Minute
	// maxPending bounds the lines that wait for their journal. Beyond it the oldest are left to the recovery of the next
	// start.
	maxPending = 1000
)

// absence is why nothing is recorded. Without a reason, nothing is known to be missing.
type absence struct {
	from   time.Time // zero: the end of the latest recording
	reason index.GapReason
	detail string
	noted  time.Time        // its end, as it was journaled last; zero before
	lib    *library.Library // whose journal that was
}

// pending is a line that no journal has yet.
type pending struct {
	lib  *library.Library // nil: whichever is in use
	line library.Line
}

// lost tells that nothing is recorded for a reason that was found at the wall time at. An earlier reason stands for the
// time until then.
func (r *Recorder) lost(at time.Time, reason index.GapReason, detail string) {
	r.mu.Lock()
	m := &r.missing
	from := r.gapStart()
	switch {
	case m.reason == reason:
	case m.reason == "", from.IsZero(), at.Sub(from) < minGap:
		m.reason, m.detail = reason, detail
	default:
		at = at.UTC().Truncate(time.Microsecond)
		g := r.gap(from, at)
		r.missing = absence{from: at, reason: reason, detail: detail}
		r.mu.Unlock()
		r.tell(g)
		return
	}
	r.mu.Unlock()
}

// gapStart and gap speak of the absence; the caller holds the lock.
func (r *Recorder) gapStart() time.Time {
	if !r.missing.from.IsZero() {
		return r.missing.from
	}
	return r.lastEnd
}

func (r *Recorder) gap(from, to time.Time) index.Gap {
	return index.Gap{Stream: r.stream.ID, Start: from, End: to, Reason: r.missing.reason, Detail: r.missing.detail}
}

// gaps returns what is to be told at the wall time end of the absence so far: the time of a restart apart from what then
// kept the camera from being recorded. The caller holds the lock.
func (r *Recorder) gaps(end time.Time) []index.Gap {
	from := r.gapStart()
	late := !r.started.IsZero() && end.Sub(r.started) >= patience
	if from.IsZero() && late { // the first picture ever
		from = r.started
	}
	if from.IsZero() || end.Sub(from) < minGap {
		return nil
	}
	g := r.gap(from, end)
	if g.Reason == "" {
		g.Reason, g.Detail = index.GapLoss, "Pictures were missing."
		if from.Equal(r.started) {
			g.Reason, g.Detail = index.GapOffline, "The camera could not be reached after the start."
		}
	}
	if g.Reason != index.GapRestart || !late || !r.started.After(from) {
		return []index.Gap{g}
	}
	g.End = r.started
	return []index.Gap{g, {
		Stream: r.stream.ID, Start: r.started, End: end, Reason: index.GapOffline, Detail: "The camera could not be reached after the start.",
	}}
}

// openGap returns the gap that is going on at now.
func (r *Recorder) openGap(now time.Time) (index.Gap, bool) {
	now = now.UTC().Truncate(time.Microsecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.current; f != nil && f.rec.Duration > 0 {
		end := f.rec.End()
		return index.Gap{Stream: r.stream.ID, Start: end, End: now, Reason: index.GapLoss, Detail: "The camera sends no pictures."},
			now.Sub(end) >= patience
	}
	if r.missing.reason == "" && now.Sub(r.gapStart()) < patience {
		return index.Gap{}, false
	}
	all := r.gaps(now)
	if len(all) == 0 {
		return index.Gap{}, false
	}
	return all[len(all)-1], true
}

// note journals the gap that is going on, if it is time to, or in any case with last.
func (r *Recorder) note(now time.Time, last bool) {
	now = now.UTC().Truncate(time.Microsecond)
	r.mu.Lock()
	m := &r.missing
	if m.reason == "" || r.current != nil {
		r.mu.Unlock()
		return
	}
	all := r.gaps(now)
	if len(all) == 0 {
		r.mu.Unlock()
		return
	}
	open := all[len(all)-1]
	lib := r.opts.Volumes.Active()
	due := open.Start.Add(firstNote)
	if !m.noted.IsZero() {
		due = m.noted.Add(noteEvery)
		if m.lib != lib { // whoever reads two journals must not find two ends for one gap
			open.Start = m.noted
		}
	}
	if !last && now.Before(due) || !open.Start.Before(now) {
		r.mu.Unlock()
		return
	}
	*m = absence{from: open.Start, reason: open.Reason, detail: open.Detail, noted: now, lib: lib}
	all[len(all)-1] = open
	r.mu.Unlock()
	for _, g := range all {
		r.journal(pending{lib, library.Line{Gap: &g}})
	}
}

// startOf returns the start of a run whose first picture has the wall time t, or false when the picture is one that was
// recorded already. Recordings of a stream never overlap, and a run never starts exactly where the last recording ended,
// because that is how continuous recordings are told from others (docs/recording.md, invariants 5 and 8).
func (r *Recorder) startOf(t time.Time) (start time.Time, ok bool) {
	t = t.UTC().Truncate(time.Microsecond)
	r.mu.Lock()
	end := r.lastEnd
	r.mu.Unlock()
	back := end.Sub(t)
	switch {
	case end.IsZero() || back < 0 || back > maxShift: // beyond it, an hour happens twice
		return t, true
	case back > maxDrift+time.Second && back <= maxReplay:
		return time.Time{}, false
	default:
		return end.Add(time.Microsecond), true
	}
}

// shifted tells that a run which begins at start does so back later than its pictures' time.
func (r *Recorder) shifted(start time.Time, back time.Duration) {
	r.mu.Lock()
	end := r.lastEnd
	r.mu.Unlock()
	r.tell(index.Gap{
		Stream: r.stream.ID, Start: end, End: start, Reason: index.GapClock,
		Detail: fmt.Sprintf("The clock was set back by %v; what follows bears times that much too late.", back.Round(time.Second)),
	})
}

// repeated tells that a run which begins at start records a time for which there are recordings already, because our clock
// was set back by more than can be hidden.
func (r *Recorder) repeated(start time.Time) {
	r.mu.Lock()
	end := r.lastEnd
	r.mu.Unlock()
	back := end.Sub(start)
	if back <= maxShift {
		return
	}
	r.tell(index.Gap{
		Stream: r.stream.ID, Start: start.Add(-time.Microsecond), End: start, Reason: index.GapClock,
		Detail: fmt.Sprintf("The clock was set back by %v; from here to %s there are pictures of two times, and one of them is played.",
			back.Round(time.Second), end.Format("2006-01-02 15:04:05 MST")),
	})
}

// resumed journals the gap between the last recording and a file that began at start and has its first part on disk.
func (r *Recorder) resumed(start time.Time) {
	r.mu.Lock()
	all := r.gaps(start)
	lib := r.missing.lib
	r.missing = absence{}
	r.mu.Unlock()
	for i, g := range all {
		r.metrics.gaps.WithLabelValues(string(g.Reason)).Inc()
		p := pending{nil, library.Line{Gap: &g}}
		if i == 0 { // where it was noted before
			p.lib = lib
		}
		r.journal(p)
	}
	r.setStatus(Recording, "")
}

func (r *Recorder) tell(g index.Gap) {
	r.metrics.gaps.WithLabelValues(string(g.Reason)).Inc()
	r.journal(pending{nil, library.Line{Gap: &g}})
}

// ended tells where the latest recording ends.
func (r *Recorder) ended(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.After(r.lastEnd) || r.lastEnd.Sub(at) > maxShift { // beyond it, the clock was set back
		r.lastEnd = at
	}
	r.missing.from, r.missing.noted, r.missing.lib = time.Time{}, time.Time{}, nil
}

// journal writes p's line, and those that failed before, each to its own volume's journal.
func (r *Recorder) journal(p pending) {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	r.mu.Lock()
	r.pending = append(r.pending, p)
	if over := len(r.pending) - maxPending; over > 0 {
		r.pending = r.pending[over:]
	}
	waiting := append([]pending(nil), r.pending...)
	r.mu.Unlock()
	var left []pending
	failed := make(map[*library.Library]bool)
	for _, w := range waiting {
		lib := w.lib
		if lib == nil {
			lib = r.opts.Volumes.Active()
		}
		if lib == nil || failed[lib] {
			left = append(left, w)
			continue
		}
		if err := lib.Append(w.day(), w.line); err != nil {
			failed[lib] = true
			left = append(left, w)
			r.logger.Warn("journal line could not be written, trying again with the next", "day", w.day().String(), "err", err)
		}
	}
	r.mu.Lock()
	r.pending = left
	r.mu.Unlock()
}

func (p pending) day() library.Day {
	if p.line.Gap != nil {
		return library.DayOf(p.line.Gap.Stream, p.line.Gap.Start)
	}
	rec := p.line.Recording
	if h, err := library.HourOf(rec.Path); err == nil {
		return h.Day
	}
	return library.DayOf(rec.Stream, rec.Start)
}
