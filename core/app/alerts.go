package app

import (
	"context"
	"sync/atomic"

	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/event"
	"github.com/nightjar-nvr/nightjar/core/event/rule"
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
