package recorder

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

type metrics struct {
	bytes, payload, parts, files, syncs, errors, dropped, restamped, gaps *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help string, extra ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "nvr", Subsystem: "recorder", Name: name, Help: help,
		}, append([]string{"camera", "stream"}, extra...))
		reg.MustRegister(c)
		return c
	}
	return &metrics{
		bytes:     vec("bytes_total", "Bytes written to recordings."),
		payload:   vec("payload_bytes_total", "Bytes of pictures and sound in them, as the camera sent them."),
		parts:     vec("parts_total", "Parts (moof and mdat, one write each) written."),
		files:     vec("files_total", "Recordings closed."),
		syncs:     vec("syncs_total", "Files and directories forced to the device (fdatasync, fsync)."),
		errors:    vec("errors_total", "Attempts to record that ended with an error."),
		dropped:   vec("dropped_units_total", "Access units lost because the disk or the machine was too slow."),
		restamped: vec("restamped_units_total", "Access units whose timestamps could not be believed."),
		gaps:      vec("gaps_total", "Intervals without recording, by reason.", "reason"),
	}
}

// streamMetrics is metrics with the labels of one stream resolved.
type streamMetrics struct {
	bytes, payload, parts, files, syncs, errors, dropped, restamped prometheus.Counter
	gaps                                                            *prometheus.CounterVec
}

func (m *metrics) of(id nvr.StreamID) streamMetrics {
	l := prometheus.Labels{"camera": string(id.Camera), "stream": string(id.Role)}
	return streamMetrics{
		bytes: m.bytes.With(l), payload: m.payload.With(l), parts: m.parts.With(l), files: m.files.With(l), syncs: m.syncs.With(l), errors: m.errors.With(l),
		dropped: m.dropped.With(l), restamped: m.restamped.With(l), gaps: m.gaps.MustCurryWith(l),
	}
}
