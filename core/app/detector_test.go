package app

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve"
	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve/kservetest"
)

// TestDetectorWithoutALocalModel: an inference server alone is enough; one that is not there is told, and what to do.
func TestDetectorWithoutALocalModel(t *testing.T) {
	fp := func(dims ...int64) kserve.Tensor { return kserve.Tensor{Name: "x", Datatype: kserve.FP32, Shape: dims} }
	address := kservetest.Start(t, kservetest.Model{Name: "objects", In: fp(-1, 3, 320, 320), Out: fp(-1, 84, 2100)})
	open := func(model string) *detector {
		cfg, err := config.Parse("t", []byte("data_dir: "+t.TempDir()+`
detect: {model: "", remote: {url: "grpc://`+address+`", model: `+model+`}}
`))
		if err != nil {
			t.Fatal(err)
		}
		d := &detector{decode: newDecoders(slog.New(slog.DiscardHandler))}
		d.openPool(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if d.remote != nil {
			t.Cleanup(func() { _ = d.remote.Close() })
		}
		return d
	}
	d := open("objects")
	if s := d.status(); d.pool == nil || s.State != "ready" || s.Model != "objects" || d.motionOnly("") {
		t.Fatalf("%+v", s)
	}
	if m := d.pool.Model(); m.Width != 320 || len(m.Labels) != 80 {
		t.Errorf("%+v", m)
	}
	d = open("others")
	if s := d.status(); d.pool != nil || d.remote != nil || s.State != "failed" || !strings.Contains(s.Message, "has not loaded model others") || !strings.Contains(s.Fix, "start the inference server") {
		t.Errorf("%+v", s)
	}
	for text, want := range map[string]string{
		`detect: {model: ""}`: "detect.model",
		`detect: {remote: {url: "grpc://h:1", model: m, labels: l}}`: "detect.remote.labels",
	} {
		if _, err := config.Parse("t", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
