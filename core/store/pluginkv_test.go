package store

import (
	"bytes"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestPluginValues(t *testing.T) {
	s, ctx := open(t), t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	get := func(notifier, key string) []byte {
		t.Helper()
		v, err := s.PluginValue(ctx, notifier, key)
		must(err)
		return v
	}
	must(s.SetPluginValue(ctx, "phone", "offset", []byte("17"), 228))
	must(s.SetPluginValue(ctx, "phone", "offset", []byte("18"), 228))
	must(s.SetPluginValue(ctx, "mail", "offset", []byte{0, 0xff}, 228))
	if string(get("phone", "offset")) != "18" || !bytes.Equal(get("mail", "offset"), []byte{0, 0xff}) || get("phone", "none") != nil {
		t.Error("values are mixed up")
	}
	// "offset" and "18" are 8 bytes, the two pairs 128, of phone's 228.
	must(s.SetPluginValue(ctx, "phone", "b", make([]byte, 91), 228))
	if err := s.SetPluginValue(ctx, "phone", "b", make([]byte, 92), 228); nvr.ErrorCode(err) != nvr.CodeTooMany {
		t.Errorf("beyond the quota: %v", err)
	}
	must(s.SetPluginValue(ctx, "phone", "offset", nil, 228))
	must(s.SetPluginValue(ctx, "phone", "b", make([]byte, 99), 228))
	if get("phone", "offset") != nil || len(get("phone", "b")) != 99 {
		t.Error("an empty value does not delete")
	}
	must(s.DeletePluginValues(ctx, "phone"))
	if get("phone", "b") != nil || get("mail", "offset") == nil {
		t.Error("the wrong values are gone")
	}
}
