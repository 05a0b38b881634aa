// Package retention makes room: it plans which recordings to give up, from facts alone, and gives them up in small steps
// that a crash may interrupt anywhere (recorder/docs/recording.md, procedure "delete"). It works without the database,
// never touches what is held or being recorded, and leaves alone what no journal names.
package retention

import (
	"cmp"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Volume is one volume as the plan sees it.
type Volume struct {
	Dir     string
	Free    int64 // bytes free on its file system
	MinFree int64 // bytes that shall be free; 0 or less for none
	Days    []*Day
}

// Facts is the world as the plan sees it.
type Facts struct {
	Now time.Time
	// ClockTrusted allows deletion for which the time matters. A clock that was just set may be wrong by years.
	ClockTrusted bool
	OpenFor      time.Duration // how long after its start a recording may still be written
	Volumes      []Volume
	// Held reports whether video must stay; nil: none must.
	Held func(stream nvr.StreamID, start, end time.Time) bool
}

// Reason says why a recording is given up.
type Reason string

// The reasons for a deletion.
const (
	ByAge       Reason = "age"        // the camera's rule keeps it no longer
	ByEviction  Reason = "evict"      // the archive has it
	BySpace     Reason = "space"      // its volume is short of free space
	ByCameraCap Reason = "camera_cap" // the camera has too many bytes
	ByCap       Reason = "cap"        // all cameras together have too many bytes
	ByOrphan    Reason = "orphan"     // it was given up before, and its file is still there
)

// Deletion is one local file to give up. The recording goes with it, unless the archive has it.
type Deletion struct {
	Volume int // index in Facts.Volumes
	Day    *Day
	Index  int // in Day.Recs
	Reason Reason
}

// Shortage is what a plan could not achieve, because all that is left is held or being recorded.
type Shortage struct {
	Reason Reason // BySpace, ByCameraCap or ByCap
	Volume int    // of BySpace
	Camera nvr.CameraID
	Bytes  int64
}

// Plan returns what to delete now, and what remains missing. It is a pure function.
//
// First goes what is due by age, then what the archive has for long enough. Then each volume that is short of space, each
// camera over its cap, and all cameras together if they are over theirs, give up as much as is missing, in this order:
// files of which the archive has a copy; footage in which nothing happened; motion; events together with what nobody
// knows. Each of them oldest first, whichever camera they are of. What is held or may be being written stays.
func Plan(p Policy, f Facts) ([]Deletion, []Shortage) {
	pl := newPlanner(p, f)
	if f.ClockTrusted {
		pl.age()
		pl.evict()
	}
	for v, vol := range f.Volumes {
		if missing := vol.MinFree - vol.Free - pl.freed[v]; vol.MinFree > 0 && missing > 0 {
			missing = pl.take(BySpace, missing, func(at place) bool { return at.volume == v })
			pl.short(Shortage{Reason: BySpace, Volume: v, Bytes: missing})
		}
	}
	for _, camera := range pl.cameraIDs() {
		if limit, has := p.rule(camera).MaxBytes, pl.cameras[camera]; limit > 0 && has > limit {
			missing := pl.take(ByCameraCap, has-limit, func(at place) bool { return at.day.Stream.Camera == camera })
			pl.short(Shortage{Reason: ByCameraCap, Camera: camera, Bytes: missing})
		}
	}
	if p.MaxBytes > 0 && pl.total > p.MaxBytes {
		missing := pl.take(ByCap, pl.total-p.MaxBytes, func(place) bool { return true })
		pl.short(Shortage{Reason: ByCap, Bytes: missing})
	}
	return pl.out, pl.shortages
}

// place is a day on a volume.
type place struct {
	volume int
	day    *Day
}

type planner struct {
	p         Policy
	f         Facts
	now       int64   // UTC milliseconds
	days      []place // by date
	taken     map[*Day][]bool
	freed     []int64 // by volume
	cameras   map[nvr.CameraID]int64
	total     int64
	out       []Deletion
	shortages []Shortage
}

func newPlanner(p Policy, f Facts) *planner {
	pl := &planner{
		p: p, f: f, now: f.Now.UnixMilli(), taken: make(map[*Day][]bool),
		freed: make([]int64, len(f.Volumes)), cameras: make(map[nvr.CameraID]int64),
	}
	for v, vol := range f.Volumes {
		for _, d := range vol.Days {
			n := d.bytes()
			pl.days = append(pl.days, place{v, d})
			pl.cameras[d.Stream.Camera] += n
			pl.total += n
		}
	}
	slices.SortFunc(pl.days, func(a, b place) int {
		if c := cmp.Compare(a.day.midnight, b.day.midnight); c != 0 {
			return c
		}
		if c := cmp.Compare(a.day.Stream.String(), b.day.Stream.String()); c != 0 {
			return c
		}
		return cmp.Compare(a.volume, b.volume)
	})
	return pl
}

func (pl *planner) cameraIDs() []nvr.CameraID {
	out := make([]nvr.CameraID, 0, len(pl.cameras))
	for id := range pl.cameras {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func (pl *planner) age() {
	for _, at := range pl.days {
		rule := pl.p.rule(at.day.Stream.Camera)
		for i, r := range at.day.Recs {
			if rule.due(r.Class(), at.day.start(i), at.day.end(i)) <= pl.now && pl.may(at, i) {
				pl.give(at, i, ByAge)
			}
		}
	}
}

func (pl *planner) evict() {
	if !pl.p.Evict {
		return
	}
	before := pl.now - pl.p.EvictAfter.Milliseconds()
	for _, at := range pl.days {
		for i, r := range at.day.Recs {
			if r.Remote() && at.day.end(i) <= before && pl.may(at, i) {
				pl.give(at, i, ByEviction)
			}
		}
	}
}

// rank is the place of a recording in the order in which space is made.
func rank(r Rec) int {
	switch {
	case r.Remote():
		return 0
	case r.Class() == Quiet:
		return 1
	case r.Class() == Motion:
		return 2
	default:
		return 3
	}
}

const ranks = 4

// take gives up what is missing from the days that of selects, and returns what is still missing then.
func (pl *planner) take(why Reason, missing int64, of func(place) bool) int64 {
	for level := range ranks {
		for i := 0; i < len(pl.days) && missing > 0; {
			j := i
			for j < len(pl.days) && pl.days[j].day.midnight == pl.days[i].day.midnight {
				j++
			}
			missing -= pl.takeOf(why, level, missing, pl.days[i:j], of)
			i = j
		}
	}
	return max(0, missing)
}

// takeOf gives up the oldest recordings of a rank and one date until missing is reached, and returns their bytes.
func (pl *planner) takeOf(why Reason, level int, missing int64, days []place, of func(place) bool) (freed int64) {
	type candidate struct {
		place
		index int
		start int64
	}
	var all []candidate
	for _, at := range days {
		if !of(at) {
			continue
		}
		for i, r := range at.day.Recs {
			if rank(r) == level && r.Bytes() > 0 && pl.may(at, i) {
				all = append(all, candidate{at, i, at.day.start(i)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.start, b.start) })
	for _, c := range all {
		if freed >= missing {
			break
		}
		freed += pl.give(c.place, c.index, why)
	}
	return freed
}

// may reports whether the recording is still there in this plan and may go. The file that is being written is in no
// journal; the newest ones are left alone all the same, so that nobody who plays live stumbles.
func (pl *planner) may(at place, i int) bool {
	if taken := pl.taken[at.day]; taken != nil && taken[i] {
		return false
	}
	start, end := at.day.start(i), at.day.end(i)
	open := (pl.f.OpenFor + time.Minute).Milliseconds()
	if start > pl.now-open && start < pl.now+open {
		return false
	}
	return pl.f.Held == nil || !pl.f.Held(at.day.Stream, time.UnixMilli(start), time.UnixMilli(end))
}

func (pl *planner) give(at place, i int, why Reason) int64 {
	if pl.taken[at.day] == nil {
		pl.taken[at.day] = make([]bool, len(at.day.Recs))
	}
	pl.taken[at.day][i] = true
	n := at.day.Recs[i].Bytes()
	pl.freed[at.volume] += n
	pl.cameras[at.day.Stream.Camera] -= n
	pl.total -= n
	pl.out = append(pl.out, Deletion{Volume: at.volume, Day: at.day, Index: i, Reason: why})
	return n
}

func (pl *planner) short(s Shortage) {
	if s.Bytes > 0 {
		pl.shortages = append(pl.shortages, s)
	}
}
