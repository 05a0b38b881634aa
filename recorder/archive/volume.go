package archive

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	cursorName = ".archive-cursor"
	saveEvery  = time.Minute
	// reviewEvery is how often recordings that could not be copied are tried again: somebody may have mended them.
	reviewEvery = 6 * time.Hour
)

// volume is one library as far as the archive has read its journals. Archive.mu guards all but lib and id.
type volume struct {
	lib  *library.Library
	id   string // names its journals in the bucket
	days map[library.Day]*day

	dirty   bool       // the cursor on disk is older
	reading sync.Mutex // held while a journal is read and applied
}

// day is one journal.
type day struct {
	read    int64 // how much of it is applied
	settled int64 // how much of it needs nothing more: where the next process begins
	sent    int64 // how much of it is in the bucket
	sentAt  time.Time
	remote  bool   // it speaks of copies
	pending []item // recordings that are local only, by name
}

// item is a recording that may have to be copied. There can be millions after the archive was switched on.
type item struct {
	ms    int64 // its name
	bytes int64
	crc   uint32
	dur   uint32 // milliseconds, rounded up
	stage stage
}

type stage uint8

const (
	undecided stage = iota // Interest is to be asked
	wanted
	busy    // being copied
	refused // cannot be copied until someone mends it
)

func (i item) start() time.Time { return time.UnixMilli(i.ms).UTC() }
func (i item) end() time.Time   { return time.UnixMilli(i.ms + int64(i.dur)).UTC() }

// watch reads the journals' new lines and decides what is worth copying.
func (a *Archive) watch(ctx context.Context) error {
	ticker := time.NewTicker(a.opts.Poll)
	defer ticker.Stop()
	var full, saved time.Time
	reviewed := time.Now()
	failing := false
	for {
		all := full.IsZero() || time.Since(full) >= sweepJournals
		err := a.scan(ctx, all)
		if err == nil && all {
			full = time.Now()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !failing {
			a.logger.Error("archive cannot read all journals, trying again", "err", err)
		}
		failing = err != nil
		a.decide(ctx)
		a.poke()
		if time.Since(reviewed) >= reviewEvery {
			reviewed = time.Now()
			a.review()
		}
		if time.Since(saved) >= saveEvery {
			saved = time.Now()
			a.saveAll()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// scan reads what the latest journals have gained, or all. One volume that fails keeps no other from being read.
func (a *Archive) scan(ctx context.Context, all bool) error {
	var errs []error
	for _, v := range a.adopt() {
		days, err := v.lib.Days()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if all {
			a.forget(v, days)
		}
		for i, d := range days { // by date within a stream
			if ctx.Err() != nil {
				return ctx.Err()
			}
			latest := i+2 >= len(days) || days[i+2].Stream != d.Stream
			if !all && !latest {
				continue
			}
			if err := a.readJournal(v, d); err != nil {
				errs = append(errs, err)
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.arrange()
	a.scanned = a.scanned || all
	return errors.Join(errs...)
}

// adopt brings volumes in line with the libraries that are there. Only the goroutine that scans calls it.
func (a *Archive) adopt() []*volume {
	libs := a.opts.Libraries()
	out := make([]*volume, 0, len(libs))
	a.mu.Lock()
	known := a.volumes // replaced, never changed
	a.mu.Unlock()
	next := make(map[*library.Library]*volume, len(libs))
	for _, lib := range libs {
		v := known[lib]
		if v == nil {
			v = a.load(lib)
		}
		next[lib] = v
		out = append(out, v)
	}
	a.mu.Lock()
	a.volumes = next
	a.mu.Unlock()
	return out
}

// forget drops days that are no more on disk.
func (a *Archive) forget(v *volume, days []library.Day) {
	there := make(map[library.Day]bool, len(days))
	for _, d := range days {
		there[d] = true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for d := range v.days {
		if !there[d] {
			delete(v.days, d)
			v.dirty = true
		}
	}
}

// readJournal applies the lines that the journal of d has gained.
func (a *Archive) readJournal(v *volume, d library.Day) error {
	v.reading.Lock()
	defer v.reading.Unlock()
	size, err := v.lib.Size(d)
	if err != nil {
		return err
	}
	a.mu.Lock()
	st := v.days[d]
	if st == nil || size < st.read { // new, or another journal than the one that was read
		st = &day{}
		v.days[d] = st
	}
	from := st.read
	a.mu.Unlock()
	if size == from {
		return nil
	}
	var lines []library.Line
	next, _, err := v.lib.Read(d, from, func(l library.Line) error {
		if l.Recording != nil {
			l.Recording.Segments = nil // thousands of lines are held at once
		}
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range lines {
		a.apply(d.Stream, st, l)
	}
	st.read = next
	st.settle()
	v.dirty = true
	return nil
}

// apply takes the next line of a journal of stream. The caller holds mu.
func (a *Archive) apply(stream nvr.StreamID, d *day, l library.Line) {
	switch {
	case l.Recording != nil:
		d.add(l.Recording, a.opts.Interest == nil)
	case l.Deleted != nil:
		start := l.Deleted.Start().UnixMilli()
		d.pending = slices.DeleteFunc(d.pending, func(i item) bool { return i.ms >= start && i.ms < start+time.Hour.Milliseconds() })
	case l.Files != nil:
		copied := l.Files.Change == library.Archived
		d.remote = d.remote || copied
		for _, ms := range l.Files.MS {
			there := d.drop(ms)
			path := library.FilePath(stream, ms)
			if _, ours := a.inflight[path]; ours && copied && there {
				a.inflight[path] = true
			}
		}
	}
}

func (d *day) add(r *index.Recording, all bool) {
	_, ms, err := library.ParseFilePath(r.Path)
	if err != nil {
		return
	}
	i := item{ms: ms, bytes: r.Bytes, crc: r.CRC, dur: uint32(min(r.Duration, 24*time.Hour).Milliseconds()) + 1} //nolint:gosec // a day fits
	if all {
		i.stage = wanted
	}
	at, known := d.find(ms)
	if known { // journaled again, by recovery or fsck
		i.stage = d.pending[at].stage
		d.pending[at] = i
		return
	}
	d.pending = slices.Insert(d.pending, at, i)
}

func (d *day) find(ms int64) (int, bool) {
	return slices.BinarySearchFunc(d.pending, ms, func(i item, ms int64) int { return cmp.Compare(i.ms, ms) })
}

// drop takes a recording out and reports whether it was there.
func (d *day) drop(ms int64) bool {
	at, ok := d.find(ms)
	if ok {
		d.pending = slices.Delete(d.pending, at, at+1)
	}
	return ok
}

// settle notes that nothing of what was read is left to do.
func (d *day) settle() {
	if len(d.pending) == 0 {
		d.settled, d.pending = d.read, nil
	}
}

// cursor is what a process leaves for the next: an optimisation. The journals have the truth.
type cursor struct {
	Volume string               `json:"volume"`
	Only   string               `json:"only"`
	Days   map[string]cursorDay `json:"days"`
}

type cursorDay struct {
	Settled int64 `json:"settled"`
	Sent    int64 `json:"sent"`
	Remote  bool  `json:"remote"`
}

// load begins a volume where its cursor says, or at the beginning.
func (a *Archive) load(lib *library.Library) *volume {
	v := &volume{lib: lib, days: make(map[library.Day]*day), dirty: true}
	c, err := readCursor(lib.FS())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.logger.Warn("archive cursor cannot be used, reading all journals again", "err", err)
	}
	if v.id = c.Volume; !validID(v.id) {
		v.id = newID()
	}
	for name, cd := range c.Days {
		d, err := library.ParseDay(name)
		if err != nil || cd.Settled < 0 || cd.Sent < 0 {
			continue
		}
		st := &day{sent: cd.Sent}
		if c.Only == a.opts.Only { // otherwise what was left out may be wanted now
			st.read, st.settled, st.remote = cd.Settled, cd.Settled, cd.Remote
		}
		v.days[d] = st
	}
	return v
}

func readCursor(fsys library.FS) (cursor, error) {
	b, err := library.ReadFile(fsys, cursorName)
	if err != nil {
		return cursor{}, err
	}
	var c cursor
	if err := json.Unmarshal(b, &c); err != nil {
		return cursor{}, fmt.Errorf("read %s: %w", cursorName, err)
	}
	return c, nil
}

func (a *Archive) saveAll() {
	for _, v := range a.snapshot() {
		if err := a.save(v); err != nil {
			a.logger.Warn("archive cursor was not written, journals are read again at the next start", "volume", v.lib.Dir(), "err", err)
		}
	}
}

func (a *Archive) save(v *volume) error {
	a.mu.Lock()
	if !v.dirty {
		a.mu.Unlock()
		return nil
	}
	c := cursor{Volume: v.id, Only: a.opts.Only, Days: make(map[string]cursorDay, len(v.days))}
	for d, st := range v.days {
		c.Days[d.String()] = cursorDay{Settled: st.settled, Sent: st.sent, Remote: st.remote}
	}
	v.dirty = false
	a.mu.Unlock()
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("marshal archive cursor: %w", err)
	}
	if err := library.ReplaceFile(v.lib.FS(), cursorName, b); err != nil {
		return fmt.Errorf("replace archive cursor: %w", err)
	}
	return nil
}

// snapshot returns the volumes of the moment, in a fixed order.
func (a *Archive) snapshot() []*volume {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]*volume, 0, len(a.volumes))
	for _, v := range a.volumes {
		out = append(out, v)
	}
	slices.SortFunc(out, func(x, y *volume) int { return cmp.Compare(x.lib.Dir(), y.lib.Dir()) })
	return out
}

const idBytes = 4

func newID() string {
	var b [idBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func validID(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == idBytes
}

// streamLabels are the labels of a metric of stream.
func streamLabels(s nvr.StreamID) []string { return []string{string(s.Camera), string(s.Role)} }
