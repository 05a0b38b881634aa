package retention

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// TestANewVolumeDoesNotSpeakForAnOldOne has two volumes: of one the holds cannot be read, the other is new and has none.
func TestANewVolumeDoesNotSpeakForAnOldOne(t *testing.T) {
	r := newRig(t, Policy{Default: Rule{Continuous: true, RetainDays: 1}, MinFree: -1}, func(r *rig, o *Options) {
		old := faultfs.Wrap(faultfs.NewMem(), func(op faultfs.Op) error {
			if op.Name == ".holds.jsonl" {
				return syscall.EIO
			}
			return nil
		})
		r.libs = []*library.Library{memLib(t, old), openLib(t)}
		var err error
		if o.Holds, err = hold.Open(hold.Options{Libraries: func() []*library.Library { return r.libs }, Logger: o.Logger}); err != nil {
			t.Fatal(err)
		}
	})
	kept := r.put("a", 50*time.Hour, 100)
	gone := put(t, r.libs[1], "a", 51*time.Hour, 100, false)
	if _, err := r.Keeper.pass(t.Context(), true); !errors.Is(err, syscall.EIO) {
		t.Errorf("error %v", err)
	}
	if isGone(r.libs[0], kept.Path) || !isGone(r.libs[1], gone.Path) {
		t.Error("what may be held is gone, or what is not held stayed")
	}
}
