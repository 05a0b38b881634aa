package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
)

const (
	// lookEvery is how often each volume is looked at: a disk that is mounted late is used after this.
	lookEvery = 10 * time.Second
	// forgetAfter is how long a volume must not have failed for its pause to begin small again.
	forgetAfter = 10 * time.Minute
	// enoughRoom is the free space from which a volume that was full is used again; of a small disk, a fiftieth.
	enoughRoom = 256 << 20
)

// volumePause is how long a volume that failed is left alone.
var volumePause = lifecycle.Backoff{Min: 2 * time.Second, Max: time.Minute, Factor: 2, Jitter: 0.2}

// VolumesOptions is what OpenVolumes needs.
type VolumesOptions struct {
	Dirs []string // in order of preference
	// MemoryFile remembers which volume was in use in which directory. It must lie on none of them. Empty: nothing is
	// remembered beyond the life of the process.
	MemoryFile string
	Logger     *slog.Logger
}

// Volumes is a list of volumes in order of preference. It knows which of them are there and take recordings; each is a
// Library of its own, with its own journals, also while its disk is not there. Its methods may be called from any
// goroutine.
type Volumes struct {
	list   []*volume
	memory *memory
	logger *slog.Logger

	mu sync.Mutex
}

// OpenVolumes looks at all directories once. A directory that was never in use is created and marked; one where another
// disk, or none, is mounted than the one remembered is left alone and is missing. Trouble with a disk is no error.
func OpenVolumes(o VolumesOptions) (*Volumes, error) {
	if len(o.Dirs) == 0 || o.Logger == nil {
		return nil, errors.New("volumes: a directory and a logger are required")
	}
	m, err := loadMemory(o.MemoryFile)
	if err != nil {
		return nil, err
	}
	v := &Volumes{memory: m, logger: o.Logger}
	for _, dir := range o.Dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", dir, err)
		}
		if slices.ContainsFunc(v.list, func(x *volume) bool { return x.lib.Dir() == abs }) {
			return nil, fmt.Errorf("volume %s is listed twice; list each directory once", dir)
		}
		p := &place{}
		v.list = append(v.list, &volume{
			lib: newLibrary(p, abs), place: p, state: VolumeMissing, since: time.Now(),
			space: func() (int64, int64, error) { return Space(abs) },
		})
	}
	for _, vol := range v.list {
		v.look(vol)
	}
	return v, nil
}

// NewVolumes makes volumes of libraries that are always there. They stay the caller's to close.
func NewVolumes(libs ...*Library) *Volumes {
	v := &Volumes{memory: &memory{ids: make(map[string]string)}, logger: slog.New(slog.DiscardHandler)}
	for _, l := range libs {
		v.list = append(v.list, &volume{lib: l, fixed: true, state: VolumeOK, since: time.Now()})
	}
	return v
}

// Space returns the bytes free for this user and in total on the file system of dir.
func Space(dir string) (free, total int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, fmt.Errorf("ask free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, int64(s.Blocks) * s.Bsize, nil //nolint:gosec // disks are far below 8 EiB
}

// Run looks at the volumes again and again until ctx is done: disks come and go, and failures end.
func (v *Volumes) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, vol := range v.list { // one each, because looking at a dead disk may take minutes
		wg.Go(func() {
			tick := time.NewTicker(lookEvery)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					v.look(vol)
				}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// Close releases the directories that OpenVolumes opened.
func (v *Volumes) Close() error {
	var errs []error
	for _, vol := range v.list {
		if !vol.fixed {
			errs = append(errs, vol.lib.Close())
		}
	}
	return errors.Join(errs...)
}

// All returns the volumes in order of preference, those that are not there included: their accesses fail with ErrMissing.
func (v *Volumes) All() []*Library {
	out := make([]*Library, len(v.list))
	for i, vol := range v.list {
		out[i] = vol.lib
	}
	return out
}

// There returns the volumes whose disk is there, in order of preference.
func (v *Volumes) There() []*Library {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []*Library
	for _, vol := range v.list {
		if vol.there() {
			out = append(out, vol.lib)
		}
	}
	return out
}

// Status returns what each volume is doing, in order of preference.
func (v *Volumes) Status() []VolumeStatus {
	active := v.Active()
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]VolumeStatus, len(v.list))
	for i, vol := range v.list {
		out[i] = VolumeStatus{
			Dir: vol.lib.Dir(), ID: vol.id, State: vol.state, Reason: vol.reason, Since: vol.since, Active: vol.lib == active,
		}
	}
	return out
}

// Active returns the volume that the next recording goes to, or nil when none is there.
func (v *Volumes) Active() *Library {
	if c := v.Candidates(); len(c) > 0 {
		return c[0]
	}
	return nil
}

// Candidates returns the volumes that are there in the order in which a new recording tries them: those that work, then
// those that failed, for when there is no other.
func (v *Volumes) Candidates() []*Library {
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	var good, bad []*Library
	for _, vol := range v.list {
		switch {
		case !vol.there():
		case vol.usable(now):
			good = append(good, vol.lib)
		default:
			bad = append(bad, vol.lib)
		}
	}
	return append(good, bad...)
}

// Other returns whether a volume other than lib works.
func (v *Volumes) Other(lib *Library) bool {
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(v.list, func(vol *volume) bool { return vol.lib != lib && vol.there() && vol.usable(now) })
}

// Create is lib.Create under a name that no other volume has: (stream, name) identifies a recording.
func (v *Volumes) Create(lib *Library, day Day, ms int64) (File, string, error) {
	for _, other := range v.working(lib) {
		for {
			if _, err := other.fs.Stat(FilePath(day.Stream, ms)); err != nil {
				break
			}
			ms++
		}
	}
	return lib.Create(day, ms)
}

func (v *Volumes) working(except *Library) []*Library {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []*Library
	for _, vol := range v.list {
		if vol.lib != except && vol.state == VolumeOK {
			out = append(out, vol.lib)
		}
	}
	return out
}

// Failed tells that writing to lib failed with err. If the volume is to blame, others are used for a growing pause.
func (v *Volumes) Failed(lib *Library, err error) {
	if !blames(err) {
		return
	}
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, vol := range v.list {
		if vol.lib != lib || !vol.there() || now.Before(vol.retryAt) { // many streams fail at the same time
			continue
		}
		if now.Sub(vol.retryAt) > forgetAfter {
			vol.failures = 0
		}
		vol.full = isFull(err) && vol.space != nil
		vol.retryAt = now.Add(volumePause.Pause(vol.failures))
		vol.failures++
		v.set(vol, VolumeFailing, explain(lib.Dir(), err))
	}
}

// Wrote tells that lib took a new recording.
func (v *Volumes) Wrote(lib *Library) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, vol := range v.list {
		if vol.lib == lib && vol.state == VolumeFailing {
			vol.retryAt, vol.full = time.Time{}, false
			v.set(vol, VolumeOK, "")
		}
	}
}

// blames reports whether err is the volume's fault, and not ours or the process's.
func blames(err error) bool {
	for _, e := range []error{
		ErrMissing, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.ENODEV, syscall.ENXIO,
		syscall.ESTALE, syscall.ENOTCONN, syscall.EUCLEAN, syscall.ETIMEDOUT, syscall.EHOSTDOWN,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explain says what a person can do about a failure of the volume in dir.
func explain(dir string, err error) string {
	switch {
	case isFull(err):
		return fmt.Sprintf("The disk of %s is full; free some space or lower the retention.", dir)
	case errors.Is(err, syscall.EROFS):
		return fmt.Sprintf("The disk of %s became read-only; check the disk and remount it.", dir)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return dir + " refuses writing; check its owner and permissions."
	default:
		return fmt.Sprintf("The disk of %s reports errors (%v); check the disk.", dir, err)
	}
}

// set changes what a volume is doing. The caller holds the lock.
func (v *Volumes) set(vol *volume, s VolumeState, reason string) {
	if vol.state == s && vol.reason == reason {
		return
	}
	if vol.state != s || vol.reason == "" {
		vol.since = time.Now()
	}
	vol.state, vol.reason = s, reason
	if s == VolumeOK {
		v.logger.Info("volume takes recordings", "dir", vol.lib.Dir())
	} else {
		v.logger.Warn("volume takes no recordings", "dir", vol.lib.Dir(), "state", string(s), "reason", reason)
	}
}

func (vol *volume) there() bool {
	if vol.fixed {
		return true
	}
	_, err := vol.place.get()
	return err == nil
}

func (vol *volume) usable(now time.Time) bool {
	return vol.state == VolumeOK || vol.state == VolumeFailing && !now.Before(vol.retryAt) && !vol.full
}

func (vol *volume) hasRoom() bool {
	if vol.space == nil {
		return true // nobody can tell
	}
	free, total, err := vol.space()
	return err == nil && free >= min(enoughRoom, total/50)
}

// look finds out what is in a volume's directory now, and ends a failure when writing works again.
func (v *Volumes) look(vol *volume) {
	if !vol.fixed {
		state, reason := v.mount(vol)
		if state != VolumeOK {
			v.mu.Lock()
			v.set(vol, state, reason)
			vol.retryAt = time.Now().Add(lookEvery)
			v.mu.Unlock()
			return
		}
	}
	room := vol.hasRoom() // a dead disk may keep us waiting here, so without the lock
	v.mu.Lock()
	vol.full = vol.full && !room
	again := vol.state == VolumeMissing || vol.state == VolumeFailing && vol.usable(time.Now())
	v.mu.Unlock()
	if !again {
		return
	}
	if err := vol.lib.tryWriting(); err != nil {
		v.mu.Lock()
		vol.state = VolumeFailing
		v.mu.Unlock()
		v.Failed(vol.lib, err)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	vol.full, vol.retryAt = false, time.Time{}
	v.set(vol, VolumeOK, "")
}

// tryWriting writes a block and forces it to the device.
func (l *Library) tryWriting() error {
	const name = ".write-test"
	f, err := l.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, 4096), 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), l.fs.Remove(name))
}

// mount opens what is in a volume's directory if it is the volume that belongs there, and lets go of it if not.
func (v *Volumes) mount(vol *volume) (VolumeState, string) {
	dir := vol.lib.Dir()
	v.memory.reload()
	known := v.memory.id(dir)
	if known == "" {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return vol.away(VolumeFailing, fmt.Sprintf("%s cannot be created: %v; create it or choose another.", dir, err))
		}
	}
	root, err := os.OpenRoot(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return vol.away(VolumeMissing, notMounted(dir))
	case err != nil:
		return vol.away(VolumeFailing, fmt.Sprintf("%s cannot be opened: %v; make it readable for this user.", dir, err))
	}
	next := &osFS{root}
	id, err := readMarker(next)
	switch {
	case err != nil:
		_ = root.Close()
		return vol.away(VolumeFailing, explain(dir, err))
	case known != "" && id != known:
		_ = root.Close()
		return vol.away(VolumeMissing, notMounted(dir))
	case known == "" && id != "" && v.memory.other(dir, id) != "":
		_ = root.Close()
		return vol.away(VolumeMissing, fmt.Sprintf("%s is the same volume as %s; list it once.", dir, v.memory.other(dir, id)))
	}
	if vol.place.same(next) {
		_ = root.Close()
	} else if err := vol.place.set(next); err != nil {
		v.logger.Warn("volume could not be let go", "dir", dir, "err", err)
	}
	if id == "" {
		if id, err = mark(vol.place); err != nil {
			return VolumeFailing, explain(dir, err)
		}
	}
	if err := v.memory.remember(dir, id); err != nil {
		v.logger.Warn("volume in use could not be remembered", "dir", dir, "err", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	vol.id = id
	return VolumeOK, ""
}

func (vol *volume) away(s VolumeState, reason string) (VolumeState, string) {
	_ = vol.place.set(nil) // what it was is gone
	return s, reason
}

func notMounted(dir string) string {
	return fmt.Sprintf("The disk that belongs to %s is not there; mount it, or run `nightjar fsck --adopt %s` to use what is there now.", dir, dir)
}
