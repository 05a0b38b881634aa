package app

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/event"
	"github.com/nightjar-nvr/nightjar/core/event/rule"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
)

// modeSetting is the key under which the arming mode is stored.
const modeSetting = "arming_mode"

// arming is the arming mode, for the API and MQTT alike: it stores it, and tells who asks and what shows it.
type arming struct {
	store *store.Store
	bus   *bus.Bus
	mode  atomic.Value // nvr.Mode
	rules *rule.Set    // nil: none is configured
	// silent says, by rule, what it asks for in vain.
	silent map[string][]string
	*event.Engine
}

func newArming(st *store.Store, b *bus.Bus) *arming {
	a := &arming{store: st, bus: b}
	a.mode.Store(nvr.ModeHome)
	return a
}

// Mode returns the mode as it is now.
func (a *arming) Mode() nvr.Mode {
	m, _ := a.mode.Load().(nvr.Mode)
	return m
}

// SetMode implements the API's and MQTT's choice.
func (a *arming) SetMode(ctx context.Context, m nvr.Mode) error {
	if err := a.store.PutSetting(ctx, modeSetting, []byte(m)); err != nil {
		return err
	}
	a.apply(m)
	return nil
}

// Rules implements the API's alerts.
func (a *arming) Rules() []httpapi.AlertRule {
	if a.rules == nil {
		r := alertRuleOf(event.Everything())
		r.Source = "default"
		return []httpapi.AlertRule{r}
	}
	var out []httpapi.AlertRule
	for _, r := range a.rules.Rules() {
		one := alertRuleOf(r)
		one.Warnings = texts(a.silent[r.ID])
		out = append(out, one)
	}
	return out
}

// alertRuleOf is the API's form of a rule of the configuration.
func alertRuleOf(r rule.Rule) httpapi.AlertRule {
	out := httpapi.AlertRule{
		ID: r.ID, Source: "config", Severity: string(r.Severity), Cameras: texts(r.Cameras), Labels: texts(r.Labels), Zones: texts(r.Zones), Modes: texts(r.Modes),
		Identities: texts(r.Identities), Schedule: make([]httpapi.RuleWindow, len(r.Schedule)), MinScore: r.MinScore,
		MinDurationS: r.MinDuration.Seconds(), CooldownS: r.Cooldown.Seconds(), Warnings: []string{},
	}
	for i, w := range r.Schedule {
		out.Schedule[i] = httpapi.RuleWindow{Days: make([]int, len(w.Days)), From: int(w.From / time.Minute), To: int(w.Until / time.Minute)}
		for k, d := range w.Days {
			out.Schedule[i].Days[k] = int(d)
		}
	}
	return out
}

// texts is never nil: JSON has no empty list for nil.
func texts[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, t := range in {
		out[i] = string(t)
	}
	return out
}

func (a *arming) apply(m nvr.Mode) {
	if a.mode.Swap(m) != m {
		a.bus.Modes.Publish(nvr.ModeChange{Mode: m})
	}
}

// restore brings the stored mode back.
func (a *arming) restore(ctx context.Context) error {
	b, err := a.store.SettingOr(ctx, modeSetting, []byte(nvr.ModeHome))
	if err != nil {
		return err
	}
	m, err := nvr.ParseMode(string(b))
	if err != nil {
		return err
	}
	a.apply(m)
	return nil
}

// alertRules returns the rules of the configuration, nil where there are none.
func alertRules(cfg *config.Config) (*rule.Set, error) {
	if len(cfg.Rules) == 0 {
		return nil, nil //nolint:nilnil // the engine takes no rules for: everything
	}
	var rules []rule.Rule
	for _, id := range cfg.RuleIDs() {
		c := cfg.Rules[id]
		r := rule.Rule{
			ID: id, Severity: nvr.Severity(c.Severity), Cameras: c.Cameras, Labels: c.Labels, Zones: c.Zones, Identities: c.Identities,
			MinScore: float32(c.MinScore), MinDuration: c.MinDuration.D, Cooldown: c.Cooldown.D,
		}
		if r.Severity == "" {
			r.Severity = nvr.SeverityNormal
		}
		for _, m := range c.Modes {
			r.Modes = append(r.Modes, nvr.Mode(m))
		}
		for _, s := range c.Schedule {
			r.Schedule = append(r.Schedule, rule.Window{Days: s.Days, From: s.From, Until: s.Until})
		}
		rules = append(rules, r)
	}
	return rule.NewSet(rules, cfg.Location())
}
