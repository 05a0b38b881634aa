package event

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nightjar-nvr/nightjar/core/event/rule"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func (r *rig) health(p nvr.HealthProblem, active bool, since time.Time, jpeg []byte) {
	r.bus.Health.Publish(nvr.HealthChange{Camera: "front", Problem: p, Active: active, Since: since, Time: time.Now(), JPEG: jpeg})
	synctest.Wait()
}

func TestProblemsOfACameraAreEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &fakeStore{})
		since := time.Now()
		r.see(10 * time.Second) // nothing, for that long
		r.health(nvr.HealthBlack, true, since, jpegBytes)
		r.health(nvr.HealthBlack, true, since, jpegBytes) // said twice is one event
		r.health(nvr.HealthClock, true, since, nil)
		c := r.changes()
		if len(c) != 2 || c[0].After.Kind != nvr.EventCamera || c[0].After.Label != "black" || !c[0].After.Start.Equal(since) ||
			!c[0].After.HasSnapshot || c[1].After.Label != "clock" || c[1].After.HasSnapshot {
			t.Fatalf("new: %+v", c)
		}
		r.health(nvr.HealthBlack, false, since, nil)
		c = r.changes()
		if len(c) != 1 || c[0].Phase != nvr.PhaseEnd || c[0].After.Label != "black" || !c[0].After.End.Equal(time.Now()) {
			t.Fatalf("end: %+v", c)
		}
		r.see(70 * time.Second) // nothing, for that long
		if c = r.changes(); len(c) != 1 || c[0].Phase != nvr.PhaseUpdate || c[0].After.Label != "clock" {
			t.Fatalf("a problem that lasts is written now and then: %+v", c)
		}
		r.bus.Health.Publish(nvr.HealthChange{Camera: "stranger", Problem: nvr.HealthBlack, Active: true})
		r.stop()
		if c = r.changes(); len(c) != 1 || c[0].Phase != nvr.PhaseEnd {
			t.Fatalf("what goes on at the end of the run: %+v", c)
		}
	})
}

func TestRulesNameProblems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules, err := rule.NewSet([]rule.Rule{
			{ID: "sabotage", Severity: nvr.SeverityHigh, Labels: []string{"covered", "moved"}},
			{ID: "lasting", Severity: nvr.SeverityLow, Labels: []string{"blurred"}, MinDuration: 20 * time.Second},
		}, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, Config{Rules: rules}, &fakeStore{})
		r.health(nvr.HealthCovered, true, time.Now(), nil)
		r.health(nvr.HealthBlurred, true, time.Now(), nil)
		c := r.changes()
		if len(c) != 2 || c[0].After.Severity != nvr.SeverityHigh || c[1].After.Severity != "" {
			t.Fatalf("%+v", c)
		}
		r.see(30 * time.Second) // nothing, for that long
		c = r.changes()
		if len(c) != 1 || c[0].After.Label != "blurred" || c[0].After.Severity != nvr.SeverityLow {
			t.Fatalf("a rule with a least duration: %+v", c)
		}
	})
}

func (r *rig) sound(label string, active bool, since time.Time) {
	r.bus.Sounds.Publish(nvr.SoundChange{Camera: "front", Label: label, Active: active, Since: since, Time: time.Now(), Score: 0.7})
	synctest.Wait()
}

func TestOneSoundIsOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{NamesSounds: true}, &fakeStore{})
		since := time.Now()
		r.sound(nvr.SoundLabel, true, since)
		r.see(time.Second) // nothing, for that long
		if c := r.changes(); len(c) != 0 {
			t.Fatalf("did not wait for a name: %+v", c)
		}
		r.sound("bark", true, since.Add(time.Second))
		r.sound(nvr.SoundLabel, true, since)
		r.sound(nvr.SoundLabel, false, since)
		r.see(5 * time.Second) // nothing, for that long
		r.sound("bark", false, since)
		c := r.changes()
		if len(c) != 2 || c[0].After.Kind != nvr.EventSound || c[0].After.Label != "bark" || !c[0].After.Start.Equal(since) ||
			c[0].After.TopScore != 0.7 || c[1].Phase != nvr.PhaseEnd {
			t.Fatalf("a sound with a name: %+v", c)
		}
		r.sound(nvr.SoundLabel, true, time.Now())
		r.see(4 * time.Second) // nothing, for that long
		if c := r.changes(); len(c) != 1 || c[0].After.Label != nvr.SoundLabel {
			t.Fatalf("a sound nobody names: %+v", c)
		}
		r.sound(nvr.SoundLabel, false, time.Now())
		r.sound(nvr.SoundLabel, true, time.Now())
		r.see(time.Second)                         // nothing, for that long
		r.sound(nvr.SoundLabel, false, time.Now()) // shorter than the wait
		if c := r.changes(); len(c) != 3 || c[1].Phase != nvr.PhaseNew || c[2].Phase != nvr.PhaseEnd {
			t.Fatalf("a short one: %+v", c)
		}
	})
}

func TestWithoutAClassifierASoundIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &fakeStore{})
		r.sound(nvr.SoundLabel, true, time.Now())
		if c := r.changes(); len(c) != 1 || c[0].After.Label != nvr.SoundLabel {
			t.Fatalf("%+v", c)
		}
	})
}
