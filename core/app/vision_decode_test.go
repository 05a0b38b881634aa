package app

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
)

// A camera that asked for hardware which is not there is decoded in software, and a person hears why, once.
func TestDecodersTellWhatIsMissing(t *testing.T) {
	d := newDecoders(slog.New(slog.DiscardHandler))
	if h := d.hardware("a", decode.CPU); h != nil || d.on() != "cpu" || d.problem() != "" {
		t.Fatalf("%v on %s: %s", h, d.on(), d.problem())
	}
	if h := d.hardware("b", decode.Auto); h == nil && d.problem() != "" {
		t.Fatalf("auto complains: %s", d.problem())
	}
	h := d.hardware("c", decode.CUDA)
	_ = d.hardware("d", decode.CUDA)
	if h != nil {
		t.Skip("SKIPPED: this machine has NVIDIA hardware")
	}
	if p := d.problem(); strings.Count(p, "CUDA (NVDEC) cannot decode") != 1 || len(d.wanting) != 2 {
		t.Errorf("%q, %v", p, d.wanting)
	}
}
