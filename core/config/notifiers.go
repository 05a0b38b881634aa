package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/event/route"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Quiet is a time of day at which a notifier does not ring.
type Quiet struct {
	When   Schedule `yaml:"when"`   // "22:00-07:00", "sat,sun 00:00-09:00"
	Action string   `yaml:"action"` // silent, hold or drop
	Except string   `yaml:"except"` // alerts of this severity and above are told as ever
}

// Rate bounds how often one recipient is told; what exceeds it is told as one digest.
type Rate struct {
	Burst int      `yaml:"burst"` // at once; 0: no limit
	Per   Duration `yaml:"per"`   // in which the burst is earned again
}

// Escalate tells others of an alert that nobody acknowledged in time.
type Escalate struct {
	After Duration `yaml:"after"`
	To    []string `yaml:"to"` // ids of notifiers, or of routes made in the UI
}

// Redis is a server that may keep the queue of deliveries. Nightjar does not need one.
type Redis struct {
	URL Secret `yaml:"url"` // redis://user:password@host:6379/0, rediss://… for TLS
}

// The queues that bring deliveries to their notifiers.
const (
	QueuePostgres = "postgres"
	QueueRedis    = "redis"
)

// NotifierIDs returns the ids of the configured notifiers in order.
func (c *Config) NotifierIDs() []string { return slices.Sorted(maps.Keys(c.Notifiers)) }

// Route returns the route that the keys of a notifier describe. Its id is the notifier's.
func (c *Config) Route(id string) nvr.Route {
	n := c.Notifiers[id]
	r := nvr.Route{
		ID: id, Notifier: id, Disabled: n.Enabled != nil && !*n.Enabled, Recipients: n.Recipients, Cameras: n.Cameras, Labels: n.Labels, Zones: n.Zones,
		Rules: n.Rules, MinSeverity: nvr.Severity(n.MinSeverity), Identities: n.Identities, Updates: n.Updates,
		Rate: nvr.Rate{Burst: n.Rate.Burst, Per: n.Rate.Per.D}, Digest: n.Digest.D, Escalate: nvr.Escalation{After: n.Escalate.After.D, To: n.Escalate.To},
		Silent: n.Silent, Title: n.Title, Text: n.Text, Expire: n.Expire.D,
	}
	for _, m := range n.Modes {
		r.Modes = append(r.Modes, nvr.Mode(m))
	}
	for _, q := range n.Quiet {
		r.Quiet = append(r.Quiet, nvr.Quiet{
			From: int(q.When.From.Minutes()), To: int(q.When.Until.Minutes()), Days: q.When.Days, Action: nvr.QuietAction(q.Action), Except: nvr.Severity(q.Except),
		})
	}
	return r
}

// Routes returns the routes of the file, one for each notifier, in the order of their ids.
func (c *Config) Routes() []nvr.Route {
	out := []nvr.Route{}
	for _, id := range c.NotifierIDs() {
		out = append(out, c.Route(id))
	}
	return out
}

func (c *Config) validateNotifiers(v *validator) {
	for _, id := range c.NotifierIDs() {
		n, path := c.Notifiers[id], "notifiers."+id
		if !notifierPattern.MatchString(id) {
			v.add(path, "the id must be 1 to 48 characters of a-z, 0-9, _ and -")
			continue
		}
		if n.Plugin == "" {
			v.add(path+".plugin", "name a plugin, for example webhook")
		}
		for _, p := range route.Check(c.Route(id)) {
			v.add(path+"."+p.Field, "%s", p.Message)
		}
		c.validateScope(v, path, "notifier", n.Cameras, n.Labels, n.Zones)
		for i, rule := range n.Rules {
			v.known(fmt.Sprintf("%s.rules[%d]", path, i), rule, c.RuleIDs(), "there is no rule", "rules")
		}
	}
	c.validateQueue(v)
}

func (c *Config) validateQueue(v *validator) {
	v.oneOf("queue", c.Queue, QueuePostgres, QueueRedis)
	text := c.Redis.URL.Reveal()
	if text == "" {
		if c.Queue == QueueRedis {
			v.add("redis.url", "is needed for queue: redis, for example redis://127.0.0.1:6379/0")
		}
		return
	}
	u, err := url.Parse(text)
	if err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) || strings.TrimPrefix(u.Host+u.Path, "/") == "" {
		v.add("redis.url", "want redis://user:password@host:6379/0, rediss://… for TLS or unix:///path/of/redis.sock")
	}
}
