package retention

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// State says whether retention can do what the policy asks.
type State string

// The states.
const (
	StateOK      State = "ok"
	StateStuck   State = "stuck"   // too little may be deleted
	StateFailing State = "failing" // something refuses; it is tried again
)

// Status is how retention is doing.
type Status struct {
	State  State
	Reason string // sentences for a person; empty while ok
}

// Status returns how retention was doing in its last pass.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

func (k *Keeper) setStatus(s Status) {
	k.mu.Lock()
	changed := k.status != s
	k.status = s
	k.mu.Unlock()
	if !changed {
		return
	}
	if s.State == StateOK {
		k.logger.Info("retention is well again")
	} else {
		k.logger.Error("retention cannot keep its limits", "state", string(s.State), "reason", s.Reason)
	}
	if k.opts.Changed != nil {
		k.opts.Changed(s)
	}
}

// judge turns what a pass met into a Status, and into the metric.
func (k *Keeper) judge(shortages []Shortage, err error) Status {
	missing := map[Reason]int64{BySpace: 0, ByCameraCap: 0, ByCap: 0}
	var say []string
	for _, s := range shortages {
		missing[s.Reason] += s.Bytes
		say = append(say, k.explain(s))
	}
	for why, n := range missing {
		k.metrics.missing.WithLabelValues(string(why)).Set(float64(n))
	}
	switch {
	case err != nil:
		return Status{StateFailing, "Old recordings cannot be deleted: " + err.Error() + "."}
	case len(say) > 0:
		return Status{StateStuck, strings.Join(say, " ")}
	default:
		return Status{State: StateOK}
	}
}

func (k *Keeper) explain(s Shortage) string {
	const left = "everything else is held or was just recorded"
	switch s.Reason {
	case BySpace:
		dir := ""
		if libs := k.opts.Libraries(); s.Volume < len(libs) {
			dir = libs[s.Volume].Dir()
		}
		return fmt.Sprintf("Volume %s lacks %s of free space, but %s; release holds or make space.", dir, human(s.Bytes), left)
	case ByCameraCap:
		return fmt.Sprintf("Camera %s has %s more recordings than it may, but %s; release holds or raise its limit.", s.Camera, human(s.Bytes), left)
	default:
		return fmt.Sprintf("There are %s more recordings than allowed, but %s; release holds or raise the limit.", human(s.Bytes), left)
	}
}

// holdsUnknown returns why nothing may be deleted because nobody knows what is held, or nil.
func (k *Keeper) holdsUnknown() error {
	if k.opts.Holds == nil {
		return nil
	}
	err := k.opts.Holds.Err()
	if err == nil {
		return nil
	}
	for _, lib := range k.opts.Libraries() {
		if k.opts.Holds.ErrOf(lib) == nil {
			return nil // update leaves the others alone
		}
	}
	return fmt.Errorf("what is held is not known, so nothing is deleted: %w", err)
}

// human writes a number of bytes for people.
func human(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f /= 1000
		i++
	}
	if i == 0 || f >= 100 {
		return fmt.Sprintf("%.0f %s", f, units[i])
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") + " " + units[i]
}

type metrics struct {
	bytes   *prometheus.CounterVec
	files   *prometheus.CounterVec
	missing *prometheus.GaugeVec
	held    prometheus.Gauge
	unknown prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "nvr", Subsystem: "retention", Name: name, Help: help},
			[]string{"camera", "stream", "reason"})
	}
	m := &metrics{
		bytes: vec("deleted_bytes_total", "Bytes of recordings deleted."),
		files: vec("deleted_files_total", "Files of recordings deleted."),
		missing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "nvr", Subsystem: "retention", Name: "missing_bytes", Help: "Bytes that should be deleted but are held or just recorded.",
		}, []string{"reason"}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "nvr", Subsystem: "retention", Name: "held_bytes", Help: "Bytes of recordings that a hold keeps.",
		}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "nvr", Subsystem: "retention", Name: "unknown_interest_total",
			Help: "Passes in which nobody knew what had happened in some footage.",
		}),
	}
	reg.MustRegister(m.bytes, m.files, m.missing, m.held, m.unknown)
	return m
}

func (m *metrics) deleted(id nvr.StreamID, why Reason, bytes int64) {
	m.bytes.WithLabelValues(string(id.Camera), string(id.Role), string(why)).Add(float64(bytes))
	m.files.WithLabelValues(string(id.Camera), string(id.Role), string(why)).Inc()
}
