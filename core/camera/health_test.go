package camera_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/internal/testkit/fakecamera"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func problems(st nvr.CameraStatus) (out []nvr.HealthProblem) {
	for _, h := range st.Health {
		out = append(out, h.Problem)
	}
	return out
}

func TestWrongClockIsShown(t *testing.T) {
	late := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t)}, Reports: true, ClockOffset: -2*time.Hour - 5*time.Minute})
	right := fakecamera.Start(t, fakecamera.Config{Streams: map[string]string{"main": clip(t)}, Reports: true})
	front, yard, gate := config("front", late.URL("main")), config("yard", right.URL("main")), config("gate", late.URL("main"))
	front.ClockTolerance, yard.ClockTolerance = 10*time.Second, 10*time.Second
	r := run(t, front, yard, gate) // nobody looks at gate's clock
	st := r.wait("front", func(st nvr.CameraStatus) bool { return len(st.Health) > 0 })
	if !slices.Equal(problems(st), []nvr.HealthProblem{nvr.HealthClock}) || !strings.Contains(st.Health[0].Detail, "2 h 5 min behind") || st.State != nvr.StateOnline {
		t.Errorf("%+v", st)
	}
	for _, id := range []nvr.CameraID{"yard", "gate"} {
		if st, _ := r.m.Status(id); len(st.Health) != 0 {
			t.Errorf("%s: %+v", id, st.Health)
		}
	}
	got := gather(t, r.reg)
	if got[`nvr_camera_problem{front,clock}`] != 1 || got[`nvr_camera_problem{yard,clock}`] != 0 || got[`nvr_camera_problem{front,black}`] != 0 {
		t.Errorf("metrics %v", got)
	}
}

func TestHealthIsPartOfTheState(t *testing.T) {
	r := run(t, camera.Config{ID: "off", Disabled: true})
	since := time.Now()
	note := func(p nvr.HealthProblem, active bool) {
		r.m.NoteHealth(nvr.HealthChange{Camera: "off", Problem: p, Active: active, Since: since, Detail: "look"})
	}
	note(nvr.HealthBlack, true)
	note(nvr.HealthSlow, true)
	note(nvr.HealthBlack, true) // said again
	r.m.NoteHealth(nvr.HealthChange{Camera: "stranger", Problem: nvr.HealthBlack, Active: true})
	r.wait("off", func(st nvr.CameraStatus) bool {
		return slices.Equal(problems(st), []nvr.HealthProblem{nvr.HealthSlow, nvr.HealthBlack})
	})
	note(nvr.HealthSlow, false)
	st := r.wait("off", func(st nvr.CameraStatus) bool { return len(st.Health) == 1 })
	if h := st.Health[0]; h.Problem != nvr.HealthBlack || !h.Since.Equal(since) || h.Detail != "look" {
		t.Errorf("%+v", h)
	}
}

// gather returns all gauges by name and label values.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() {
				values = append(values, l.GetValue())
			}
			out[f.GetName()+"{"+strings.Join(values, ",")+"}"] = m.GetGauge().GetValue()
		}
	}
	return out
}
