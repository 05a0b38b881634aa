package archive

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// interestTimeout bounds one question to Interest.
	interestTimeout = 10 * time.Second
	// interestSpan is how much footage one question is about at most.
	interestSpan = time.Hour
)

// lane is what one stream has to be copied from one volume. Lanes take turns, so that a camera with a long backlog holds
// up no other.
type lane struct {
	name   string
	volume *volume
	days   []library.Day // with recordings pending, oldest first
}

// job is one recording to copy.
type job struct {
	volume *volume
	day    library.Day
	item   item
}

func (j job) path() string { return library.FilePath(j.day.Stream, j.item.ms) }

// arrange puts what is pending into lanes. The caller holds mu.
func (a *Archive) arrange() {
	byName := make(map[string]*lane)
	for _, v := range a.volumes {
		for d, st := range v.days {
			if len(st.pending) == 0 {
				continue
			}
			name := d.Stream.String() + "@" + v.id
			l := byName[name]
			if l == nil {
				l = &lane{name: name, volume: v}
				byName[name] = l
			}
			l.days = append(l.days, d)
		}
	}
	a.lanes = a.lanes[:0]
	for _, l := range byName {
		slices.SortFunc(l.days, func(x, y library.Day) int { return cmp.Compare(x.Date, y.Date) })
		a.lanes = append(a.lanes, *l)
	}
	slices.SortFunc(a.lanes, func(x, y lane) int { return cmp.Compare(x.name, y.name) })
}

// next takes the oldest recording of the lane whose turn it is. The caller holds mu.
func (a *Archive) next() (job, bool) {
	first, _ := slices.BinarySearchFunc(a.lanes, a.served+"\x00", func(l lane, name string) int { return cmp.Compare(l.name, name) })
	for n := range a.lanes {
		l := &a.lanes[(first+n)%len(a.lanes)]
		for _, d := range l.days {
			st := l.volume.days[d]
			if st == nil {
				continue
			}
			a.dropOld(l.volume, st)
			at := slices.IndexFunc(st.pending, func(i item) bool { return i.stage == wanted })
			if at < 0 {
				continue
			}
			st.pending[at].stage = busy
			j := job{volume: l.volume, day: d, item: st.pending[at]}
			a.served = l.name
			a.inflight[j.path()] = false
			return j, true
		}
	}
	return job{}, false
}

// dropOld leaves out what would expire at once. The hour's margin keeps uploads apart from sweep, which deletes what no
// journal claims. The caller holds mu.
func (a *Archive) dropOld(v *volume, st *day) {
	if a.opts.RetainDays == 0 {
		return
	}
	limit := a.cutoff().Add(time.Hour).UnixMilli()
	n := slices.IndexFunc(st.pending, func(i item) bool { return i.ms >= limit || i.stage == busy })
	if n < 0 {
		n = len(st.pending)
	}
	if n > 0 {
		st.pending = slices.Delete(st.pending, 0, n)
		st.settle()
		v.dirty = true
	}
}

// release gives back a job that next took. The journal's archive line has taken a copied recording out already.
func (a *Archive) release(j job, to stage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.inflight, j.path())
	st := j.volume.days[j.day]
	if st == nil {
		return
	}
	if at, ok := st.find(j.item.ms); ok && st.pending[at].stage == busy {
		st.pending[at].stage = to
	}
}

// review gives recordings that could not be copied another chance.
func (a *Archive) review() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, v := range a.volumes {
		for _, st := range v.days {
			for i := range st.pending {
				if st.pending[i].stage == refused {
					st.pending[i].stage = wanted
				}
			}
		}
	}
}

// load is what is to be done.
type load struct {
	files, refused int
	bytes          int64
}

// count adds up what is pending. The caller holds mu.
func (a *Archive) count() load {
	var out load
	for _, v := range a.volumes {
		for _, st := range v.days {
			for _, i := range st.pending {
				switch i.stage {
				case wanted, busy:
					out.files++
					out.bytes += i.bytes
				case refused:
					out.refused++
				case undecided:
				}
			}
		}
	}
	return out
}

// decide asks Interest about what is undecided, oldest first, as far as it knows.
func (a *Archive) decide(ctx context.Context) {
	if a.opts.Interest == nil {
		return
	}
	a.mu.Lock()
	lanes := slices.Clone(a.lanes)
	before := a.unknown
	a.mu.Unlock()
	unknown := false
	for _, l := range lanes {
		for ctx.Err() == nil {
			more, known, err := a.decideNext(ctx, l)
			if err != nil && ctx.Err() == nil && !before && !unknown {
				a.logger.Warn("which recordings are worth copying cannot be found out, asking again", "err", err)
			}
			unknown = unknown || !known
			if !more || !known {
				break
			}
		}
	}
	a.mu.Lock()
	a.unknown = unknown
	a.mu.Unlock()
}

// decideNext decides about the oldest undecided stretch of a lane. more is false when there was none.
func (a *Archive) decideNext(ctx context.Context, l lane) (more, known bool, err error) {
	d, items := a.undecided(l)
	for len(items) > 0 {
		asked, cancel := context.WithTimeout(ctx, interestTimeout)
		span := nvr.TimeRange{Start: items[0].start(), End: items[len(items)-1].end()}
		ranges, known, err := a.opts.Interest.Interest(asked, d.Stream.Camera, span)
		cancel()
		switch {
		case err != nil:
			return true, false, err
		case known:
			a.decided(l.volume, d, items, ranges)
			return true, true, nil
		case len(items) == 1:
			return true, false, nil
		}
		items = items[:1] // perhaps only the end is not known
	}
	return false, true, nil
}

// undecided returns the oldest undecided recordings of a lane that lie within interestSpan and one day.
func (a *Archive) undecided(l lane) (library.Day, []item) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range l.days {
		st := l.volume.days[d]
		if st == nil {
			continue
		}
		var out []item
		for _, i := range st.pending {
			if i.stage == undecided && (len(out) == 0 || i.end().Sub(out[0].start()) <= interestSpan) {
				out = append(out, i)
			}
		}
		if len(out) > 0 {
			return d, out
		}
	}
	return library.Day{}, nil
}

// decided marks those of items that ranges touch as wanted and drops the others.
func (a *Archive) decided(v *volume, d library.Day, items []item, ranges []nvr.TimeRange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	st := v.days[d]
	if st == nil {
		return
	}
	for _, i := range items {
		at, ok := st.find(i.ms)
		if !ok || st.pending[at].stage != undecided {
			continue
		}
		span := nvr.TimeRange{Start: i.start(), End: i.end()}
		if slices.ContainsFunc(ranges, span.Overlaps) {
			st.pending[at].stage = wanted
		} else {
			st.drop(i.ms)
		}
	}
	st.settle()
	v.dirty = true
}
