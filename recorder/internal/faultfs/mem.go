package faultfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Mem is a file system in memory that knows what of it would survive a power cut: contents as of their last Sync, names
// as of the last SyncDir of their directory, and perhaps more (see CrashClone). Its methods may be called from any
// goroutine.
type Mem struct {
	mu      sync.Mutex
	root    *node
	pending []change // of names, not made durable by a SyncDir yet, in order
}

var _ library.FS = (*Mem)(nil)

// node is a file or a directory. Nodes are shared between names as of now and durable names.
type node struct {
	names   map[string]*node // of a directory, now; nil for a file
	durable map[string]*node // of a directory, after a power cut without luck

	data   []byte
	synced int    // how much of data's beginning is durable, unless old is set
	old    []byte // the durable content, when what was durable was changed since
	dirty  bool   // old is set
	mtime  time.Time
}

func newDir() *node {
	return &node{names: make(map[string]*node), durable: make(map[string]*node), mtime: time.Now()}
}

func (n *node) isDir() bool { return n.names != nil }

// change is one change of names; a rename changes two in one step.
type change struct {
	dir, toDir *node // toDir only for a rename
	name, to   string
	node       *node // nil for a removal
}

// apply makes the change in the maps that pick chooses.
func (c change) apply(pick func(*node) map[string]*node) {
	switch {
	case c.toDir != nil:
		delete(pick(c.dir), c.name)
		pick(c.toDir)[c.to] = c.node
	case c.node != nil:
		pick(c.dir)[c.name] = c.node
	default:
		delete(pick(c.dir), c.name)
	}
}

func now(n *node) map[string]*node     { return n.names }
func durable(n *node) map[string]*node { return n.durable }

// NewMem returns an empty file system.
func NewMem() *Mem { return &Mem{root: newDir()} }

func (m *Mem) do(c change) {
	c.apply(now)
	m.pending = append(m.pending, c)
}

func fail(op, name string, err syscall.Errno) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// lookup returns the node at name and the directory it is in; node is nil when only the directory exists.
func (m *Mem) lookup(op, name string) (dir, n *node, base string, err error) {
	name = path.Clean(name)
	if name == "." {
		return nil, m.root, ".", nil
	}
	if !fs.ValidPath(name) {
		return nil, nil, "", fail(op, name, syscall.EINVAL)
	}
	dir = m.root
	elems := strings.Split(name, "/")
	for _, e := range elems[:len(elems)-1] {
		switch dir = dir.names[e]; {
		case dir == nil:
			return nil, nil, "", fail(op, name, syscall.ENOENT)
		case !dir.isDir():
			return nil, nil, "", fail(op, name, syscall.ENOTDIR)
		}
	}
	base = elems[len(elems)-1]
	return dir, dir.names[base], base, nil
}

func (m *Mem) existing(op, name string) (dir, n *node, base string, err error) {
	dir, n, base, err = m.lookup(op, name)
	if err == nil && n == nil {
		err = fail(op, name, syscall.ENOENT)
	}
	return dir, n, base, err
}

// OpenFile implements library.FS. Directories cannot be opened.
func (m *Mem) OpenFile(name string, flag int, _ fs.FileMode) (library.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, n, base, err := m.lookup("open", name)
	switch {
	case err != nil:
		return nil, err
	case n == nil && flag&os.O_CREATE == 0:
		return nil, fail("open", name, syscall.ENOENT)
	case n != nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, fail("open", name, syscall.EEXIST)
	case n != nil && n.isDir():
		return nil, fail("open", name, syscall.EISDIR)
	case n == nil:
		n = &node{mtime: time.Now()}
		m.do(change{dir: dir, name: base, node: n})
	}
	if flag&os.O_TRUNC != 0 {
		n.truncate(0)
	}
	f := &memFile{fs: m, node: n, name: name, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}
	if flag&os.O_APPEND != 0 {
		f.pos = int64(len(n.data))
	}
	return f, nil
}

// MkdirAll implements library.FS.
func (m *Mem) MkdirAll(name string, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir := m.root
	for _, e := range strings.Split(path.Clean(name), "/") {
		if e == "." {
			continue
		}
		next := dir.names[e]
		if next == nil {
			next = newDir()
			m.do(change{dir: dir, name: e, node: next})
		}
		if !next.isDir() {
			return fail("mkdir", name, syscall.ENOTDIR)
		}
		dir = next
	}
	return nil
}

// Remove implements library.FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, n, base, err := m.existing("remove", name)
	if err != nil {
		return err
	}
	if len(n.names) > 0 || dir == nil {
		return fail("remove", name, syscall.ENOTEMPTY)
	}
	m.do(change{dir: dir, name: base})
	return nil
}

// RemoveAll implements library.FS. A power cut may come between any two of its removals.
func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, n, base, err := m.lookup("removeall", name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if n == nil || dir == nil {
		return nil // what is not there is gone
	}
	m.empty(n)
	m.do(change{dir: dir, name: base})
	return nil
}

func (m *Mem) empty(n *node) {
	for _, name := range sortedNames(n.names) {
		m.empty(n.names[name])
		m.do(change{dir: n, name: name})
	}
}

// Rename implements library.FS.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, n, base, err := m.existing("rename", from)
	if err != nil {
		return err
	}
	toDir, target, toBase, err := m.lookup("rename", to)
	if err != nil {
		return err
	}
	if target != nil && (target.isDir() || n.isDir()) {
		return fail("rename", to, syscall.EEXIST)
	}
	m.do(change{dir: dir, name: base, toDir: toDir, to: toBase, node: n})
	return nil
}

// Stat implements library.FS.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, n, base, err := m.existing("stat", name)
	if err != nil {
		return nil, err
	}
	return n.info(base), nil
}

// ReadDir implements library.FS.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, n, _, err := m.existing("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.isDir() {
		return nil, fail("readdir", name, syscall.ENOTDIR)
	}
	var out []fs.DirEntry
	for _, e := range sortedNames(n.names) {
		out = append(out, fs.FileInfoToDirEntry(n.names[e].info(e)))
	}
	return out, nil
}

func sortedNames(names map[string]*node) []string {
	out := make([]string, 0, len(names))
	for e := range names {
		out = append(out, e)
	}
	slices.Sort(out)
	return out
}

// SyncDir implements library.FS. It makes durable what happened to the names in this directory, and no more: neither the
// directory's own name nor the contents.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, n, _, err := m.existing("syncdir", name)
	if err != nil {
		return err
	}
	m.pending = slices.DeleteFunc(m.pending, func(c change) bool {
		if c.dir != n && c.toDir != n {
			return false
		}
		c.apply(durable)
		return true
	})
	return nil
}

// Close implements library.FS. The contents stay.
func (m *Mem) Close() error { return nil }
