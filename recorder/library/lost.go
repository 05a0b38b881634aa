package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
)

// LostAndFound is where in a volume goes what is taken out of the tree. Its name is hidden, so it is no camera's.
const LostAndFound = ".lost+found"

// SetAside moves the file at p to lost+found, under the same path. It is there, also after a power cut, when SetAside returns.
func SetAside(fsys FS, p string) error {
	to, err := freeName(fsys, p)
	if err != nil {
		return err
	}
	if err := fsys.Rename(p, to); err != nil {
		return err
	}
	return errors.Join(fsys.SyncDir(path.Dir(to)), fsys.SyncDir(path.Dir(p)))
}

// KeepTail copies what the file at p has from offset at on to lost+found, so that it can be cut off. Where it fails, nothing
// of the copy is left.
func KeepTail(fsys FS, p string, at int64) error {
	to, err := freeName(fsys, p+".tail")
	if err != nil {
		return err
	}
	in, err := fsys.OpenFile(p, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := fsys.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(out, 0), io.NewSectionReader(in, at, math.MaxInt64-at)) // may be gigabytes
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, fsys.Remove(to))
	}
	return fsys.SyncDir(path.Dir(to))
}

// Keep writes b to lost+found under the path p.
func Keep(fsys FS, p string, b []byte) error {
	to, err := freeName(fsys, p)
	if err != nil {
		return err
	}
	if err := ReplaceFile(fsys, to, b); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(to))
}

// freeName makes the directory for p in lost+found, on the device, and returns a name in it that is not taken.
func freeName(fsys FS, p string) (string, error) {
	to := path.Join(LostAndFound, p)
	if err := fsys.MkdirAll(path.Dir(to), 0o750); err != nil {
		return "", err
	}
	for dir := path.Dir(to); dir != "."; dir = path.Dir(dir) { // what is in a directory without a name is gone
		if err := fsys.SyncDir(path.Dir(dir)); err != nil {
			return "", err
		}
	}
	for n := 1; ; n++ {
		name := to
		if n > 1 {
			name = fmt.Sprintf("%s.%d", to, n)
		}
		if _, err := fsys.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
	}
}
