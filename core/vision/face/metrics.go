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

type watchMetrics struct {
	dropped prometheus.Counter
	missed  prometheus.Counter
	looked  *prometheus.CounterVec
	faces   *prometheus.CounterVec
}

func newWatchMetrics(reg prometheus.Registerer) *watchMetrics {
	m := &watchMetrics{
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_vision_face_dropped_total", Help: "Pictures of people that were not looked at because another one was.",
		}),
		missed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_vision_face_missed_total", Help: "Key pictures of main streams that were taken when nothing is known of where the person was.",
		}),
		looked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nvr_vision_face_looked_total", Help: "Pictures of people that were looked at, by stream.",
		}, []string{"stream"}),
		faces: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nvr_vision_face_faces_total", Help: "Faces of tracked people by what the quality gate says: fit, or why not.",
		}, []string{"reason"}),
	}
	if reg != nil {
		reg.MustRegister(m.dropped, m.missed, m.looked, m.faces)
	}
	return m
}
