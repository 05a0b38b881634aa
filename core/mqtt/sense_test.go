package mqtt

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestHealthAndSoundReachTheBroker(t *testing.T) {
	port := freePort(t)
	startMosquitto(t, port, "allow_anonymous true")
	ha := listen(t, port)
	r := run(t, Config{BrokerURL: fmt.Sprintf("mqtt://127.0.0.1:%d", port), Cameras: []Camera{
		{ID: "front", Name: "Front door", Health: true, Audio: true, Sounds: []string{"bark"}}, {ID: "yard", Name: "Yard"},
	}})
	ha.expect("nightjar/front/problem", "OFF")
	ha.expect("nightjar/front/sound", "OFF")
	if ha.last("nightjar/yard/problem") != "" || ha.last("nightjar/yard/sound") != "" {
		t.Error("a camera without either has topics for them")
	}

	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tell := func(p nvr.HealthProblem, active bool) {
		r.bus.Health.Publish(nvr.HealthChange{Camera: "front", Problem: p, Active: active, Since: since, Detail: "Look at " + string(p) + "."})
	}
	tell(nvr.HealthBlurred, true)
	tell(nvr.HealthClock, true)
	ha.expect("nightjar/front/problem", "ON")
	ha.expect("nightjar/front/problem/attributes",
		`{"reasons":["blurred","clock"],"details":["Look at blurred.","Look at clock."],"since":"2026-03-01T12:00:00Z"}`)
	tell(nvr.HealthBlurred, false)
	tell(nvr.HealthClock, false)
	ha.expect("nightjar/front/problem", "OFF")
	ha.expect("nightjar/front/problem/attributes", `{"reasons":[],"details":[],"since":null}`)

	r.bus.Sounds.Publish(nvr.SoundChange{Camera: "front", Label: "sound", Active: true})
	r.bus.Levels.Publish(nvr.SoundLevel{Camera: "front", Time: since, RMS: -23.6})
	r.bus.Levels.Publish(nvr.SoundLevel{Camera: "front", Time: since.Add(time.Second), RMS: -60})     // too soon
	r.bus.Levels.Publish(nvr.SoundLevel{Camera: "front", Time: since.Add(4 * time.Second), RMS: -22}) // hardly other
	ha.expect("nightjar/front/sound", "ON")
	ha.expect("nightjar/front/sound/level", "-24")
	r.bus.Levels.Publish(nvr.SoundLevel{Camera: "front", Time: since.Add(5 * time.Second), RMS: -60})
	r.bus.Sounds.Publish(nvr.SoundChange{Camera: "front", Label: "sound"})
	ha.expect("nightjar/front/sound", "OFF")
	ha.expect("nightjar/front/sound/level", "-60")
	if n := len(ha.all("nightjar/front/sound/level")); n != 2 {
		t.Errorf("the level was told %d times", n)
	}

	for i, ev := range []nvr.Event{
		{ID: "1", Camera: "front", Kind: nvr.EventCamera, Label: "offline", Start: since}, // has topics of its own
		{ID: "2", Camera: "front", Kind: nvr.EventCamera, Label: "covered", Start: since},
		{ID: "3", Camera: "front", Kind: nvr.EventSound, Label: "bark", Start: since, Score: 0.8},
	} {
		ev.Revision = i + 1
		r.bus.Events.Publish(nvr.EventChange{Phase: nvr.PhaseNew, Before: ev, After: ev})
	}
	until(t, "two events", func() bool { return len(ha.all("nightjar/events")) == 2 })
	var got struct {
		After struct{ ID, Kind, Label string }
	}
	if err := json.Unmarshal(ha.all("nightjar/events")[0].Payload(), &got); err != nil || got.After.ID != "2" || got.After.Kind != "camera" || got.After.Label != "covered" {
		t.Errorf("%+v, %v", got, err)
	}
	until(t, "a detection", func() bool { return ha.last("nightjar/front/event") != "" })
	var detection struct {
		EventType string `json:"event_type"`
		ID        string
	}
	if err := json.Unmarshal([]byte(ha.last("nightjar/front/event")), &detection); err != nil || detection.EventType != "sound_bark" || detection.ID != "3" {
		t.Errorf("%+v, %v", detection, err)
	}
}

func TestSoundTypesAreDistinct(t *testing.T) {
	got := Camera{Audio: true, Sounds: []string{"bark", "Bark", "smoke detector, smoke alarm"}}.soundTypes()
	if want := "[sound sound_bark sound_smoke_detector__smoke_alarm]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if got := (Camera{Sounds: []string{"bark"}}).soundTypes(); got != nil {
		t.Errorf("%v without sound", got)
	}
}
