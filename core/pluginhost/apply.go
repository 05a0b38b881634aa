package pluginhost

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

var idRE = regexp.MustCompile(`^[a-z0-9_-]{1,48}$`)

// Apply makes cfgs the plugins to run. Those whose configuration did not change run on, all others are stopped and
// started; it does not wait for that. On an error, which says what is wrong with cfgs, nothing changes.
func (h *Host) Apply(cfgs []Config) error {
	h.applying.Lock()
	defer h.applying.Unlock()
	next := make([]*supervisor, 0, len(cfgs))
	byID := make(map[string]*supervisor, len(cfgs))
	for _, cfg := range cfgs {
		if byID[cfg.ID] != nil {
			return fmt.Errorf("plugin %s is configured twice", cfg.ID)
		}
		s, err := h.prepare(cfg)
		if err != nil {
			return err
		}
		if old := h.byID[cfg.ID]; old != nil && old.same(s) {
			s = old
		}
		next = append(next, s)
		byID[cfg.ID] = s
	}
	h.mu.Lock()
	old := h.byID
	h.plugins, h.byID = next, byID
	begin := h.begin
	taken := map[int]bool{}
	for _, s := range old {
		taken[s.uid] = true
	}
	for _, s := range next {
		before := old[s.cfg.ID]
		if before == s {
			continue
		}
		if s.inherit(before, begin != nil); s.uid == 0 {
			s.uid = pickUID(s.cfg.ID, taken)
			taken[s.uid] = true
		}
		if begin != nil {
			begin(s)
		}
	}
	h.mu.Unlock()
	for id, s := range old {
		if byID[id] != s && s.cancel != nil {
			h.end(s, byID[id] == nil)
		}
	}
	return nil
}

// end stops a supervisor. Where no other follows it, what was shown of it goes with it.
func (h *Host) end(s *supervisor, forget bool) {
	s.mu.Lock()
	s.forget = forget
	s.mu.Unlock()
	s.cancel()
}

// prepare checks a configuration.
func (h *Host) prepare(cfg Config) (*supervisor, error) {
	if !idRE.MatchString(cfg.ID) {
		return nil, fmt.Errorf("plugin id %q: want 1 to 48 characters of a-z, 0-9, _ and -", cfg.ID)
	}
	settings, err := json.Marshal(cfg.Settings)
	if err != nil {
		return nil, fmt.Errorf("settings of plugin %s: %w", cfg.ID, err)
	}
	if cfg.Settings == nil {
		settings = []byte("{}")
	}
	if sum, err := hex.DecodeString(cfg.SHA256); err != nil || len(sum) != 0 && len(sum) != 32 {
		return nil, fmt.Errorf("plugin %s: sha256 must be 64 hexadecimal digits", cfg.ID)
	}
	limitDefaults(&cfg.Limits)
	cfg.Settings = nil // kept as JSON alone
	cfg.Args, cfg.Permissions = slices.Clone(cfg.Args), slices.Clone(cfg.Permissions)
	return newSupervisor(h, cfg, string(settings), strconv.FormatInt(h.folders.Add(1), 10)), nil
}

// same reports whether two supervisors would do the same.
func (s *supervisor) same(o *supervisor) bool {
	return s.settings == o.settings && reflect.DeepEqual(s.cfg, o.cfg)
}

// inherit takes over what outlives a change of the configuration.
func (s *supervisor) inherit(before *supervisor, running bool) {
	if before == nil {
		return
	}
	s.uid, s.tail, s.refs = before.uid, before.tail, before.refs
	if running {
		s.after = before.ended
	}
	was := before.snapshot()
	s.status.Name, s.status.Version = was.Name, was.Version
	s.status.Restarts, s.status.Delivered, s.status.Failed = was.Restarts, was.Delivered, was.Failed
}

// Probe is what a plugin says of itself and of settings.
type Probe struct {
	Name, Version string
	Schema        string   // of the settings, JSON Schema
	Capabilities  []string // as in nvr.PluginStatus
	Limits        []string // that applied
	// Diagnostics are the plugin's complaints about the settings; none: it accepts them.
	Diagnostics []Diagnostic
}

// Diagnostic is one thing that is wrong with settings.
type Diagnostic struct {
	Path    string // "url", "headers.Authorization"; empty: all of them
	Message string // one sentence for a person
}

// Probe starts a plugin once beside whatever runs, asks what it is and what it makes of cfg's settings, and stops it.
// The error, with nvr.CodeInvalid, says why it could not be asked.
func (h *Host) Probe(ctx context.Context, cfg Config) (Probe, error) {
	s, err := h.prepare(cfg)
	if err != nil {
		return Probe{}, &nvr.Error{Code: nvr.CodeInvalid, Message: err.Error()}
	}
	probe := &Host{opts: h.opts, bus: h.bus, log: h.log, met: newMetrics(nil)}
	h.mu.Lock()
	probe.cgroups = h.cgroups
	taken := map[int]bool{}
	for _, s := range h.byID {
		taken[s.uid] = true
	}
	h.mu.Unlock()
	s.host, s.uid = probe, pickUID("probe-"+cfg.ID, taken)
	probe.opts.RunDir, probe.opts.Callbacks = "", nil
	dir, cleanup, err := probe.runDir()
	if err != nil {
		return Probe{}, err
	}
	defer cleanup()
	in := &instance{s: s, dir: filepath.Join(dir, s.folder)}
	defer in.close()
	p, err := in.probe(ctx)
	if err != nil && ctx.Err() == nil {
		return p, &nvr.Error{Code: nvr.CodeInvalid, Message: err.Error()}
	}
	return p, err
}

func (in *instance) probe(ctx context.Context) (Probe, error) {
	var p Probe
	err := in.begin(ctx, func(ctx context.Context) error {
		if err := in.describe(ctx); err != nil {
			return err
		}
		ds, err := in.tryConfigure(ctx)
		for _, d := range ds[:min(len(ds), 50)] {
			p.Diagnostics = append(p.Diagnostics, Diagnostic{Path: clip(d.GetPath(), 100), Message: clip(d.GetMessage(), 200)})
		}
		return err
	})
	p.Name, p.Version, p.Schema, p.Capabilities = in.name, in.version, in.schema, in.powers
	if err != nil {
		return p, err
	}
	p.Limits = in.proc.limits
	in.stop(ctx)
	return p, nil
}
