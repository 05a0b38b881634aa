package hold

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// TestANewVolumeKnowsOnlyForItself adds an empty disk beside one whose holds cannot be read.
func TestANewVolumeKnowsOnlyForItself(t *testing.T) {
	works := true
	old, fresh := refusing(t, &works), memLib(t, faultfs.NewMem())
	add(t, open(t, old), holdOf(noon, time.Hour, "front"))
	works = false
	s := open(t, old, fresh)
	if err := s.Err(); !errors.Is(err, syscall.EIO) {
		t.Errorf("nobody knows what is held, error %v", err)
	}
	if err := s.ErrOf(old); !errors.Is(err, syscall.EIO) {
		t.Errorf("of the old volume: %v", err)
	}
	if err := s.ErrOf(fresh); err != nil {
		t.Errorf("of the new volume: %v", err)
	}
	works = true
	s.Refresh()
	for _, lib := range []*library.Library{old, fresh} {
		if err := errors.Join(s.Err(), s.ErrOf(lib)); err != nil || len(s.List()) != 1 {
			t.Errorf("holds %+v, error %v", s.List(), err)
		}
	}
	away := false
	missing := memLib(t, faultfs.Wrap(faultfs.NewMem(), func(faultfs.Op) error {
		if away {
			return library.ErrMissing
		}
		return nil
	}))
	away = true
	if err := open(t, missing, memLib(t, faultfs.NewMem())).Err(); err != nil { // what is not there cannot be deleted
		t.Errorf("error %v", err)
	}
}
