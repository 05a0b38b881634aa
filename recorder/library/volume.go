package library

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
)

// markerName is the file in a volume's root that says which volume it is. A mount point whose disk is not mounted has
// none, or another one.
const markerName = ".nightjar-volume"

// ErrMissing is what every access to a volume fails with while its disk is not there.
var ErrMissing = errors.New("the volume is not there")

// VolumeState says whether a volume takes recordings.
type VolumeState string

// The states of a volume.
const (
	VolumeOK      VolumeState = "ok"
	VolumeFailing VolumeState = "failing" // writing to it fails; it is tried again after a growing pause
	VolumeMissing VolumeState = "missing" // another disk, or none, is where it should be; it is not touched
)

// VolumeStatus is what a volume is doing, for display.
type VolumeStatus struct {
	Dir    string
	ID     string // of its marker; empty while it was never written
	State  VolumeState
	Reason string    // one sentence for a person; empty while ok
	Since  time.Time // of the state
	Active bool      // the next recording goes there
}

// volume is one directory of Volumes, whatever is mounted there at the moment.
type volume struct {
	lib   *Library
	place *place
	fixed bool // made of a Library: always there
	space func() (free, total int64, err error)

	// What follows is guarded by the mutex of Volumes.
	id       string
	state    VolumeState
	reason   string
	since    time.Time
	full     bool // it fails for want of space, and had none when it was looked at last
	failures int
	retryAt  time.Time
}

// marker is the content of the marker file.
type marker struct {
	ID string `json:"id"`
}

func readMarker(fsys FS) (string, error) {
	b, err := ReadFile(fsys, markerName)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", markerName, err)
	}
	var m marker
	_ = json.Unmarshal(b, &m) // torn by a power cut, or not ours: as good as none
	return m.ID, nil
}

// mark writes a new marker and returns its id.
func mark(fsys FS) (string, error) {
	m := marker{ID: uuid.NewString()}
	b, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("marshal %s: %w", markerName, err)
	}
	if err := ReplaceFile(fsys, markerName, append(b, '\n')); err != nil {
		return "", fmt.Errorf("write %s: %w", markerName, err)
	}
	if err := fsys.SyncDir("."); err != nil {
		return "", fmt.Errorf("sync %s: %w", markerName, err)
	}
	return m.ID, nil
}

// place is the FS of a volume: the directory that is there now, or none. Files that are open stay with theirs.
type place struct {
	mu  sync.RWMutex
	now *osFS // nil while the volume is not there
}

func (p *place) get() (FS, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.now == nil {
		return nil, ErrMissing
	}
	return *p.now, nil
}

// set replaces what is there, and releases what was. The release waits for operations that are under way.
func (p *place) set(next *osFS) error {
	p.mu.Lock()
	before := p.now
	p.now = next
	p.mu.Unlock()
	if before == nil {
		return nil
	}
	return before.Close()
}

// same reports whether other is the directory that is there now: the same disk, mounted the same time.
func (p *place) same(other *osFS) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.now == nil {
		return false
	}
	a, aerr := p.now.Stat(".")
	b, berr := other.Stat(".")
	return aerr == nil && berr == nil && os.SameFile(a, b)
}

func (p *place) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := p.get()
	if err != nil {
		return nil, err
	}
	return f.OpenFile(name, flag, perm)
}

func (p *place) MkdirAll(name string, perm fs.FileMode) error {
	f, err := p.get()
	if err != nil {
		return err
	}
	return f.MkdirAll(name, perm)
}

func (p *place) Remove(name string) error {
	f, err := p.get()
	if err != nil {
		return err
	}
	return f.Remove(name)
}

func (p *place) RemoveAll(name string) error {
	f, err := p.get()
	if err != nil {
		return err
	}
	return f.RemoveAll(name)
}

func (p *place) Rename(from, to string) error {
	f, err := p.get()
	if err != nil {
		return err
	}
	return f.Rename(from, to)
}

func (p *place) Stat(name string) (fs.FileInfo, error) {
	f, err := p.get()
	if err != nil {
		return nil, err
	}
	return f.Stat(name)
}

func (p *place) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := p.get()
	if err != nil {
		return nil, err
	}
	return f.ReadDir(name)
}

func (p *place) SyncDir(name string) error {
	f, err := p.get()
	if err != nil {
		return err
	}
	return f.SyncDir(name)
}

func (p *place) Close() error { return p.set(nil) }

// memory is which volume was in use in which directory, kept outside of the volumes.
type memory struct {
	file string // empty: kept for the life of the process only
	mu   sync.Mutex
	ids  map[string]string // by absolute directory
}

type memoryFile struct {
	Volumes map[string]string `json:"volumes"`
}

func loadMemory(file string) (*memory, error) {
	m := &memory{file: file, ids: make(map[string]string)}
	if file == "" {
		return m, nil
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which volumes are in use: %w; make %s readable for this user", err, file)
	}
	var c memoryFile
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%s, which says which volumes are in use, is damaged: %w; check that all disks are mounted, then remove it", file, err)
	}
	for dir, id := range c.Volumes {
		m.ids[dir] = id
	}
	return m, nil
}

// reload takes in what Adopt has changed meanwhile.
func (m *memory) reload() {
	if m.file == "" {
		return
	}
	fresh, err := loadMemory(m.file)
	if err != nil {
		return // what is known stays true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir, id := range fresh.ids {
		m.ids[dir] = id
	}
}

func (m *memory) id(dir string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ids[dir]
}

// other returns the directory other than dir where id is in use.
func (m *memory) other(dir, id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for d, i := range m.ids {
		if i == id && d != dir {
			return d
		}
	}
	return ""
}

func (m *memory) remember(dir, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids[dir] == id {
		return nil
	}
	m.ids[dir] = id
	if m.file == "" {
		return nil
	}
	b, err := json.MarshalIndent(memoryFile{Volumes: m.ids}, "", "  ")
	if err != nil {
		return fmt.Errorf("marshal %s: %w", m.file, err)
	}
	root, err := os.OpenRoot(filepath.Dir(m.file))
	if err != nil {
		return fmt.Errorf("write which volumes are in use: %w", err)
	}
	err = ReplaceFile(osFS{root}, filepath.Base(m.file), append(b, '\n'))
	if err = errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("write which volumes are in use: %w", err)
	}
	return nil
}

// Adopt takes what is in dir now as the volume to use there from now on: a new disk, or one that was elsewhere.
// memoryFile is that of the VolumesOptions. A running Nightjar sees it with its next look.
func Adopt(dir, memoryFile string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("adopt volume %s: %w", dir, err)
	}
	m, err := loadMemory(memoryFile)
	if err != nil {
		return err
	}
	lib, err := Open(abs)
	if err != nil {
		return err
	}
	defer lib.Close()
	id, err := readMarker(lib.fs)
	if err == nil && id == "" {
		id, err = mark(lib.fs)
	}
	if err != nil {
		return fmt.Errorf("adopt volume %s: %w", dir, err)
	}
	return m.remember(abs, id)
}
