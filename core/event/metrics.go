package event

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	changes          *prometheus.CounterVec // camera, reason (the phase)
	merged           *prometheus.CounterVec // camera
	spooled          prometheus.Gauge
	spoolDropped     prometheus.Counter
	rejected         prometheus.Counter
	snapshotFailures prometheus.Counter
	// snapshotsFailing is not a metric but the memory that lets the log speak once per outage.
	snapshotsFailing atomic.Bool
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		changes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "nvr_event_changes_total", Help: "Changes of events, by phase.",
		}, []string{"camera", "reason"}),
		merged: f.NewCounterVec(prometheus.CounterOpts{
			Name: "nvr_event_observations_merged_total", Help: "Observations joined with the next because the camera's mailbox was full.",
		}, []string{"camera"}),
		spooled: f.NewGauge(prometheus.GaugeOpts{
			Name: "nvr_event_spool_rows", Help: "Events in memory that wait for the database.",
		}),
		spoolDropped: f.NewCounter(prometheus.CounterOpts{
			Name: "nvr_event_spool_dropped_total", Help: "Events lost because the database was away for too long.",
		}),
		rejected: f.NewCounter(prometheus.CounterOpts{
			Name: "nvr_event_rejected_total", Help: "Events the database refused for good.",
		}),
		snapshotFailures: f.NewCounter(prometheus.CounterOpts{
			Name: "nvr_event_snapshot_failures_total", Help: "Snapshots that could not be written.",
		}),
	}
}
