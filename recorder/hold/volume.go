package hold

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

const (
	fileName = ".holds.jsonl"
	// slack is how much a file may grow beyond twice what it need be before it is rewritten.
	slack = 64 << 10
)

// volume is the holds file of one volume.
type volume struct {
	lib     *library.Library
	unread  error    // why its file could not be read
	says    *content // what was read of it, until compared
	seen    stamp    // its file after it was last read or written
	behind  bool     // its file does not say what the set says
	failing bool     // it could not be written; logged
	kept    [][]byte // lines of it that were not understood
	damaged int
	size    int64 // of its whole lines
	need    int64 // size after it was last rewritten
}

// refresh needs the lock, like everything below.
func (s *Set) refresh() {
	libs := s.libraries()
	now := make(map[*library.Library]*volume, len(libs))
	for _, lib := range libs {
		if now[lib] = s.volumes[lib]; now[lib] == nil {
			now[lib] = &volume{lib: lib, unread: errNew}
		}
		now[lib].check()
	}
	s.volumes = now
	s.join()
	for _, v := range now {
		if v.unread == nil && v.behind {
			s.wrote(v, s.rewrite(v))
		}
	}
}

var errNew = errors.New("not read yet")

// stamp tells whether a file is the one it was.
type stamp struct {
	size int64
	time time.Time
}

func (v *volume) stamp() (stamp, error) {
	info, err := v.lib.FS().Stat(fileName)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}

// check has the file of v read again if somebody else wrote it, such as when another disk was mounted.
func (v *volume) check() {
	if v.unread != nil {
		return
	}
	if now, err := v.stamp(); err != nil || now != v.seen {
		v.unread = errNew
	}
}

// join reads the files that were not read yet into the set, and finds out which files do not say all of it.
func (s *Set) join() {
	holds, released := len(s.holds), len(s.released)
	came := false
	for _, v := range s.volumes {
		if v.unread != nil && s.read(v) {
			came = true
		}
	}
	if !came && s.cover.Load() != nil {
		return
	}
	s.cover.Store(newCover(s.holds))
	grew := len(s.holds) != holds || len(s.released) != released
	need := int64(0)
	if b, err := render(s.holds, s.released, nil); err == nil {
		need = int64(len(b))
	}
	for _, v := range s.volumes {
		switch {
		case v.unread != nil:
		case v.says != nil: // a part of the set, so counting is enough
			v.need = need
			v.behind = s.held(v.says) != len(s.holds) || len(v.says.released) != len(s.released) || v.size > 2*v.need+slack
			v.says = nil
		default:
			v.behind = v.behind || grew
		}
	}
}

// read joins the file of v with the set.
func (s *Set) read(v *volume) (ok bool) {
	var c *content
	seen, err := v.stamp()
	if err == nil {
		c, err = load(v.lib.FS())
	}
	if err != nil {
		if errors.Is(v.unread, errNew) {
			s.logger.Warn("holds of a volume cannot be read, trying again", "volume", v.lib.Dir(), "err", err)
		}
		v.unread = fmt.Errorf("holds of volume %s cannot be read: %w; check the disk", v.lib.Dir(), err)
		return false
	}
	v.unread, v.seen, v.says, v.kept, v.damaged, v.size = nil, seen, c, c.kept, len(c.kept), c.whole
	if v.damaged > 0 {
		s.logger.Warn("holds file has lines that are not understood, they are kept", "volume", v.lib.Dir(), "lines", v.damaged)
	}
	for id := range c.released {
		s.released[id] = struct{}{}
		delete(s.holds, id)
	}
	for id, h := range c.holds {
		if _, gone := s.released[id]; !gone {
			s.holds[id] = h
		}
	}
	return true
}

// held returns how many holds of c are not released.
func (s *Set) held(c *content) (n int) {
	for id := range c.holds {
		if _, gone := s.released[id]; !gone {
			n++
		}
	}
	return n
}

func load(fsys library.FS) (*content, error) {
	f, err := fsys.OpenFile(fileName, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return parse(bytes.NewReader(nil))
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parse(f)
}

// write brings line, which the set knows already, to every volume. One is enough.
func (s *Set) write(line []byte) error {
	taken := false
	var errs []error
	for _, v := range s.volumes {
		if v.unread != nil {
			errs = append(errs, v.unread)
			continue
		}
		err := errNew
		if !v.behind && v.size+int64(len(line)) <= 2*v.need+slack {
			err = v.append(line)
		}
		if err != nil {
			err = s.rewrite(v)
		}
		s.wrote(v, err)
		if err != nil {
			errs = append(errs, fmt.Errorf("volume %s: %w", v.lib.Dir(), err))
			continue
		}
		taken = true
	}
	if taken {
		return nil
	}
	// What failed must not come true later: every file is rewritten from the set before it is appended to.
	for _, v := range s.volumes {
		v.behind = true
	}
	return &nvr.Error{
		Code: nvr.CodeUnavailable, Err: errors.Join(errs...),
		Message: "no volume can store the change of a hold; make some space or check the disks, then try again",
	}
}

// wrote notes how writing to v went.
func (s *Set) wrote(v *volume, err error) {
	if err != nil && !v.failing {
		s.logger.Error("holds of a volume cannot be written, trying again", "volume", v.lib.Dir(), "err", err)
	}
	v.failing, v.behind = err != nil, err != nil
	if v.seen, err = v.stamp(); err != nil {
		v.unread = errNew
	}
}

// append adds a line and forces it to the device. What a crash left of another line is cut off before.
func (v *volume) append(line []byte) (err error) {
	f, err := v.lib.FS().OpenFile(fileName, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end < v.size {
		return fmt.Errorf("%s has become shorter, it will be written anew", fileName)
	}
	if err := f.Truncate(v.size); err != nil {
		return err
	}
	if _, err := f.WriteAt(line, v.size); err != nil {
		return errors.Join(err, f.Truncate(v.size))
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Truncate(v.size))
	}
	if v.size == 0 {
		if err := v.lib.FS().SyncDir("."); err != nil {
			return err
		}
	}
	v.size += int64(len(line))
	return nil
}

// rewrite replaces the file of v by the shortest one that says what the set says.
func (s *Set) rewrite(v *volume) error {
	b, err := render(s.holds, s.released, v.kept)
	if err != nil {
		return err
	}
	fsys := v.lib.FS()
	if err := library.ReplaceFile(fsys, fileName, b); err != nil {
		return err
	}
	if err := fsys.SyncDir("."); err != nil {
		return err
	}
	v.size, v.need = int64(len(b)), int64(len(b))
	return nil
}
