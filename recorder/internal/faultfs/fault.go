// Package faultfs makes a volume's file system misbehave for tests: FS lets single operations fail, Mem is a file system
// in memory that can tell what a power cut would have left of it. It knows nothing of recordings.
package faultfs

import (
	"io/fs"
	"sync/atomic"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Kind says what an operation does.
type Kind string

// The kinds of operations.
const (
	Open      Kind = "open" // also creates, with that flag
	Mkdir     Kind = "mkdir"
	Remove    Kind = "remove"
	RemoveAll Kind = "removeall"
	Rename    Kind = "rename"
	Stat      Kind = "stat"
	ReadDir   Kind = "readdir"
	SyncDir   Kind = "syncdir"
	Read      Kind = "read"
	Write     Kind = "write"
	Truncate  Kind = "truncate"
	Sync      Kind = "sync"
)

// Op is one operation on a file system.
type Op struct {
	N    int // how many went before it
	Kind Kind
	Name string
}

// FS counts the operations on the file system below it and asks before each of them whether it shall fail. Closing is
// not counted and never fails. A write that fails has written half of its bytes before.
type FS struct {
	inner library.FS
	check func(Op) error
	ops   atomic.Int64
}

var _ library.FS = (*FS)(nil)

// Wrap returns inner with check called before each operation, from the operation's goroutine; an error that it returns
// becomes the operation's.
func Wrap(inner library.FS, check func(Op) error) *FS {
	return &FS{inner: inner, check: check}
}

// FailAt returns a check that fails operation n, counted from 0, and no other.
func FailAt(n int, err error) func(Op) error {
	return func(op Op) error {
		if op.N == n {
			return err
		}
		return nil
	}
}

// Ops returns how many operations there were.
func (f *FS) Ops() int { return int(f.ops.Load()) }

func (f *FS) before(kind Kind, name string) error {
	err := f.check(Op{N: int(f.ops.Add(1)) - 1, Kind: kind, Name: name})
	if err != nil {
		return &fs.PathError{Op: string(kind), Path: name, Err: err}
	}
	return nil
}

// OpenFile implements library.FS.
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (library.File, error) {
	if err := f.before(Open, name); err != nil {
		return nil, err
	}
	file, err := f.inner.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fs: f, name: name}, nil
}

// MkdirAll implements library.FS.
func (f *FS) MkdirAll(name string, perm fs.FileMode) error {
	if err := f.before(Mkdir, name); err != nil {
		return err
	}
	return f.inner.MkdirAll(name, perm)
}

// Remove implements library.FS.
func (f *FS) Remove(name string) error {
	if err := f.before(Remove, name); err != nil {
		return err
	}
	return f.inner.Remove(name)
}

// RemoveAll implements library.FS.
func (f *FS) RemoveAll(name string) error {
	if err := f.before(RemoveAll, name); err != nil {
		return err
	}
	return f.inner.RemoveAll(name)
}

// Rename implements library.FS.
func (f *FS) Rename(from, to string) error {
	if err := f.before(Rename, from); err != nil {
		return err
	}
	return f.inner.Rename(from, to)
}

// Stat implements library.FS.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	if err := f.before(Stat, name); err != nil {
		return nil, err
	}
	return f.inner.Stat(name)
}

// ReadDir implements library.FS.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.before(ReadDir, name); err != nil {
		return nil, err
	}
	return f.inner.ReadDir(name)
}

// SyncDir implements library.FS.
func (f *FS) SyncDir(name string) error {
	if err := f.before(SyncDir, name); err != nil {
		return err
	}
	return f.inner.SyncDir(name)
}

// Close implements library.FS.
func (f *FS) Close() error { return f.inner.Close() }

type faultFile struct {
	library.File
	fs   *FS
	name string
}

func (f *faultFile) Read(b []byte) (int, error) {
	if err := f.fs.before(Read, f.name); err != nil {
		return 0, err
	}
	return f.File.Read(b)
}

func (f *faultFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.fs.before(Read, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

func (f *faultFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fs.before(Write, f.name); err != nil {
		n, werr := f.File.WriteAt(b[:len(b)/2], off)
		if werr != nil {
			return n, werr
		}
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f *faultFile) Writev(bufs [][]byte) (int, error) {
	if err := f.fs.before(Write, f.name); err != nil {
		n, werr := f.File.Writev(half(bufs))
		if werr != nil {
			return n, werr
		}
		return n, err
	}
	return f.File.Writev(bufs)
}

// half returns the first half of the bytes in bufs.
func half(bufs [][]byte) [][]byte {
	left := 0
	for _, b := range bufs {
		left += len(b)
	}
	left /= 2
	var out [][]byte
	for _, b := range bufs {
		b = b[:min(left, len(b))]
		out = append(out, b)
		left -= len(b)
	}
	return out
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.before(Truncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Sync() error {
	if err := f.fs.before(Sync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) Stat() (fs.FileInfo, error) {
	if err := f.fs.before(Stat, f.name); err != nil {
		return nil, err
	}
	return f.File.Stat()
}
