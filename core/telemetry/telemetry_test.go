package telemetry

import (
	"bytes"
	"strings"
	"testing"
)

func TestLoggerObeysItsLevel(t *testing.T) {
	for level, want := range map[string]string{"debug": "dwe", "info": "we", "warn": "we", "error": "e", "nonsense": "we"} {
		var b bytes.Buffer
		log := NewLogger(&b, level)
		log.Debug("d")
		log.Warn("w")
		log.Error("e")
		got := ""
		for _, m := range []string{"d", "w", "e"} {
			if strings.Contains(b.String(), "msg="+m) {
				got += m
			}
		}
		if got != want {
			t.Errorf("level %s lets %q through, want %q", level, got, want)
		}
	}
}

func TestRegistryHasBuildAndProcess(t *testing.T) {
	fams, err := NewRegistry("v1").Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range fams {
		names[f.GetName()] = true
	}
	for _, n := range []string{"nvr_build_info", "go_goroutines", "process_resident_memory_bytes"} {
		if !names[n] {
			t.Errorf("metric %s is missing", n)
		}
	}
}
