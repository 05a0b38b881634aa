package jobs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// people is People with one camera, whose mode is kept in a variable.
func (r *rig) people(routes []nvr.Route) *People {
	r.t.Helper()
	mode := nvr.ModeHome
	p, err := NewPeople(PeopleOptions{
		Store: r.store, Routes: func() []nvr.Route { return routes },
		Cameras: func() []nvr.CameraStatus {
			return []nvr.CameraStatus{{Camera: "front", Name: "Front door", State: nvr.StateOnline}}
		},
		Mode: func() nvr.Mode { return mode }, SetMode: func(_ context.Context, m nvr.Mode) error { mode = m; return nil },
		Still: func(context.Context, nvr.CameraID) ([]byte, time.Time, error) {
			return []byte("\xff\xd8"), time.Now(), nil
		},
		Zone: time.UTC, Log: r.log,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func commands(t *testing.T, dsn string) {
	r := &rig{t: t, store: newStore(t, dsn, "commands"), log: testLog(t)}
	p := r.people([]nvr.Route{
		{ID: "a", Notifier: "telegram", Recipients: []string{"1"}},
		{ID: "b", Notifier: "push"},
		{ID: "c", Notifier: "telegram", Recipients: []string{"3"}, Disabled: true},
		{ID: "d", Notifier: "telegram", Recipients: []string{"4"}, Cameras: []nvr.CameraID{"yard"}},
	})
	say := func(notifier, recipient, text string) string {
		answer, jpeg, err := p.Command(t.Context(), notifier, recipient, text)
		if err != nil {
			return "error " + string(nvr.ErrorCode(err))
		}
		if len(jpeg) > 0 {
			answer += " with picture"
		}
		return answer
	}
	for _, c := range []struct{ notifier, recipient, text, says string }{
		{"telegram", "1", "/status", "Mode: home\nFront door: online"},
		{"telegram", "2", "/mode away", "error forbidden"},
		{"telegram", "", "/mode away", "error forbidden"},
		{"telegram", "3", "/mode away", "error forbidden"},
		{"email", "1", "/status", "error forbidden"},
		{"push", "", "/mode", "The mode is home."},
		{"telegram", "1", "/mode party", "Say one of"},
		{"telegram", "1", "/mode Away", "The mode is away now."},
		{"telegram", "1", "/status@nightjar_bot", "Mode: away"},
		{"telegram", "1", "/snooze 30m cellar", "There is no camera cellar"},
		{"telegram", "1", "/snooze forever", "Say for how long"},
		{"telegram", "1", "/snooze 30m front door", "No alerts of Front door for you until"},
		{"telegram", "1", "/snooze", "No alerts of any camera for you until"},
		{"telegram", "1", "/status", "Snoozed: Front door until"},
		{"telegram", "1", "/snapshot front", "with picture"},
		{"telegram", "1", "/snapshot", "There is no camera"},
		{"telegram", "1", "hello", "/snooze 1h"},
		{"telegram", "4", "/snapshot front", "There is no camera"},
		{"telegram", "4", "/snooze 30m front", "There is no camera"},
		{"telegram", "4", "/mode home", "Only those who are told of all cameras"},
		{"telegram", "4", "/mode", "The mode is away."},
		{"telegram", "1", strings.Repeat("x", 2000), "/snooze 1h"},
	} {
		if got := say(c.notifier, c.recipient, c.text); !strings.Contains(got, c.says) {
			t.Errorf("%s %q %.20q: %q, want %q", c.notifier, c.recipient, c.text, got, c.says)
		}
	}
	if got := say("telegram", "4", "/status"); strings.Contains(got, "Front door") {
		t.Errorf("a camera whose alerts are not for them: %q", got)
	}
	if got := say("push", "", "/status"); strings.Contains(got, "Snoozed") {
		t.Errorf("snoozes of others are shown: %q", got)
	}
}
