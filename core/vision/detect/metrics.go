package detect

import "github.com/prometheus/client_golang/prometheus"

type poolMetrics struct {
	seconds  prometheus.Histogram
	batch    prometheus.Histogram
	replaced prometheus.Counter
	expired  prometheus.Counter
	hangs    prometheus.Counter
}

func newPoolMetrics(p *Pool, reg prometheus.Registerer) *poolMetrics {
	m := &poolMetrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "nvr_vision_inference_seconds", Help: "Time of one inference, preprocessing and decoding included; of a batch, each picture's share.",
			Buckets: []float64{.005, .01, .02, .03, .05, .075, .1, .15, .25, .5, 1, 2.5, 10},
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "nvr_vision_batch_pictures", Help: "Pictures that one inference looked at, see detect.batch.",
			Buckets: []float64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32},
		}),
		replaced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_vision_requests_replaced_total", Help: "Detection requests that a newer one of the same camera replaced.",
		}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_vision_requests_expired_total", Help: "Detection requests whose deadline passed while they waited.",
		}),
		hangs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_vision_detector_hangs_total", Help: "Detector sessions given up because an inference did not return.",
		}),
	}
	queue := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nvr_vision_requests_waiting", Help: "Cameras with a detection request in the queue.",
	}, func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return float64(len(p.queue))
	})
	if reg != nil {
		reg.MustRegister(m.seconds, m.batch, m.replaced, m.expired, m.hangs, queue)
	}
	return m
}
