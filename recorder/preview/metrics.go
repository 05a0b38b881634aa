package preview

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

type metrics struct {
	pictures, bytes, decoded, errors, drops *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help string, extra ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "nvr", Subsystem: "preview", Name: name, Help: help},
			append([]string{"camera"}, extra...))
		reg.MustRegister(c)
		return c
	}
	return &metrics{
		pictures: vec("pictures_total", "Pictures put into previews."),
		bytes:    vec("bytes_total", "Bytes written to previews."),
		decoded:  vec("decoded_units_total", "Access units decoded for previews alone; none while pictures are pushed."),
		errors:   vec("errors_total", "Previews that could not be written, and streams that could not be decoded."),
		drops:    vec("dropped_total", "Pictures, and for reason overload access units, that previews lost: busy, disk, late, memory, overload.", "reason"),
	}
}

// cameraMetrics is metrics with the label of one camera resolved.
type cameraMetrics struct {
	pictures, bytes, decoded, errors prometheus.Counter
	drops                            *prometheus.CounterVec
}

func (m *metrics) of(id nvr.CameraID) cameraMetrics {
	l := prometheus.Labels{"camera": string(id)}
	return cameraMetrics{
		pictures: m.pictures.With(l), bytes: m.bytes.With(l), decoded: m.decoded.With(l), errors: m.errors.With(l),
		drops: m.drops.MustCurryWith(l),
	}
}

func (m cameraMetrics) dropped(reason string) prometheus.Counter {
	return m.drops.WithLabelValues(reason)
}
