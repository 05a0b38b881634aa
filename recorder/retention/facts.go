package retention

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// tracked is a Day as far as its journal was read.
type tracked struct {
	Day
	offset int64
	// left names what was given up and may still be there: what the last such line names when the day is read first, and
	// later what could not be removed.
	left map[int64]struct{}
	away map[int64]struct{} // not here any more, but in the archive
	// asked is when it was last asked what happened in the whole day.
	asked time.Time
}

// volume is one volume, as far as its journals were read.
type volume struct {
	lib         *library.Library
	days        map[library.Day]*tracked
	free, total int64
	minFree     int64
	err         error // why it could not be looked at
}

// look asks how much space there is. It does not need the lock.
func (k *Keeper) look(lib *library.Library) (free, total int64, err error) {
	if k.opts.Space != nil {
		return k.opts.Space(lib)
	}
	return library.Space(lib.Dir())
}

// update brings the facts in step with the journals, oldest days first, reading at most budget bytes and a day. It
// returns whether there is nothing left to read. Volumes that cannot be read have no facts, and neither have those of which
// nobody knows what is held.
func (k *Keeper) update(budget int64) (complete bool, err error) {
	var errs []error
	type todo struct {
		vol *volume
		day *tracked
		len int64
	}
	var behind []todo
	libs := k.opts.Libraries()
	vols := make([]*volume, 0, len(libs))
	for _, lib := range libs {
		vol := k.volume(lib)
		vols = append(vols, vol)
		days, err := vol.list()
		if err == nil {
			vol.free, vol.total, err = k.look(lib)
		}
		if err == nil && k.opts.Holds != nil {
			err = k.opts.Holds.ErrOf(lib)
		}
		if err != nil {
			clear(vol.days) // another disk may come
			if vol.err = err; !errors.Is(err, library.ErrMissing) {
				errs = append(errs, fmt.Errorf("volume %s: %w", lib.Dir(), err))
			}
			continue
		}
		vol.err, vol.minFree = nil, k.opts.Policy.minFree(vol.total)
		for _, d := range days {
			size, err := lib.Size(d.Day.Day)
			if err != nil {
				errs = append(errs, err)
			}
			if size != d.offset {
				behind = append(behind, todo{vol, d, size - d.offset})
			}
		}
	}
	k.volumes = vols
	slices.SortStableFunc(behind, func(a, b todo) int { return cmp.Compare(a.day.midnight, b.day.midnight) })
	for _, t := range behind {
		if budget <= 0 {
			return false, errors.Join(errs...)
		}
		budget -= max(t.len, 0)
		if err := t.day.read(t.vol.lib); err != nil {
			errs = append(errs, err)
		}
	}
	return true, errors.Join(errs...)
}

func (k *Keeper) volume(lib *library.Library) *volume {
	for _, v := range k.volumes {
		if v.lib == lib {
			return v
		}
	}
	return &volume{lib: lib, days: make(map[library.Day]*tracked)}
}

// list returns the days on the volume and forgets those that are gone.
func (v *volume) list() ([]*tracked, error) {
	names, err := v.lib.Days()
	if err != nil {
		return nil, err
	}
	out := make([]*tracked, 0, len(names))
	now := make(map[library.Day]*tracked, len(names))
	for _, name := range names {
		d := v.days[name]
		if d == nil {
			d = newTracked(name)
		}
		now[name] = d
		out = append(out, d)
	}
	v.days = now
	return out, nil
}

func newTracked(d library.Day) *tracked {
	return &tracked{Day: NewDay(d), left: make(map[int64]struct{}), away: make(map[int64]struct{})}
}

// read takes in the new lines of the journal, or all when it is another one than before.
func (d *tracked) read(lib *library.Library) error {
	size, err := lib.Size(d.Day.Day)
	if err != nil {
		return err
	}
	if size < d.offset {
		*d = *newTracked(d.Day.Day)
	}
	first := d.offset == 0
	d.offset, _, err = lib.Read(d.Day.Day, d.offset, func(l library.Line) error {
		switch {
		case l.Recording != nil:
			d.record(l)
		case l.Deleted != nil, l.Files != nil:
			d.leave(first, d.apply(l))
			if first && l.Files != nil && l.Files.Change == library.Evicted {
				d.leave(false, l.Files.MS)
			}
		}
		return nil
	})
	if first {
		d.Recs = slices.Clip(slices.Clone(d.Recs))
	}
	return err
}

func (d *tracked) record(l library.Line) {
	_, ms, err := library.ParseFilePath(l.Recording.Path)
	if err != nil {
		return
	}
	_, remote := d.away[ms]
	delete(d.away, ms)
	delete(d.left, ms)
	d.Add(*l.Recording)
	if i, ok := d.find(ms); ok && remote {
		d.Recs[i] = d.Recs[i].withRemote(true)
	}
}

// apply takes in what happened to recordings, and returns the names of those that are not here any more.
func (d *tracked) apply(l library.Line) (gone []int64) {
	if l.Deleted != nil {
		return d.giveUp(d.ofHour(l.Deleted.Hour))
	}
	for _, ms := range l.Files.MS {
		i, here := d.find(ms)
		switch l.Files.Change {
		case library.Archived:
			if here {
				d.Recs[i] = d.Recs[i].withRemote(true)
			}
		case library.Expired:
			delete(d.away, ms)
			if here {
				d.Recs[i] = d.Recs[i].withRemote(false)
			}
		case library.Evicted:
			if here {
				gone = append(gone, d.giveUp(i, i+1)...)
			}
		}
	}
	return gone
}

func (d *tracked) giveUp(from, to int) (gone []int64) {
	for i := from; i < to; i++ {
		gone = append(gone, d.name(i))
		if d.Recs[i].Remote() {
			d.away[d.name(i)] = struct{}{}
		}
	}
	d.Recs = slices.Delete(d.Recs, from, to)
	return gone
}

// leave notes that the files of these names may still be there: somebody else gave them up, or a crash came in between.
// When the day is read for the first time, those of an earlier line were removed before this line was written.
func (d *tracked) leave(first bool, names []int64) {
	if first && len(names) > 0 {
		clear(d.left)
	}
	for _, ms := range names {
		d.left[ms] = struct{}{}
	}
}

// facts returns what Plan needs. It needs the lock, and what it returns is only good while the lock is held.
func (k *Keeper) facts(now time.Time, trusted bool) Facts {
	f := Facts{Now: now, ClockTrusted: trusted, OpenFor: k.opts.OpenFor, Volumes: make([]Volume, len(k.volumes))}
	if k.opts.Holds != nil {
		f.Held = k.opts.Holds.Covers
	}
	for i, v := range k.volumes {
		f.Volumes[i] = Volume{Dir: v.lib.Dir(), Free: v.free, MinFree: v.minFree}
		for _, d := range v.days {
			f.Volumes[i].Days = append(f.Volumes[i].Days, &d.Day)
		}
	}
	return f
}
