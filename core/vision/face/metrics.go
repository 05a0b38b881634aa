package face

import (
	goface "github.com/Kagami/go-face"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	seconds prometheus.Histogram
	tries   *prometheus.CounterVec
}

func newMetrics(e *Engine, reg prometheus.Registerer) *metrics {
	m := &metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "nvr_vision_face_seconds", Help: "Time of one try to find faces, without waiting.",
			Buckets: []float64{.01, .02, .03, .05, .075, .1, .15, .25, .5, 1, 2.5},
		}),
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nvr_vision_face_tries_total", Help: "Tries to find faces by result: found, none or refused.",
		}, []string{"result"}),
	}
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nvr_vision_face_waiting", Help: "Tries in the queue of the face engine.",
	}, func() float64 { return float64(len(e.queue)) })
	if reg != nil {
		reg.MustRegister(m.seconds, m.tries, waiting)
	}
	return m
}

func (m *metrics) count(found []goface.Face, err error) {
	result := "found"
	if err != nil {
		result = "refused"
	} else if len(found) == 0 {
		result = "none"
	}
	m.tries.WithLabelValues(result).Inc()
}
