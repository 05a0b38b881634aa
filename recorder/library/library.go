// Package library owns the recordings directory: where files lie, and the journals that say what they are. One
// journal per stream and day lists closed recordings, gaps and deletions, one JSON line each, append-only; what is
// in memory or in the database is derived from it. Every access goes through an os.Root, so no name can lead outside.
//
// It promises that a line is on disk whole or not at all as far as readers can see, also after a crash. It does not
// decide what to record, index or delete.
package library

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// Library is the recordings directory. Its methods may be called from any goroutine.
type Library struct {
	root *os.Root
	dir  string

	mu      sync.Mutex // serialises appends, and guards changed
	changed map[Day]struct{}
	wake    chan struct{}
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
	l := &Library{root: root, dir: dir, changed: make(map[Day]struct{}), wake: make(chan struct{}, 1)}
	if err := l.probe(); err != nil {
		return nil, errors.Join(
			fmt.Errorf("recordings directory %s cannot be written: %w; make it writable for this user or choose another", dir, err),
			root.Close())
	}
	return l, nil
}

// probe writes a byte where recordings will go. A full disk passes: it must not keep Nightjar from starting, since
// retention is what makes room.
func (l *Library) probe() error {
	const name = ".write-test"
	err := l.root.WriteFile(name, nil, 0o640)
	if err != nil && !isFull(err) {
		return err
	}
	if err := l.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Dir returns the directory as given to Open.
func (l *Library) Dir() string { return l.dir }

// Root returns the directory's root for reading and writing below it. The library closes it.
func (l *Library) Root() *os.Root { return l.root }

// Close releases the directory.
func (l *Library) Close() error { return l.root.Close() }

// Create makes the file for a recording that starts at ms, and its directories. Where the name is taken, because the
// clock stepped back, the next free millisecond is used.
func (l *Library) Create(day Day, ms int64) (*os.File, string, error) {
	for n := range int64(1000) {
		name := FilePath(day.Stream, ms+n)
		f, err := l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		if errors.Is(err, fs.ErrNotExist) {
			if err := l.root.MkdirAll(path.Dir(name), 0o750); err != nil {
				return nil, "", fmt.Errorf("create directory of %s: %w", name, err)
			}
			f, err = l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
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

// SyncDir makes the names in the directory of the recording at path survive a power cut.
func (l *Library) SyncDir(p string) error {
	d, err := l.root.Open(path.Dir(p))
	if err != nil {
		return fmt.Errorf("open directory of %s: %w", p, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Append writes lines to the journal of day with one write, and takes back a partial one.
func (l *Library) Append(day Day, lines ...Line) error {
	var b []byte
	for _, line := range lines {
		one, err := line.marshal()
		if err != nil {
			return err
		}
		b = append(b, one...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.append(day, b); err != nil {
		return fmt.Errorf("append to journal of %s: %w", day, err)
	}
	l.touch(day)
	return nil
}

func (l *Library) append(day Day, b []byte) (err error) {
	if err := l.root.MkdirAll(day.String(), 0o750); err != nil {
		return err
	}
	f, err := l.root.OpenFile(journalPath(day), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, err := wholeLines(f)
	if err != nil {
		return err
	}
	if err := f.Truncate(end); err != nil { // a torn line may be longer than what follows it
		return err
	}
	if _, err := f.WriteAt(b, end); err != nil {
		return errors.Join(err, f.Truncate(end))
	}
	return nil
}

// wholeLines returns the length of f without a torn last line, which a crash may leave.
func wholeLines(f *os.File) (int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return 0, err
	}
	buf := make([]byte, 4096)
	for end := size; end > 0; {
		n := min(end, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return end - n + int64(i) + 1, nil
		}
		end -= n
	}
	return 0, nil
}

// Read calls fn for each line of day's journal from offset from on, in order, and returns the offset behind the last
// whole line. Damaged lines are skipped and counted. A day without a journal has no lines. An error of fn ends it.
func (l *Library) Read(day Day, from int64, fn func(Line) error) (next int64, damaged int, err error) {
	f, err := l.root.Open(journalPath(day))
	if errors.Is(err, fs.ErrNotExist) {
		return from, 0, nil
	}
	if err != nil {
		return from, 0, fmt.Errorf("open journal of %s: %w", day, err)
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return from, 0, fmt.Errorf("read journal of %s: %w", day, err)
	}
	return readLines(day, f, from, fn)
}

// maxLine bounds a journal line: a minute of key frames each 100 ms is 25 kB.
const maxLine = 1 << 20

func readLines(day Day, r io.Reader, from int64, fn func(Line) error) (next int64, damaged int, err error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	length := int64(0)
	next = from
	for {
		chunk, err := br.ReadSlice('\n')
		length += int64(len(chunk))
		if length <= maxLine {
			line = append(line, chunk...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return next, damaged, nil // a line without its end is not there yet
		}
		if err != nil {
			return next, damaged, fmt.Errorf("read journal of %s: %w", day, err)
		}
		parsed, perr := parseLine(day, line)
		parsed.Next = next + length
		if length > maxLine || perr != nil {
			damaged++
		} else if err := fn(parsed); err != nil {
			return next, damaged, err
		}
		next += length
		line, length = line[:0], 0
	}
}

// Recordings returns the recordings of day's journal from offset from on that were not deleted, and the days' hours
// that were.
func (l *Library) Recordings(day Day, from int64) (recs []index.Recording, deleted []Hour, err error) {
	_, _, err = l.Read(day, from, func(line Line) error {
		switch {
		case line.Recording != nil:
			recs = append(recs, *line.Recording)
		case line.Deleted != nil:
			deleted = append(deleted, *line.Deleted)
			recs = slices.DeleteFunc(recs, func(r index.Recording) bool {
				h, err := HourOf(r.Path)
				return err == nil && h == *line.Deleted
			})
		}
		return nil
	})
	return recs, deleted, err
}

// Size returns the length of day's journal, 0 when there is none.
func (l *Library) Size(day Day) (int64, error) {
	info, err := l.root.Stat(journalPath(day))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at journal of %s: %w", day, err)
	}
	return info.Size(), nil
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
		entries, err := fs.ReadDir(l.root.FS(), hour.String())
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
	entries, err := fs.ReadDir(l.root.FS(), p)
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
	if err := l.root.RemoveAll(h.String()); err != nil {
		return fmt.Errorf("remove %s: %w", h, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touch(h.Day)
	return nil
}

// ErrDayInUse says that a day has recordings, or lines that its remover has not read.
var ErrDayInUse = errors.New("day is in use")

// RemoveDay deletes the journal and the directory of a day that has no hour directory left and whose journal has no line
// behind offset read: ErrDayInUse otherwise. Nothing can be appended in between.
func (l *Library) RemoveDay(day Day, read int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
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
	if err := l.root.RemoveAll(day.String()); err != nil {
		return fmt.Errorf("remove %s: %w", day, err)
	}
	delete(l.changed, day)
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

// Wake is signalled when Changed has something to say. It is for one listener.
func (l *Library) Wake() <-chan struct{} { return l.wake }

func (l *Library) touch(day Day) {
	l.changed[day] = struct{}{}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func journalPath(day Day) string { return day.String() + "/" + journalName }
