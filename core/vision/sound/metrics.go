package sound

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Metrics are the collectors of all cameras' sound. Create one per process.
type Metrics struct {
	rms, peak, floor                              *prometheus.GaugeVec
	sounds, errors, dropped, inferences, failures *prometheus.CounterVec
}

// NewMetrics registers the collectors with reg, which may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "nvr_sound_" + name, Help: help}, []string{"camera"})
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "nvr_sound_" + name, Help: help}, []string{"camera"})
	}
	m := &Metrics{
		rms: gauge("level_dbfs", "RMS level of the last second."), peak: gauge("peak_dbfs", "Largest sample of the last second."),
		floor:      gauge("floor_dbfs", "What is taken for background noise."),
		sounds:     counter("started_total", "Sounds that began."),
		errors:     counter("decode_errors_total", "Audio frames that could not be decoded."),
		dropped:    counter("units_dropped_total", "Access units lost because listening was slow."),
		inferences: counter("windows_total", "Windows given to the classifier."),
		failures:   counter("classify_failures_total", "Windows the classifier failed on."),
	}
	if reg != nil {
		reg.MustRegister(m.rms, m.peak, m.floor, m.sounds, m.errors, m.dropped, m.inferences, m.failures)
	}
	return m
}

// cameraMetrics are one camera's.
type cameraMetrics struct {
	all                                           *Metrics
	camera                                        string
	sounds, errors, dropped, inferences, failures prometheus.Counter
}

func (m *Metrics) camera(id nvr.CameraID) *cameraMetrics {
	c := string(id)
	return &cameraMetrics{
		all: m, camera: c,
		sounds: m.sounds.WithLabelValues(c), errors: m.errors.WithLabelValues(c), dropped: m.dropped.WithLabelValues(c),
		inferences: m.inferences.WithLabelValues(c), failures: m.failures.WithLabelValues(c),
	}
}

func (c *cameraMetrics) level(l nvr.SoundLevel) {
	c.all.rms.WithLabelValues(c.camera).Set(float64(l.RMS))
	c.all.peak.WithLabelValues(c.camera).Set(float64(l.Peak))
	c.all.floor.WithLabelValues(c.camera).Set(float64(l.Floor))
}

// silent takes the levels away: where there is no sound, 0 would be the loudest there is.
func (c *cameraMetrics) silent() {
	for _, g := range []*prometheus.GaugeVec{c.all.rms, c.all.peak, c.all.floor} {
		g.DeleteLabelValues(c.camera)
	}
}
