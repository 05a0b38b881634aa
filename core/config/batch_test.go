package config

import (
	"strings"
	"testing"
	"time"
)

func TestBatchIsValidated(t *testing.T) {
	if d := Default().Detect; d.Batch != "auto" || d.BatchSize() != 0 || d.BatchWait.D != 0 {
		t.Fatalf("default %q, wait %v", d.Batch, d.BatchWait.D)
	}
	for _, c := range []struct {
		yaml, want string
		size       int
		wait       time.Duration
	}{
		{"batch: auto", "", 0, 0},
		{"batch: 1", "", 1, 0},
		{"batch: 8", "", 8, 0},
		{"batch: 0", "neither auto nor a number", 0, 0},
		{"batch: 33", "1 to 32", 0, 0},
		{"batch: many", "neither auto nor a number", 0, 0},
		{"batch_wait: 5ms", "makes the processor idle", 0, 0},
		{"provider: cuda\n  batch_wait: 5ms", "", 0, 5 * time.Millisecond},
		{"provider: cuda\n  batch_wait: 1s", "out of range", 0, 0},
	} {
		cfg, err := Parse("test.yaml", []byte("detect:\n  "+c.yaml+"\n"))
		switch {
		case c.want != "":
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "detect.batch") {
				t.Errorf("%s: %v, want %q", c.yaml, err, c.want)
			}
		case err != nil:
			t.Errorf("%s: %v", c.yaml, err)
		case cfg.Detect.BatchSize() != c.size || cfg.Detect.BatchWait.D != c.wait:
			t.Errorf("%s: %d pictures, wait %v", c.yaml, cfg.Detect.BatchSize(), cfg.Detect.BatchWait.D)
		}
	}
}
