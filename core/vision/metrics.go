package vision

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Metrics are the collectors of all cameras' pipelines. Create one per process.
type Metrics struct {
	decoded      *prometheus.CounterVec
	decodeErrors *prometheus.CounterVec
	dropped      *prometheus.CounterVec
	frames       *prometheus.CounterVec
	skipped      *prometheus.CounterVec
	inferences   *prometheus.CounterVec
	failures     *prometheus.CounterVec
	tracks       *prometheus.GaugeVec
}

// NewMetrics registers the collectors with reg, which may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "nvr_vision_" + name, Help: help}, append([]string{"camera"}, labels...))
	}
	m := &Metrics{
		decoded:      counter("units_decoded_total", "Access units given to the decoder."),
		decodeErrors: counter("decode_errors_total", "Access units or pictures that could not be decoded."),
		dropped:      counter("units_dropped_total", "Access units lost because decoding was slow."),
		frames:       counter("frames_total", "Frames analysed."),
		skipped:      counter("frames_skipped_total", "Frames replaced by a newer one while the detector was busy."),
		inferences:   counter("regions_total", "Regions given to the detector."),
		failures:     counter("detect_failures_total", "Frames whose detection failed.", "reason"),
		tracks: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "nvr_vision_tracks", Help: "Objects followed now.",
		}, []string{"camera"}),
	}
	if reg != nil {
		reg.MustRegister(m.decoded, m.decodeErrors, m.dropped, m.frames, m.skipped, m.inferences, m.failures, m.tracks)
	}
	return m
}

// cameraMetrics are one camera's, looked up once.
type cameraMetrics struct {
	decoded, decodeErrors, dropped, frames, skipped, inferences prometheus.Counter
	failures                                                    *prometheus.CounterVec
	tracks                                                      prometheus.Gauge
}

func (m *Metrics) camera(id nvr.CameraID) *cameraMetrics {
	c := string(id)
	return &cameraMetrics{
		decoded: m.decoded.WithLabelValues(c), decodeErrors: m.decodeErrors.WithLabelValues(c),
		dropped: m.dropped.WithLabelValues(c), frames: m.frames.WithLabelValues(c), skipped: m.skipped.WithLabelValues(c),
		inferences: m.inferences.WithLabelValues(c), tracks: m.tracks.WithLabelValues(c),
		failures: m.failures.MustCurryWith(prometheus.Labels{"camera": c}),
	}
}
