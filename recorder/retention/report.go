package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Report is a dry run: what would go now, and why.
type Report struct {
	At        time.Time
	Deletions []Planned
	Bytes     int64 // of all Deletions
	HeldBytes int64 // of all recordings that a hold keeps
	// Notes are sentences for people: what cannot be achieved, and what is not known.
	Notes []string
}

// Planned is what would go of one stream and day for one reason.
type Planned struct {
	Stream nvr.StreamID
	From   time.Time // start of the first recording
	To     time.Time // end of the last
	Files  int
	Bytes  int64
	Reason Reason
	Detail string // one sentence for a person
}

// asksPerReport bounds the questions of a dry run: a year of 16 cameras takes several.
const asksPerReport = 1000

// current brings everything up to date for somebody who waits. It needs the lock.
func (k *Keeper) current(ctx context.Context) error {
	if k.opts.Holds != nil {
		k.opts.Holds.Refresh()
	}
	var err error
	for {
		complete, uerr := k.update(readPerPass)
		k.complete = complete
		if err = uerr; complete {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// Plan returns what would be deleted now. It deletes nothing. A volume that cannot be read is left out, and a note says so.
func (k *Keeper) Plan(ctx context.Context) (Report, error) {
	if err := k.acquire(ctx); err != nil {
		return Report{}, err
	}
	defer k.release()
	now := k.watchClock()
	out := Report{At: now.UTC()}
	if err := k.current(ctx); err != nil {
		if ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
		out.note(err)
	}
	f := k.facts(now, k.trusted)
	out.note(k.classifyFor(ctx, f, asksPerReport))
	out.HeldBytes = k.heldBytes()
	if !k.trusted {
		out.Notes = append(out.Notes, fmt.Sprintf("Deletion by age waits until the clock has run evenly for %v.", settle))
	}
	if err := k.holdsUnknown(); err != nil {
		out.note(err)
		return out, nil
	}
	plan, shortages := Plan(k.opts.Policy, f)
	for _, s := range shortages {
		out.Notes = append(out.Notes, k.explain(s))
	}
	sum := summary{policy: k.opts.Policy, known: make(map[rowKey]int)}
	for _, g := range append(k.orphans(), k.groups(f, plan)...) {
		sum.add(g)
	}
	out.Deletions = sum.rows
	for _, row := range sum.rows {
		out.Bytes += row.Bytes
	}
	slices.SortStableFunc(out.Deletions, func(a, b Planned) int { return a.From.Compare(b.From) })
	return out, nil
}

func (r *Report) note(err error) {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			r.note(e)
		}
		return
	}
	if err != nil {
		r.Notes = append(r.Notes, "Not everything is known: "+err.Error()+".")
	}
}

// summary puts together what goes of the same stream and day for the same reason.
type summary struct {
	policy Policy
	rows   []Planned
	known  map[rowKey]int
}

type rowKey struct {
	stream nvr.StreamID
	date   string
	reason Reason
	detail string
}

func (s *summary) add(g group) {
	details := make(map[uint8]string) // by class and whether the archive has it
	for i, ms := range g.names {
		var rec Rec
		end := ms
		if g.ends != nil {
			end = g.ends[i]
		}
		if at, ok := g.day.find(ms); ok {
			rec = g.day.Recs[at]
		}
		if details[rec.flags] == "" {
			details[rec.flags] = detail(s.policy, g, rec)
		}
		s.one(g, details[rec.flags], Planned{From: time.UnixMilli(ms).UTC(), To: time.UnixMilli(end).UTC(), Bytes: g.bytes[i]})
	}
}

func (s *summary) one(g group, detail string, p Planned) {
	key := rowKey{g.day.Stream, g.day.Date, g.reason, detail}
	i, ok := s.known[key]
	if !ok {
		i = len(s.rows)
		s.known[key] = i
		s.rows = append(s.rows, Planned{Stream: key.stream, From: p.From, To: p.To, Reason: key.reason, Detail: detail})
	}
	row := &s.rows[i]
	row.Files++
	row.Bytes += p.Bytes
	if p.From.Before(row.From) {
		row.From = p.From
	}
	if p.To.After(row.To) {
		row.To = p.To
	}
}

// detail explains a deletion in one sentence.
func detail(p Policy, g group, r Rec) string {
	rule := p.rule(g.day.Stream.Camera)
	switch g.reason {
	case ByAge:
		return ageDetail(rule, r.Class())
	case ByEviction:
		return fmt.Sprintf("The archive has a verified copy, and local copies go after %v.", p.EvictAfter)
	case BySpace:
		return fmt.Sprintf("Volume %s has less than %s free; %s.", g.vol.lib.Dir(), human(g.vol.minFree), what(r))
	case ByCameraCap:
		return fmt.Sprintf("The camera has more than its %s of recordings; %s.", human(rule.MaxBytes), what(r))
	case ByCap:
		return fmt.Sprintf("There are more than the allowed %s of recordings; %s.", human(p.MaxBytes), what(r))
	default:
		return "It was given up before, and its file is still there because the deletion was interrupted."
	}
}

func ageDetail(rule Rule, c Class) string {
	switch {
	case c == Quiet && !rule.Continuous:
		return "Nothing happened, and of this camera only motion and events are kept."
	case c == Quiet || rule.days(c) == rule.RetainDays:
		return fmt.Sprintf("It is older than the %d days for which footage of this camera is kept.", rule.days(c))
	case c == Motion:
		return fmt.Sprintf("It is older than the %d days for which motion of this camera is kept.", rule.days(c))
	default:
		return fmt.Sprintf("It is older than the %d days for which events of this camera are kept.", rule.days(c))
	}
}

func what(r Rec) string {
	switch {
	case r.Remote():
		return "the archive has a copy of what goes first"
	case r.Class() == Quiet:
		return "footage in which nothing happened goes first"
	case r.Class() == Motion:
		return "the oldest motion goes"
	case r.Class() == Event:
		return "the oldest events go"
	default:
		return "the oldest goes, and nobody knows what happened in it"
	}
}
