// Package library owns the recordings directory: where files lie, and the journals that say what they are. One
// journal per stream and day lists closed recordings, gaps and deletions, one JSON line each, append-only; what is
// in memory or in the database is derived from it. Every access goes through an FS, so no name can lead outside.
//
// It promises that a line is on disk whole or not at all as far as readers can see, also after a crash. It does not
// decide what to record, index or delete.
package library

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Library is the recordings directory of one volume. Its methods may be called from any goroutine.
type Library struct {
	fs   FS
	name string

	mu       sync.Mutex
	changed  map[Day]struct{}
	grown    map[Day]int64                // length of journals that this process appended to
	named    map[Day]struct{}             // days whose journal's name is on the device
	journals map[nvr.StreamID]*sync.Mutex // serialise appends to a stream's journals
	wake     chan struct{}
}

// Open creates dir if it is absent and makes sure that it can be written. The error names dir and what to do.
func Open(dir string) (*Library, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("recordings directory %s cannot be created: %w; create it or choose another in the configuration", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("recordings directory %s cannot be opened: %w; make it readable for this user or choose another", dir, err)
	}
	l, err := OpenFS(osFS{root}, dir)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return l, nil
}

// OpenFS is Open on any file system, which is called name in errors. The library closes it; on an error the caller does.
func OpenFS(fsys FS, name string) (*Library, error) {
	l := newLibrary(fsys, name)
	if err := l.probe(); err != nil {
		return nil, fmt.Errorf("recordings directory %s cannot be written: %w; make it writable for this user or choose another", name, err)
	}
	return l, nil
}

func newLibrary(fsys FS, name string) *Library {
	return &Library{
		fs: fsys, name: name, changed: make(map[Day]struct{}), grown: make(map[Day]int64), named: make(map[Day]struct{}),
		journals: make(map[nvr.StreamID]*sync.Mutex), wake: make(chan struct{}, 1),
	}
}

// probe makes a file where recordings will go. A full disk passes: it must not keep Nightjar from starting, since
// retention is what makes room.
func (l *Library) probe() error {
	const name = ".write-test"
	f, err := l.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !isFull(err) {
		return err
	}
	if err := l.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Dir returns the directory as given to Open, or the name given to OpenFS.
func (l *Library) Dir() string { return l.name }

// FS returns the directory's file system for reading and writing below it. The library closes it.
func (l *Library) FS() FS { return l.fs }

// Close releases the directory.
func (l *Library) Close() error { return l.fs.Close() }

// Create makes the file for a recording that starts at ms, and its directories. Where the name is taken, because the
// clock stepped back, the next free millisecond is used.
func (l *Library) Create(day Day, ms int64) (File, string, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	for n := range int64(1000) {
		name := FilePath(day.Stream, ms+n)
		f, err := l.fs.OpenFile(name, flags, 0o640)
		for range 3 { // whoever deletes may take the empty directory away again
			if !errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err := l.makeDir(path.Dir(name)); err != nil {
				return nil, "", fmt.Errorf("create directory of %s: %w", name, err)
			}
			f, err = l.fs.OpenFile(name, flags, 0o640)
		}
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, "", fmt.Errorf("create recording: %w", err)
		}
		return f, name, nil
	}
	return nil, "", fmt.Errorf("create recording: no free name from %s on", FilePath(day.Stream, ms))
}

// makeDir makes the directories down to p. Their names survive a power cut.
func (l *Library) makeDir(p string) error {
	if err := l.fs.MkdirAll(p, 0o750); err != nil {
		return err
	}
	for p != "." {
		p = path.Dir(p)
		if err := l.fs.SyncDir(p); err != nil {
			return err
		}
	}
	return nil
}

// SyncDir makes the names in the directory of the recording at path survive a power cut.
func (l *Library) SyncDir(p string) error {
	if err := l.fs.SyncDir(path.Dir(p)); err != nil {
		return fmt.Errorf("sync directory of %s: %w", p, err)
	}
	return nil
}

// Days returns all days on disk by stream and date. What is not named like a day is ignored.
func (l *Library) Days() ([]Day, error) {
	var out []Day
	cameras, err := l.list(".")
	if err != nil {
		return nil, err
	}
	for _, camera := range cameras {
		roles, err := l.list(camera)
		if err != nil {
			return nil, err
		}
		for _, role := range roles {
			dates, err := l.list(camera + "/" + role)
			if err != nil {
				return nil, err
			}
			for _, date := range dates {
				if day, err := ParseDay(camera + "/" + role + "/" + date); err == nil {
					out = append(out, day)
				}
			}
		}
	}
	return out, nil
}

// Hours returns the hour directories of day that are on disk.
func (l *Library) Hours(day Day) ([]Hour, error) {
	names, err := l.list(day.String())
	if err != nil {
		return nil, err
	}
	var out []Hour
	for _, n := range names {
		hour, err := strconv.Atoi(n)
		if h := (Hour{Day: day, Hour: hour}); err == nil && h.String() == day.String()+"/"+n && hour < 24 {
			out = append(out, h)
		}
	}
	return out, nil
}

// Files returns the paths of all recordings of day that are on disk, in order of their start.
func (l *Library) Files(day Day) ([]string, error) {
	hours, err := l.Hours(day)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, hour := range hours {
		entries, err := l.fs.ReadDir(hour.String())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list %s: %w", hour, err)
		}
		for _, e := range entries {
			p := hour.String() + "/" + e.Name()
			if _, _, err := ParseFilePath(p); err == nil {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// list returns the names of the directories below p, sorted; hidden ones are not ours to touch.
func (l *Library) list(p string) ([]string, error) {
	entries, err := l.fs.ReadDir(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", p, err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// RemoveHour deletes the files of h and their directory, and wakes whoever waits for the day to become empty. What is
// gone already is no error.
func (l *Library) RemoveHour(h Hour) error {
	if err := l.fs.RemoveAll(h.String()); err != nil {
		return fmt.Errorf("remove %s: %w", h, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch(h.Day)
	return nil
}

// RemoveFiles deletes the recordings of stream named by their milliseconds, and hour directories that become empty. What
// is gone already is no error.
func (l *Library) RemoveFiles(stream nvr.StreamID, names []int64) error {
	var errs []error
	for _, ms := range names {
		p := FilePath(stream, ms)
		if err := l.fs.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove %s: %w", p, err))
			continue
		}
		_ = l.fs.Remove(path.Dir(p)) // fails while others are in it
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ms := range names {
		if h, err := HourOf(FilePath(stream, ms)); err == nil {
			l.touch(h.Day)
		}
	}
	return errors.Join(errs...)
}

// ErrDayInUse says that a day has recordings, or lines that its remover has not read.
var ErrDayInUse = errors.New("day is in use")

// RemoveDay deletes the journal and the directory of a day that has no hour directory left and whose journal has no line
// behind offset read: ErrDayInUse otherwise. Nothing can be appended in between.
func (l *Library) RemoveDay(day Day, read int64) error {
	defer l.lock(day.Stream).Unlock()
	hours, err := l.list(day.String())
	if err != nil {
		return err
	}
	next, _, err := l.Read(day, read, func(Line) error { return nil })
	if err != nil {
		return err
	}
	if len(hours) > 0 || next != read {
		return fmt.Errorf("remove %s: %w", day, ErrDayInUse)
	}
	if err := l.fs.RemoveAll(day.String()); err != nil {
		return fmt.Errorf("remove %s: %w", day, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.changed, day)
	delete(l.grown, day)
	delete(l.named, day)
	return nil
}

// Changed returns the days whose journals grew or whose hours went since the last call. Wake says when to call.
func (l *Library) Changed() []Day {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Day
	for d := range l.changed {
		out = append(out, d)
	}
	clear(l.changed)
	return out
}

// Grown returns the length of day's journal if this process has appended to it: without a look at the disk it tells
// whether somebody who has read so far has read all.
func (l *Library) Grown(day Day) (size int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size, ok = l.grown[day]
	return size, ok
}

// lock returns the mutex of stream's journals, locked.
func (l *Library) lock(stream nvr.StreamID) *sync.Mutex {
	l.mu.Lock()
	m := l.journals[stream]
	if m == nil {
		m = new(sync.Mutex)
		l.journals[stream] = m
	}
	l.mu.Unlock()
	m.Lock()
	return m
}

// Wake is signalled when Changed has something to say. It is for one listener.
func (l *Library) Wake() <-chan struct{} { return l.wake }

func (l *Library) touch(day Day) {
	l.changed[day] = struct{}{}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
