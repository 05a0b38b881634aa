// Package retention makes room: it plans which hours of recordings to give up, from facts alone, and gives them up in
// steps that a crash may interrupt anywhere (recorder/docs/recording.md, procedure "delete"). It works without the
// database, and never touches the hour that is being recorded.
package retention

import (
	"cmp"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Policy is how long footage is kept.
type Policy struct {
	Days   int                  // full days for cameras not listed below; 0 keeps until space is needed
	Camera map[nvr.CameraID]int // full days by camera; 0 keeps until space is needed
	// TotalBytes caps all recordings together, oldest hours first; 0 means no cap.
	TotalBytes int64
	// MinFree is how many bytes of the disk stay free. 0 means DefaultMinFree, negative none.
	MinFree int64
}

// DefaultMinFree returns the free space kept on a disk of total bytes: 5 %, at most 20 GiB.
func DefaultMinFree(total int64) int64 { return min(total/20, 20<<30) }

// Hour is what the plan knows of one hour directory.
type Hour struct {
	library.Hour
	Bytes int64 // 0 when it was not needed and not looked up
}

// Facts is the world as the plan sees it.
type Facts struct {
	Now time.Time
	// ClockTrusted allows deletion by age. A clock that was just set may be wrong by years.
	ClockTrusted bool
	Hours        []Hour
	Free         int64         // bytes free on the disk
	MinFree      int64         // bytes that shall be free; 0 or less for none
	OpenFor      time.Duration // how long after its start a recording may still be written
}

// Reason says why an hour is given up.
type Reason string

// The reasons for a deletion.
const (
	ByAge   Reason = "age"
	ByCap   Reason = "cap"
	BySpace Reason = "space"
)

// Deletion is one hour to give up.
type Deletion struct {
	Hour
	Reason Reason
}

// Plan returns what to delete, oldest first. It is a pure function. An hour goes by age when its last recording is
// older than the camera's days, whole; for space, the oldest hours go first, whichever camera they are of.
func Plan(p Policy, f Facts) []Deletion {
	hours := slices.Clone(f.Hours)
	slices.SortFunc(hours, func(a, b Hour) int {
		if c := a.Start().Compare(b.Start()); c != 0 {
			return c
		}
		return cmp.Compare(a.String(), b.String())
	})
	total := int64(0)
	for _, h := range hours {
		total += h.Bytes
	}
	free := f.Free
	var out []Deletion
	for _, h := range hours {
		end := h.Start().Add(time.Hour + f.OpenFor)
		if f.Now.Before(end) && !h.Start().After(f.Now.Add(time.Hour)) {
			continue // may be being written
		}
		var why Reason
		days, ok := p.Camera[h.Day.Stream.Camera]
		if !ok {
			days = p.Days
		}
		switch {
		case f.ClockTrusted && days > 0 && f.Now.Sub(end) >= time.Duration(days)*24*time.Hour:
			why = ByAge
		case p.TotalBytes > 0 && total > p.TotalBytes:
			why = ByCap
		case f.MinFree > 0 && free < f.MinFree:
			why = BySpace
		default:
			continue
		}
		total -= h.Bytes
		free += h.Bytes
		out = append(out, Deletion{Hour: h, Reason: why})
	}
	return out
}
