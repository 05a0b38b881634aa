package store

import (
	"bytes"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestNotifiers(t *testing.T) {
	s, ctx := open(t), t.Context()
	n := nvr.Notifier{ID: "phone", Name: "My phone", Plugin: "com.example.ntfy", Enabled: true, Settings: []byte{0, 1, 2}}
	added, err := s.AddNotifier(ctx, n)
	if err != nil || added.Created.IsZero() || !bytes.Equal(added.Settings, n.Settings) {
		t.Fatalf("%+v, %v", added, err)
	}
	if _, err := s.AddNotifier(ctx, n); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("the same id again: %v", err)
	}
	n.Name, n.Enabled, n.Settings, n.Plugin = "Phone", false, []byte{9}, "com.example.other"
	if got, err := s.UpdateNotifier(ctx, n); err != nil || got.Name != "Phone" || got.Enabled || got.Plugin != "com.example.ntfy" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Notifiers(ctx); err != nil || len(got) != 1 || got[0].Name != "Phone" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.DeleteNotifier(ctx, "phone"); err != nil {
		t.Error(err)
	}
	for _, err := range []error{
		s.DeleteNotifier(ctx, "phone"),
		func() error { _, err := s.Notifier(ctx, "phone"); return err }(),
		func() error { _, err := s.UpdateNotifier(ctx, n); return err }(),
	} {
		if nvr.ErrorCode(err) != nvr.CodeNotFound {
			t.Errorf("of one that is gone: %v", err)
		}
	}
}
