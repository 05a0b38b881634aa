package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// memFile is an open file of a Mem. It keeps working on its node when the name goes.
type memFile struct {
	fs       *Mem
	node     *node
	name     string
	writable bool
	pos      int64 // guarded by fs.mu
}

func (f *memFile) Read(b []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n, err := f.node.readAt(b, f.pos)
	f.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.readAt(b, off)
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.writable {
		return 0, fail("write", f.name, syscall.EBADF)
	}
	f.node.writeAt(b, off)
	return len(b), nil
}

// Writeback does nothing: what was not synced may go in a power cut whatever the device began with.
func (f *memFile) Writeback(int64, int64) {}

func (f *memFile) Writev(bufs [][]byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.writable {
		return 0, fail("write", f.name, syscall.EBADF)
	}
	total := 0
	for _, b := range bufs {
		f.node.writeAt(b, f.pos)
		f.pos += int64(len(b))
		total += len(b)
	}
	return total, nil
}

func (f *memFile) Seek(offset int64, whence int) (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += int64(len(f.node.data))
	}
	if offset < 0 {
		return 0, fail("seek", f.name, syscall.EINVAL)
	}
	f.pos = offset
	return offset, nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.writable {
		return fail("truncate", f.name, syscall.EBADF)
	}
	f.node.truncate(int(size))
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.synced, f.node.old, f.node.dirty = len(f.node.data), nil, false
	return nil
}

func (f *memFile) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.info(f.name), nil
}

func (f *memFile) Close() error { return nil }

func (n *node) readAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read at a negative offset")
	}
	if off >= int64(len(n.data)) {
		return 0, io.EOF
	}
	c := copy(b, n.data[off:])
	if c < len(b) {
		return c, io.EOF
	}
	return c, nil
}

func (n *node) writeAt(b []byte, off int64) {
	n.change(int(off))
	if end := int(off) + len(b); end > len(n.data) {
		n.data = append(n.data, make([]byte, end-len(n.data))...)
	}
	copy(n.data[off:], b)
	n.mtime = time.Now()
}

func (n *node) truncate(size int) {
	n.change(size)
	if size <= len(n.data) {
		n.data = n.data[:size]
	} else {
		n.data = append(n.data, make([]byte, size-len(n.data))...)
	}
	n.mtime = time.Now()
}

// change keeps the durable content before bytes from off on become others than those.
func (n *node) change(off int) {
	if off < n.synced && !n.dirty {
		n.old, n.dirty = slices.Clone(n.data[:n.synced]), true
		n.synced = off
	} else if n.dirty {
		n.synced = min(n.synced, off)
	}
}

func (n *node) info(name string) memInfo {
	mode := fs.FileMode(0o640)
	if n.isDir() {
		mode = fs.ModeDir | 0o750
	}
	return memInfo{name: name, size: int64(len(n.data)), mode: mode, mtime: n.mtime}
}

// memInfo describes a file of a Mem.
type memInfo struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return i.mtime }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
