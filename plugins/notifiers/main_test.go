package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/plugins/notifiers/manifest"
)

func TestChoosing(t *testing.T) {
	for _, args := range [][]string{nil, {"/opt/plugins/notifiers"}, {"notifiers", "fax"}, {"notifiers", "manifest", "../telegram"}} {
		var out, err bytes.Buffer
		if code := run(args, &out, &err); code != exitUsage || out.Len() != 0 || !strings.Contains(err.String(), "telegram") {
			t.Errorf("%v: %d %q %q", args, code, out.String(), err.String())
		}
	}
	for want, args := range map[string][]string{"telegram": {"/x/telegram"}, "push": {"/x/notifiers", "push"}} {
		if got := chosen(args); got != want {
			t.Errorf("%v: %s", args, got)
		}
	}
}

func TestVAPID(t *testing.T) {
	var out, err bytes.Buffer
	if code := run([]string{"notifiers", "vapid"}, &out, &err); code != 0 || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%d %q %q", code, out.String(), err.String())
	}
}

// TestManifests holds each manifest to what its notifier needs and to nothing more.
func TestManifests(t *testing.T) {
	want := map[string]string{
		"telegram": "net.outbound media.snapshot media.clip kv actions commands", "email": "net.outbound media.snapshot",
		"push": "net.outbound media.snapshot kv link.sign", "webhook": "net.outbound media.snapshot", "mqtt": "net.outbound media.snapshot",
	}
	for _, name := range manifest.Names() {
		var out bytes.Buffer
		if code := run([]string{"notifiers", "manifest", name}, &out, &out); code != 0 {
			t.Fatal(out.String())
		}
		var m struct {
			ID, Name, Version string
			Permissions       []string
			Executables       map[string]struct {
				Path string
				Args []string
			}
		}
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e := m.Executables["linux-amd64"]
		if m.ID != "nightjar."+name || m.Name == "" || m.Version == "" || strings.Join(m.Permissions, " ") != want[name] ||
			e.Path != "bin/notifiers" || len(e.Args) != 1 || e.Args[0] != name {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if len(manifest.Names()) != len(want) {
		t.Errorf("%v", manifest.Names())
	}
}
