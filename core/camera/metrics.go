package camera

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// collector reads the streams' counters when they are asked for, so that counting costs the cameras nothing.
type collector struct {
	m *Manager

	online, fps, offset, readers         *prometheus.Desc
	pictures, bytes, lost, jumps, opened *prometheus.Desc
	failures                             *prometheus.Desc
}

func newCollector(m *Manager) *collector {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("nvr_camera_"+name, help, append([]string{"camera", "stream"}, more...), nil)
	}
	return &collector{
		m:        m,
		online:   desc("online", "1 while pictures arrive"),
		fps:      desc("frames_per_second", "Pictures received per second, over the last seconds"),
		offset:   desc("clock_offset_seconds", "The camera's wall clock minus ours, by its last sender report"),
		readers:  desc("readers", "Readers of the stream inside Nightjar"),
		pictures: desc("frames_total", "Pictures received"),
		bytes:    desc("received_bytes_total", "RTP payload received"),
		lost:     desc("packets_lost_total", "RTP packets that never arrived"),
		jumps:    desc("clock_jumps_total", "Jumps of the camera's timestamps that were corrected"),
		opened:   desc("sessions_total", "RTSP sessions attempted"),
		failures: desc("session_failures_total", "RTSP sessions that failed or ended", "reason"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.online, c.fps, c.offset, c.readers, c.pictures, c.bytes, c.lost, c.jumps, c.opened, c.failures,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, cam := range c.m.cameras {
		for _, s := range cam.streams {
			c.stream(ch, s)
		}
	}
}

func (c *collector) stream(ch chan<- prometheus.Metric, s *stream) {
	labels := []string{string(s.id.Camera), string(s.id.Role)}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, more ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append(labels, more...)...)
	}
	sum, live := s.counted()
	status := s.snapshot()
	up := 0.0
	if status.State == nvr.StateOnline {
		up = 1
	}
	gauge(c.online, up)
	gauge(c.fps, status.FPS)
	gauge(c.readers, float64(s.hub.Readers()))
	if live.ClockKnown {
		gauge(c.offset, live.ClockOffset.Seconds())
	}
	counter(c.pictures, sum.pictures)
	counter(c.bytes, sum.bytes)
	counter(c.lost, sum.lost)
	counter(c.jumps, sum.jumps)
	s.mu.Lock()
	defer s.mu.Unlock()
	counter(c.opened, s.sessions)
	for kind, n := range s.failures {
		counter(c.failures, n, string(kind))
	}
}
