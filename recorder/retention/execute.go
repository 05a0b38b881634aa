package retention

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	// stepFiles and stepBytes bound what is removed at once: freeing blocks holds up those who write.
	stepFiles = 16
	stepBytes = 256 << 20
	// breath is the pause after each step.
	breath = 50 * time.Millisecond
	// stepsPerPass bounds a pass, so that a shortage elsewhere is seen soon.
	stepsPerPass = 100
)

func breathe(ctx context.Context) error {
	t := time.NewTimer(breath)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// group is what goes of one hour for one reason, with one journal line; orphans may be of several hours and need none.
type group struct {
	vol    *volume
	day    *tracked
	hour   int
	reason Reason
	names  []int64
	bytes  []int64
	ends   []int64 // UTC milliseconds; nil for orphans
	whole  bool    // nothing of this past hour is left
	offset int64   // how far the journal was known

	present map[int64]bool // what of names is on disk
	kept    []int64        // what was given up and is still there
}

// owed is a journal line for which there was no room when its files had gone.
type owed struct {
	vol  *volume
	day  library.Day
	line library.Line
}

// groups makes work of a plan, what a volume is short of first. It needs the lock; the groups do not.
func (k *Keeper) groups(f Facts, plan []Deletion) []group {
	type key struct {
		day    *Day
		hour   int
		reason Reason
	}
	var out []group
	known := make(map[key]int)
	for _, d := range plan {
		at := key{d.Day, d.Day.hour(d.Index), d.Reason}
		i, ok := known[at]
		if !ok {
			vol := k.volumes[d.Volume]
			day := vol.days[d.Day.Day]
			i = len(out)
			known[at] = i
			out = append(out, group{vol: vol, day: day, hour: at.hour, reason: d.Reason, offset: day.offset})
		}
		g := &out[i]
		g.names = append(g.names, d.Day.name(d.Index))
		g.bytes = append(g.bytes, d.Day.Recs[d.Index].Bytes())
		g.ends = append(g.ends, d.Day.end(d.Index))
	}
	for i := range out {
		g := &out[i]
		from, to := g.day.ofHour(g.hour)
		end := g.day.Day.Day.Start().Add(time.Duration(g.hour+1) * time.Hour)
		g.whole = to-from == len(g.names) && f.Now.Sub(end) > f.OpenFor+time.Minute
	}
	slices.SortStableFunc(out, func(a, b group) int { return urgency(a) - urgency(b) })
	return out
}

func urgency(g group) int {
	if g.reason == BySpace {
		return 0
	}
	return 1
}

// tally counts what went, by reason.
type tally map[Reason]struct{ files, bytes int64 }

// carryOut deletes until a pass has done enough; more says that there is work left.
func (k *Keeper) carryOut(ctx context.Context, work []group) (more bool, err error) {
	steps := 0
	var errs []error
	done := make(tally)
	for _, g := range work {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if steps >= stepsPerPass {
			more = true
			break
		}
		n, err := k.delete(ctx, g, done)
		steps += n
		if err != nil {
			errs = append(errs, err)
		}
	}
	for why, t := range done {
		k.logger.Info("deleted recordings", "reason", string(why), "files", t.files, "bytes", t.bytes)
	}
	return more, errors.Join(errs...)
}

// delete gives up the files of a group (recorder/docs/recording.md, procedure "delete"): the journal says so and is on the
// device, then the files go in small steps. Where there is no room for the line, the first files go before it.
func (k *Keeper) delete(ctx context.Context, g group, done tally) (steps int, err error) {
	g.spare(k)
	if len(g.names) == 0 {
		return 0, nil
	}
	strangers, err := g.list()
	if err != nil {
		return 0, err
	}
	day := g.day.Day.Day
	line := g.line(strangers, k.remains(g.day))
	full := error(nil)
	if line != nil {
		if full = g.vol.lib.Append(day, *line); full != nil && !isFull(full) {
			return 0, errors.Join(fmt.Errorf("give up recordings of %s: %w", day, full), k.reread(g))
		}
	}
	g.dropAbsent()
	var errs []error
	for len(g.names) > 0 && ctx.Err() == nil {
		n := g.step()
		names := g.names[:n]
		if err := g.vol.lib.RemoveFiles(day.Stream, names); err != nil {
			errs = append(errs, err)
		}
		g.gone(names)
		k.count(g, n, done)
		g.names, g.bytes = g.names[n:], g.bytes[n:]
		steps++
		if full != nil {
			full = g.vol.lib.Append(day, *line)
		}
		if err := k.pause(ctx); err != nil {
			break
		}
	}
	if steps > 0 {
		errs = append(errs, g.sync())
	}
	g.kept = append(g.kept, g.names...)
	k.note(g, full, line)
	if full != nil {
		errs = append(errs, fmt.Errorf("give up recordings of %s: %w", day, full))
	}
	return steps, errors.Join(errs...)
}

// reread finds out whether a line is in the journal although writing it failed.
func (k *Keeper) reread(g group) error {
	_ = k.acquire(context.Background()) // cannot fail: that context never ends
	defer k.release()
	return g.day.read(g.vol.lib)
}

// sync makes the removal durable before the journal gets its next line: after a power cut, too, only what the last line
// names can be there again.
func (g *group) sync() error {
	done := make(map[string]bool)
	for ms := range g.present {
		dir := path.Dir(library.FilePath(g.day.Stream, ms))
		if done[dir] {
			continue
		}
		done[dir] = true
		fsys := g.vol.lib.FS()
		if err := fsys.Remove(dir); err == nil || errors.Is(err, fs.ErrNotExist) { // it went with its last file
			dir = path.Dir(dir)
		}
		if err := fsys.SyncDir(dir); err != nil {
			return fmt.Errorf("sync %s: %w", dir, err)
		}
	}
	return nil
}

func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// spare takes out what is held by now.
func (g *group) spare(k *Keeper) {
	if k.opts.Holds == nil {
		return
	}
	stream := g.day.Stream
	keep := 0
	for i, ms := range g.names {
		end := ms + 1
		if g.ends != nil {
			end = g.ends[i]
		}
		if k.opts.Holds.Covers(stream, time.UnixMilli(ms), time.UnixMilli(end)) {
			g.whole = false
			continue
		}
		g.names[keep], g.bytes[keep] = ms, g.bytes[i]
		keep++
	}
	g.names, g.bytes = g.names[:keep], g.bytes[:keep]
}

// list finds out which files of the group are there, and whether its hour has others. Directories that are empty go.
func (g *group) list() (strangers bool, err error) {
	g.present = make(map[int64]bool)
	ours := make(map[int64]bool, len(g.names))
	dirs := make(map[string]bool)
	for _, ms := range g.names {
		ours[ms] = true
		h, err := library.HourOf(library.FilePath(g.day.Stream, ms))
		if err != nil {
			return false, err
		}
		dirs[h.String()] = true
	}
	for dir := range dirs {
		entries, err := g.vol.lib.FS().ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("list %s: %w", dir, err)
		}
		if err == nil && len(entries) == 0 {
			_ = g.vol.lib.FS().Remove(dir) // somebody may be creating a file in it
		}
		for _, e := range entries {
			if _, ms, err := library.ParseFilePath(dir + "/" + e.Name()); err == nil && ours[ms] {
				g.present[ms] = true
				continue
			}
			strangers = true
		}
	}
	return strangers, nil
}

// dropAbsent takes out what is not there any more: its line is written, or was before.
func (g *group) dropAbsent() {
	keep := 0
	for i, ms := range g.names {
		if g.present[ms] {
			g.names[keep], g.bytes[keep] = ms, g.bytes[i]
			keep++
		}
	}
	g.names, g.bytes = g.names[:keep], g.bytes[:keep]
}

// remains returns what of a day was given up before and is still there.
func (k *Keeper) remains(d *tracked) []int64 {
	_ = k.acquire(context.Background()) // cannot fail: that context never ends
	defer k.release()
	return slices.Sorted(maps.Keys(d.left))
}

// line returns what the journal shall say, nil when it says so already. The whole hour is only given up where nothing else
// is in it and nothing was written about it since the plan. What remains of before is named again, because after a crash
// only the last such line of a journal is looked at.
func (g *group) line(strangers bool, remains []int64) *library.Line {
	if g.reason == ByOrphan {
		return nil
	}
	day := g.day.Day.Day
	size, err := g.vol.lib.Size(day)
	if g.whole && !strangers && len(remains) == 0 && err == nil && size == g.offset {
		return &library.Line{Deleted: &library.Hour{Day: day, Hour: g.hour}}
	}
	return &library.Line{Files: &library.Files{Change: library.Evicted, MS: slices.Concat(g.names, remains)}}
}

// step returns how many of the remaining files go next.
func (g *group) step() int {
	n, bytes := 0, int64(0)
	for n < len(g.names) && n < stepFiles && (n == 0 || bytes+g.bytes[n] <= stepBytes) {
		bytes += g.bytes[n]
		n++
	}
	return n
}

// gone notes which of names are still there after their removal.
func (g *group) gone(names []int64) {
	for _, ms := range names {
		if _, err := g.vol.lib.FS().Stat(library.FilePath(g.day.Stream, ms)); !errors.Is(err, fs.ErrNotExist) {
			g.kept = append(g.kept, ms)
		}
	}
}

func (k *Keeper) count(g group, n int, done tally) {
	t := done[g.reason]
	for i, ms := range g.names[:n] {
		if slices.Contains(g.kept, ms) {
			continue
		}
		t.files++
		t.bytes += g.bytes[i]
		k.metrics.deleted(g.day.Stream, g.reason, g.bytes[i])
	}
	done[g.reason] = t
}

// note takes what was done into the facts, and remembers what is still there and what the journal could not be told.
func (k *Keeper) note(g group, full error, line *library.Line) {
	_ = k.acquire(context.Background()) // cannot fail: that context never ends
	defer k.release()
	switch {
	case line == nil:
		clear(g.day.left)
	case full != nil:
		k.owed = append(k.owed, owed{vol: g.vol, day: g.day.Day.Day, line: *line})
		fallthrough
	default:
		g.day.apply(*line)
	}
	for _, ms := range g.kept {
		g.day.left[ms] = struct{}{}
	}
}

// settleDebts writes the lines for which there was no room. It needs the lock.
func (k *Keeper) settleDebts() error {
	for len(k.owed) > 0 {
		o := k.owed[0]
		if err := o.vol.lib.Append(o.day, o.line); err != nil {
			return fmt.Errorf("give up recordings of %s: %w", o.day, err)
		}
		k.owed = k.owed[1:]
	}
	return nil
}
