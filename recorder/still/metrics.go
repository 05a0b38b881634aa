package still

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	hits     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, c *cache) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "nvr", Subsystem: "still", Name: "requests_total", Help: "Single pictures asked for, by kind (frame, thumbnail) and result (ok, missing, left, failed).",
		}, []string{"kind", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "nvr", Subsystem: "still", Name: "seconds", Help: "How long single pictures took, by kind.",
			Buckets: []float64{.001, .005, .02, .05, .1, .2, .5, 1, 2, 5},
		}, []string{"kind"}),
		hits: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "nvr", Subsystem: "still", Name: "cache_hits_total", Help: "Thumbnails that were remembered.",
		}),
	}
	size := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "nvr", Subsystem: "still", Name: "cache_bytes", Help: "Memory that remembered thumbnails take.",
	}, func() float64 { return float64(c.bytes()) })
	reg.MustRegister(m.requests, m.seconds, m.hits, size)
	return m
}

// measure is deferred: it counts a request, and logs what neither the caller nor the recording is to blame for.
func (m *Maker) measure(kind string, since time.Time, err *error) {
	result := "ok"
	switch {
	case *err == nil:
		m.metrics.seconds.WithLabelValues(kind).Observe(time.Since(since).Seconds())
	case errors.Is(*err, context.Canceled), errors.Is(*err, context.DeadlineExceeded):
		result = "left"
	case nvr.ErrorCode(*err) == nvr.CodeInternal:
		result = "failed"
		m.logger.Warn("cannot make a picture of a recording", "kind", kind, "err", *err)
	default:
		result = "missing"
	}
	m.metrics.requests.WithLabelValues(kind, result).Inc()
}
