package library

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// FS is what a volume needs of a file system. Names are slash-separated and relative to the volume. It is an interface
// so that tests can make each single operation fail, or forget what was not synced.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	MkdirAll(name string, perm fs.FileMode) error
	Remove(name string) error // a file or an empty directory
	RemoveAll(name string) error
	Rename(from, to string) error
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error) // sorted by name
	SyncDir(name string) error                  // makes the names in a directory survive a power cut
	Close() error
}

// File is an open file of an FS.
type File interface {
	io.Reader
	io.ReaderAt
	io.WriterAt
	io.Seeker
	io.Closer
	// Writev appends bufs at the file's position with one system call and returns how much was written.
	Writev(bufs [][]byte) (int, error)
	Truncate(size int64) error
	Sync() error // of the content (fdatasync)
	// Writeback has the device begin with n bytes from offset on, so that a later Sync finds little left to do. It neither waits for
	// them nor makes anything durable, and does nothing where the system cannot.
	Writeback(offset, n int64)
	Stat() (fs.FileInfo, error)
}

// ReadFile returns the content of a small file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// ReplaceFile gives a small file new content: after a crash it has the old or the new one.
func ReplaceFile(fsys FS, name string, b []byte) error {
	tmp := name + ".tmp"
	f, err := fsys.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return fsys.Rename(tmp, name)
}

// osFS is a directory of the operating system. No name leads outside of it.
type osFS struct{ root *os.Root }

func (o osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := o.root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (o osFS) MkdirAll(name string, perm fs.FileMode) error { return o.root.MkdirAll(name, perm) }
func (o osFS) Remove(name string) error                     { return o.root.Remove(name) }
func (o osFS) RemoveAll(name string) error                  { return o.root.RemoveAll(name) }
func (o osFS) Rename(from, to string) error                 { return o.root.Rename(from, to) }
func (o osFS) Stat(name string) (fs.FileInfo, error)        { return o.root.Stat(name) }
func (o osFS) ReadDir(name string) ([]fs.DirEntry, error)   { return fs.ReadDir(o.root.FS(), name) }
func (o osFS) Close() error                                 { return o.root.Close() }

func (o osFS) SyncDir(name string) error {
	d, err := o.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type osFile struct{ *os.File }

func (f osFile) Writev(bufs [][]byte) (int, error) {
	for {
		n, err := unix.Writev(int(f.Fd()), bufs)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func (f osFile) Sync() error { return unix.Fdatasync(int(f.Fd())) }

func (f osFile) Writeback(offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE) // a hint: Sync tells what is wrong with the disk
}
