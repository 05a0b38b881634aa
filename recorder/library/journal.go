package library

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Append writes lines to the journal of day with one write, and takes back a partial one. Lines after which somebody
// deletes are on the device when it returns.
func (l *Library) Append(day Day, lines ...Line) error {
	var b []byte
	durable := false
	for _, line := range lines {
		one, err := line.marshal()
		if err != nil {
			return err
		}
		if len(one) > maxLine { // whoever reads it would skip it
			return fmt.Errorf("append to journal of %s: a line of %d bytes, %d at most", day, len(one), maxLine)
		}
		b = append(b, one...)
		durable = durable || line.Deleted != nil || line.Files != nil
	}
	f, err := l.append(day, b)
	if err == nil {
		if durable { // outside of the lock: the writers of other streams do not wait for the device
			err = l.sync(day, f)
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("append to journal of %s: %w", day, err)
	}
	return nil
}

// Sync forces day's journal to the device: whoever derives something from it that outlives a power cut calls it before. A
// day without a journal needs none.
func (l *Library) Sync(day Day) error {
	f, err := l.fs.OpenFile(journalPath(day), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(l.sync(day, f), f.Close())
	}
	if err != nil {
		return fmt.Errorf("sync journal of %s: %w", day, err)
	}
	return nil
}

// sync forces the journal f of day to the device, and its name, once in the life of a process.
func (l *Library) sync(day Day, f File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	l.mu.Lock()
	_, ok := l.named[day]
	l.mu.Unlock()
	if ok {
		return nil
	}
	if err := l.fs.SyncDir(day.String()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.named[day] = struct{}{}
	return nil
}

// append returns the journal, open.
func (l *Library) append(day Day, b []byte) (f File, err error) {
	defer l.lock(day.Stream).Unlock()
	const flags = os.O_RDWR | os.O_CREATE
	if f, err = l.fs.OpenFile(journalPath(day), flags, 0o640); errors.Is(err, fs.ErrNotExist) {
		if err := l.makeDir(day.String()); err != nil {
			return nil, err
		}
		f, err = l.fs.OpenFile(journalPath(day), flags, 0o640)
	}
	if err != nil {
		return nil, err
	}
	size, err := appendLines(f, b)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grown[day] = size
	l.touch(day)
	return f, nil
}

// appendLines returns the length of f behind b.
func appendLines(f File, b []byte) (int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	end, err := wholeLines(f, size)
	if err != nil {
		return 0, err
	}
	if end < size { // a torn line may be longer than what follows it
		if err := f.Truncate(end); err != nil {
			return 0, err
		}
	}
	if _, err := f.WriteAt(b, end); err != nil {
		return 0, errors.Join(err, f.Truncate(end))
	}
	return end + int64(len(b)), nil
}

// wholeLines returns the length of f, now size, without a torn last line, which a crash may leave.
func wholeLines(f File, size int64) (int64, error) {
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
	f, err := l.fs.OpenFile(journalPath(day), os.O_RDONLY, 0)
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

// Ledger reads day's journal from offset from on. Changes to recordings whose lines lie before from are not in it.
func (l *Library) Ledger(day Day, from int64) (*Ledger, error) {
	var led Ledger
	_, _, err := l.Read(day, from, func(line Line) error {
		led.Apply(line)
		return nil
	})
	return &led, err
}

// Size returns the length of day's journal, 0 when there is none.
func (l *Library) Size(day Day) (int64, error) {
	info, err := l.fs.Stat(journalPath(day))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at journal of %s: %w", day, err)
	}
	return info.Size(), nil
}

func journalPath(day Day) string { return day.String() + "/" + journalName }
