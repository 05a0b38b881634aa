package event

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	maxSnapshotBytes = 4 << 20
	dayLayout        = "2006-01-02"
)

// Snapshots is the directory of event pictures, `snapshots/<camera>/<YYYY-MM-DD>/<event id>.jpg` with the UTC day of
// the event's start. Every access goes through one os.Root: no id can lead outside.
type Snapshots struct {
	root *os.Root
}

// OpenSnapshots opens, and where needed makes, the directory `snapshots` in dir.
func OpenSnapshots(dir string) (*Snapshots, error) {
	name := path.Join(dir, "snapshots")
	if err := os.MkdirAll(name, 0o750); err != nil {
		return nil, fmt.Errorf("make snapshot directory: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open snapshot directory: %w", err)
	}
	return &Snapshots{root: root}, nil
}

// Save writes the picture of one event, replacing an earlier one in one step.
func (s *Snapshots) Save(camera nvr.CameraID, start time.Time, id string, jpeg []byte) error {
	if !plausibleJPEG(jpeg) {
		return fmt.Errorf("save snapshot of %s: not a JPEG of at most %d bytes", id, maxSnapshotBytes)
	}
	name, err := snapshotName(camera, start, id)
	if err != nil {
		return err
	}
	if err := s.root.MkdirAll(path.Dir(name), 0o750); err != nil {
		return fmt.Errorf("make snapshot directory: %w", err)
	}
	tmp := name + ".tmp"
	if err := s.root.WriteFile(tmp, jpeg, 0o640); err != nil {
		_ = s.root.Remove(tmp)
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := s.root.Rename(tmp, name); err != nil {
		return fmt.Errorf("rename snapshot: %w", err)
	}
	return nil
}

// Open opens the picture of an event. The error wraps fs.ErrNotExist where there is none, also for a malformed id.
func (s *Snapshots) Open(camera nvr.CameraID, start time.Time, id string) (*os.File, error) {
	name, err := snapshotName(camera, start, id)
	if err != nil {
		return nil, errors.Join(fs.ErrNotExist, err)
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	return f, nil
}

// RemoveBefore deletes every camera's days that ended before t and returns how many there were. What it cannot
// delete stays for the next call; the errors are joined.
func (s *Snapshots) RemoveBefore(t time.Time) (int, error) {
	cameras, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return 0, fmt.Errorf("list snapshots: %w", err)
	}
	removed := 0
	var errs []error
	for _, camera := range cameras {
		if !camera.IsDir() {
			continue
		}
		days, err := fs.ReadDir(s.root.FS(), camera.Name())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, day := range days {
			start, err := time.Parse(dayLayout, day.Name())
			if err != nil || start.AddDate(0, 0, 1).After(t) {
				continue
			}
			if err := s.root.RemoveAll(path.Join(camera.Name(), day.Name())); err != nil {
				errs = append(errs, err)
				continue
			}
			removed++
		}
	}
	return removed, errors.Join(errs...)
}

// Close releases the directory.
func (s *Snapshots) Close() error { return s.root.Close() }

func snapshotName(camera nvr.CameraID, start time.Time, id string) (string, error) {
	if _, err := nvr.ParseCameraID(string(camera)); err != nil {
		return "", fmt.Errorf("snapshot path: %w", err)
	}
	u, err := uuid.Parse(id)
	if err != nil {
		return "", fmt.Errorf("snapshot path: event id %q: %w", id, err)
	}
	return path.Join(string(camera), start.UTC().Format(dayLayout), u.String()+".jpg"), nil
}

// plausibleJPEG looks at size, start and end markers only: the bytes come from our own encoder.
func plausibleJPEG(b []byte) bool {
	return len(b) >= 4 && len(b) <= maxSnapshotBytes && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff
}
