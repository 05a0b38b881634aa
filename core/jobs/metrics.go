package jobs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

type metrics struct {
	done   *prometheus.CounterVec
	depth  *prometheus.GaugeVec
	held   *prometheus.GaugeVec
	oldest *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	gauge := func(name, help string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"plugin"})
	}
	return &metrics{
		done: f.NewCounterVec(prometheus.CounterOpts{
			Name: "nvr_jobs_deliveries_total", Help: "Deliveries by what became of them in one attempt.",
		}, []string{"plugin", "reason"}),
		depth:  gauge("nvr_jobs_queue_depth", "Deliveries that are due or retried, by notifier."),
		held:   gauge("nvr_jobs_held", "Deliveries that wait on purpose, for quiet hours, a digest, a rate or an escalation."),
		oldest: gauge("nvr_jobs_oldest_seconds", "Age of the oldest delivery that is due or retried."),
	}
}

func (m *metrics) setDepths(depths []nvr.QueueDepth, now time.Time) {
	m.depth.Reset() // a notifier for which nothing waits has no row
	m.held.Reset()
	m.oldest.Reset()
	for _, d := range depths {
		m.depth.WithLabelValues(d.Notifier).Set(float64(d.Pending))
		m.held.WithLabelValues(d.Notifier).Set(float64(d.Held))
		if !d.Oldest.IsZero() {
			m.oldest.WithLabelValues(d.Notifier).Set(now.Sub(d.Oldest).Seconds())
		}
	}
}
