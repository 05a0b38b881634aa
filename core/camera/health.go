package camera

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	// clockConfirm is how long a clock must be wrong, and then right, to count: one report may be late.
	clockConfirm = 30 * time.Second
	// clockFine is the part of the tolerance within which a clock that was wrong is right again.
	clockFine = 0.7
)

// clockWatch compares the wall clock of a camera with ours, by the sender reports of its main stream.
type clockWatch struct {
	wrong  bool      // as told
	differ time.Time // since when the reports say otherwise than told; zero: they do not
}

// see takes in the state of a session and reports whether the opinion changed. A camera without a wall clock, or without a
// session, says nothing: the opinion stays.
func (w *clockWatch) see(s rtsp.Stats, tolerance, confirm time.Duration, now time.Time) bool {
	// RFC 3550 §6.4.1 allows a sender without a wall clock to count from its start: such a clock shows a time before 1970.
	if !s.ClockKnown || now.Add(s.ClockOffset).Unix() < 0 {
		return false
	}
	if w.wrong {
		tolerance = time.Duration(float64(tolerance) * clockFine)
	}
	if (s.ClockOffset.Abs() > tolerance) == w.wrong {
		w.differ = time.Time{}
		return false
	}
	if w.differ.IsZero() {
		w.differ = now
	}
	if now.Sub(w.differ) < confirm {
		return false
	}
	w.wrong, w.differ = !w.wrong, time.Time{}
	return true
}

// watchClocks is called each second from the loop that measures.
func (m *Manager) watchClocks(now time.Time) {
	for _, c := range m.cameras {
		main := m.stream(nvr.StreamID{Camera: c.cfg.ID, Role: nvr.Main})
		if c.cfg.ClockTolerance <= 0 || c.cfg.Disabled || main == nil {
			continue
		}
		_, live := main.counted()
		since := c.clock.differ
		if !c.clock.see(live, c.cfg.ClockTolerance, m.clockConfirm, now) {
			continue
		}
		change := nvr.HealthChange{Camera: c.cfg.ID, Problem: nvr.HealthClock, Active: c.clock.wrong, Since: since, Time: now}
		if change.Active {
			change.Detail = clockDetail(live.ClockOffset)
		}
		m.NoteHealth(change)
	}
}

func clockDetail(offset time.Duration) string {
	way := "ahead"
	if offset < 0 {
		way = "behind"
	}
	unit := time.Second
	if offset.Abs() >= time.Hour {
		unit = time.Minute
	}
	return fmt.Sprintf("The camera's clock is %s %s. Set its time server and its time zone.", spoken(offset.Abs().Round(unit)), way)
}

// spoken writes "2h0m0s" as "2 h" and a year's error in days.
func spoken(d time.Duration) string {
	const day = 24 * time.Hour
	var parts []string
	for _, u := range []struct {
		size time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.size; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d %= u.size
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts[:min(len(parts), 2)], " ")
}

// NoteHealth takes over that a problem of a camera began or ended, shows it with the camera's state and tells the bus. It
// may be called from any goroutine and never blocks. Unknown cameras are passed over.
func (m *Manager) NoteHealth(change nvr.HealthChange) {
	c := m.byID[change.Camera]
	if c == nil {
		return
	}
	c.mu.Lock()
	// A new slice each time: the one before is part of states that were handed out.
	health := slices.DeleteFunc(slices.Clone(c.health), func(h nvr.HealthState) bool { return h.Problem == change.Problem })
	if change.Active {
		health = append(health, nvr.HealthState{Problem: change.Problem, Since: change.Since, Detail: change.Detail})
	}
	c.health = health
	c.mu.Unlock()
	if change.Active {
		m.log.Warn("camera has a problem", "camera_id", string(change.Camera), "problem", string(change.Problem), "detail", change.Detail)
	} else {
		m.log.Info("camera has recovered", "camera_id", string(change.Camera), "problem", string(change.Problem))
	}
	m.bus.Health.Publish(change)
	m.notify()
}

// problemCollector shows which problems cameras have.
type problemCollector struct {
	m    *Manager
	desc *prometheus.Desc
}

func newProblemCollector(m *Manager) *problemCollector {
	return &problemCollector{m: m, desc: prometheus.NewDesc("nvr_camera_problem",
		"1 while the camera's pictures or its clock have the problem", []string{"camera", "reason"}, nil)}
}

// Describe implements prometheus.Collector.
func (p *problemCollector) Describe(ch chan<- *prometheus.Desc) { ch <- p.desc }

// Collect implements prometheus.Collector. All problems are told, so that an alert rule of Prometheus has a 0 to see.
func (p *problemCollector) Collect(ch chan<- prometheus.Metric) {
	for _, c := range p.m.cameras {
		health := c.status().Health
		for _, problem := range nvr.HealthProblems() {
			v := 0.0
			if slices.ContainsFunc(health, func(h nvr.HealthState) bool { return h.Problem == problem }) {
				v = 1
			}
			ch <- prometheus.MustNewConstMetric(p.desc, prometheus.GaugeValue, v, string(c.cfg.ID), string(problem))
		}
	}
}
