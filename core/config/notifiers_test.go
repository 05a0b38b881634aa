package config

import (
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func TestNotifiersAreRoutes(t *testing.T) {
	cfg, err := Parse("x", []byte(`
queue: redis
redis: {url: "redis://:secret@127.0.0.1:6379/0"}
notifiers:
  phone:
    plugin: telegram
    recipients: ["1", "2"]
    quiet: [{when: "sat,sun 22:00-09:00", action: hold, except: high}]
    rate: {burst: 5, per: 10m}
    escalate: {after: 5m, to: [mail]}
    expire: 2h
  mail: {plugin: email, enabled: false}
`))
	if err != nil {
		t.Fatal(err)
	}
	rs := cfg.Routes()
	if len(rs) != 2 || rs[0].ID != "mail" || !rs[0].Disabled {
		t.Fatalf("%+v", rs)
	}
	r := rs[1]
	if r.Notifier != "phone" || len(r.Recipients) != 2 || r.Rate.Burst != 5 || r.Rate.Per != 10*time.Minute || r.Escalate.To[0] != "mail" || r.Expire != 2*time.Hour {
		t.Errorf("%+v", r)
	}
	if q := r.Quiet[0]; q.From != 22*60 || q.To != 9*60 || len(q.Days) != 2 || q.Action != nvr.QuietHold || q.Except != nvr.SeverityHigh {
		t.Errorf("%+v", q)
	}
	if cfg.Redis.URL.String() != "***" {
		t.Error("the URL of Redis is shown")
	}
}
