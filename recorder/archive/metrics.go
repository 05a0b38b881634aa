package archive

import (
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	uploadedBytes, uploadedFiles, expiredFiles *prometheus.CounterVec
	failures                                   *prometheus.CounterVec
	reads                                      *prometheus.CounterVec
	readBytes                                  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, a *Archive) *metrics {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "nvr", Subsystem: "archive", Name: name, Help: help}
	}
	stream := []string{"camera", "stream"}
	m := &metrics{
		uploadedBytes: prometheus.NewCounterVec(opts("uploaded_bytes_total", "Bytes of recordings copied into the bucket."), stream),
		uploadedFiles: prometheus.NewCounterVec(opts("uploaded_files_total", "Recordings copied and noted in their journals."), stream),
		expiredFiles:  prometheus.NewCounterVec(opts("expired_files_total", "Copies given up by age."), stream),
		failures:      prometheus.NewCounterVec(opts("failures_total", "Attempts that failed, by reason."), []string{"reason"}),
		reads:         prometheus.NewCounterVec(opts("reads_total", "Ranges asked for by playback, by result."), []string{"reason"}),
		readBytes:     prometheus.NewCounter(opts("read_bytes_total", "Bytes read back for playback.")),
	}
	gauge := func(name, help string, value func(Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "nvr", Subsystem: "archive", Name: name, Help: help},
			func() float64 { return value(a.Status()) })
	}
	reg.MustRegister(m.uploadedBytes, m.uploadedFiles, m.expiredFiles, m.failures, m.reads, m.readBytes,
		gauge("backlog_files", "Closed recordings that are to be copied.", func(s Status) float64 { return float64(s.BacklogFiles) }),
		gauge("backlog_bytes", "Bytes of closed recordings that are to be copied.", func(s Status) float64 { return float64(s.BacklogBytes) }),
		gauge("failing", "1 while the server or the way to it does not work.", func(s Status) float64 {
			if s.State == Failing {
				return 1
			}
			return 0
		}),
		gauge("last_upload_timestamp_seconds", "When the last recording was copied; 0 for not since the start.", func(s Status) float64 {
			if s.LastUpload.IsZero() {
				return 0
			}
			return float64(s.LastUpload.UnixMilli()) / 1000
		}))
	return m
}
