package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
	"github.com/nightjar-nvr/nightjar/core/pluginhost"
)

// runningPlugins is what the notifiers need of the plugin host.
type runningPlugins interface {
	Apply(cfgs []pluginhost.Config) error
	Probe(ctx context.Context, cfg pluginhost.Config) (pluginhost.Probe, error)
	Test(ctx context.Context, id, recipient string) (nvr.DeliveryResult, error)
	Restart(id string) error
	Statuses() []nvr.PluginStatus
	Log(id string) []string
}

// notifierRows are the notifiers in the database.
type notifierRows interface {
	Notifiers(ctx context.Context) ([]nvr.Notifier, error)
	Notifier(ctx context.Context, id string) (nvr.Notifier, error)
	AddNotifier(ctx context.Context, n nvr.Notifier) (nvr.Notifier, error)
	UpdateNotifier(ctx context.Context, n nvr.Notifier) (nvr.Notifier, error)
	DeleteNotifier(ctx context.Context, id string) error
}

// Where a notifier is configured.
const (
	fromFile     = "file"
	fromDatabase = "database"
	fromDev      = "dev"
)

// instance is a configured notifier.
type instance struct {
	id, name, plugin, source string
	enabled                  bool
	settings                 map[string]any
	program                  program
	problem                  string // why it cannot run; empty: the host knows more
	created, updated         time.Time
	until                    time.Time // of a lent one: when it ends
}

// notifiers is the set of configured notifiers: those of the configuration file, those of the database, and those that a
// developer lends for a while. It resolves each to the program of its plugin and keeps the plugin host at that.
type notifiers struct {
	catalog   *plugincatalog.Catalog
	rows      notifierRows
	host      runningPlugins
	seal      *sealer
	log       *slog.Logger
	file      map[string]config.Notifier
	programs  string // folder of our own plugins
	manifests map[string]plugincatalog.Manifest
	unsigned  bool
	poll      time.Duration // between looks at what others changed
	// changed, which may be nil, hears the ids of all enabled notifiers whenever they may have changed.
	changed func(ids []string)
	// routes, which may be nil, returns all routes.
	routes func() []nvr.Route

	work sync.Mutex // one change of what runs at a time

	mu      sync.Mutex
	all     []instance // by id
	stored  []nvr.Notifier
	lent    map[string]instance
	schemas map[string]*plugincatalog.Schema // by program.key
	stamp   string                           // of the catalogue, when it was last looked at
	asked   bool                             // the database answered once
	looked  time.Time                        // when the database was last compared
}

func newNotifiers(cfg *config.Config, version string, rows notifierRows, log *slog.Logger) (*notifiers, error) {
	m, err := offlineNotifiers(cfg, version, log)
	if err != nil {
		return nil, err
	}
	m.rows = rows
	m.seal, err = newSealer(cfg.DataDir)
	return m, err
}

// offlineNotifiers knows the configuration file and the catalogue alone. It makes no file.
func offlineNotifiers(cfg *config.Config, version string, log *slog.Logger) (*notifiers, error) {
	catalog, err := plugincatalog.New(plugincatalog.Options{Dir: cfg.PluginsPath(), Core: version, AllowUnsigned: cfg.Plugins.AllowUnsigned})
	if err != nil {
		return nil, err
	}
	manifests, err := coreManifests()
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find our own plugins: %w", err)
	}
	return &notifiers{
		catalog: catalog, log: log, file: cfg.Notifiers, unsigned: cfg.Plugins.AllowUnsigned,
		programs: filepath.Join(filepath.Dir(exe), "plugins"), manifests: manifests, poll: 2 * time.Second,
		lent: map[string]instance{}, schemas: map[string]*plugincatalog.Schema{},
	}, nil
}

// configs returns what the host should run, with what is known now.
func (m *notifiers) configs() []pluginhost.Config {
	all := m.gather()
	m.mu.Lock()
	m.all = all
	m.mu.Unlock()
	out := make([]pluginhost.Config, len(all))
	for i, n := range all {
		out[i] = n.program.config(n.id, n.enabled && n.problem == "", n.settings)
	}
	return out
}

// gather merges all sources. The file wins over the database, so that it says what is true; an instance of the database
// that it hides is told.
func (m *notifiers) gather() []instance {
	m.mu.Lock()
	stored, lent := m.stored, maps.Clone(m.lent)
	m.mu.Unlock()
	var all []instance
	for id, n := range m.file {
		all = append(all, instance{id: id, name: id, plugin: n.Plugin, source: fromFile, enabled: enabled(n.Enabled), settings: n.Settings})
	}
	for _, row := range stored {
		n := instance{id: row.ID, name: row.Name, plugin: row.Plugin, source: fromDatabase, enabled: row.Enabled, created: row.Created, updated: row.Updated}
		if _, hidden := m.file[n.id]; hidden {
			m.log.Warn("a notifier of the database is not used: the configuration file has one of the same id", "plugin", n.id)
			continue
		}
		var err error
		if n.settings, err = m.seal.open(n.id, row.Settings); err != nil {
			n.problem = err.Error()
		}
		all = append(all, n)
	}
	for i := range all {
		p, err := m.resolve(all[i].plugin)
		if err != nil && all[i].problem == "" {
			all[i].problem = sentence(err)
		}
		all[i].program = p
	}
	for _, n := range lent {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b instance) int { return cmp.Compare(a.id, b.id) })
	return all
}

// sentence is an error as a person may read it.
func sentence(err error) string {
	if e := domainError(err); e != nil {
		return e.Message
	}
	return "something went wrong on the server; its log says what"
}

// Run keeps the host at what is configured, until ctx ends: it notices what the command line changes.
func (m *notifiers) Run(ctx context.Context) error {
	tick := time.NewTicker(m.poll)
	defer tick.Stop()
	for {
		if m.due() || m.elsewhere(ctx) {
			if err := m.reconcile(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("notifiers could not be brought up to date, trying again", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// due reports whether something may have changed: the catalogue, a lease, or the database was not asked yet.
func (m *notifiers) due() bool {
	stamp := m.catalog.Stamp()
	m.mu.Lock()
	defer m.mu.Unlock()
	ended := false
	for id, n := range m.lent {
		if time.Now().After(n.until) {
			delete(m.lent, id)
			ended = true
		}
	}
	return ended || !m.asked || stamp != m.stamp
}

// elsewhere reports, every few seconds, whether another node changed notifiers in the database.
func (m *notifiers) elsewhere(ctx context.Context) bool {
	m.mu.Lock()
	stored, wait := m.stored, time.Since(m.looked) < reloadEvery
	if !wait {
		m.looked = time.Now()
	}
	m.mu.Unlock()
	if wait {
		return false
	}
	rows, err := m.rows.Notifiers(ctx)
	return err == nil && !slices.EqualFunc(rows, stored, func(a, b nvr.Notifier) bool { return a.ID == b.ID && a.Updated.Equal(b.Updated) })
}

// reconcile reads everything anew, proves versions that never ran, and tells the host.
func (m *notifiers) reconcile(ctx context.Context) error {
	m.work.Lock()
	defer m.work.Unlock()
	rows, err := m.rows.Notifiers(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.stored, m.asked = rows, true
	m.mu.Unlock()
	if err := m.proveAll(ctx); err != nil {
		return err
	}
	stamp := m.catalog.Stamp()
	cfgs := m.configs()
	if err := m.host.Apply(cfgs); err != nil {
		return err
	}
	m.mu.Lock()
	m.stamp = stamp
	m.mu.Unlock()
	m.learn(ctx)
	if m.changed != nil {
		var ids []string
		for _, c := range cfgs {
			if c.Enabled {
				ids = append(ids, c.ID)
			}
		}
		m.changed(ids)
	}
	return nil
}

// learn asks the programs in use for their schemas, so that lists know which settings are secrets.
func (m *notifiers) learn(ctx context.Context) {
	for _, n := range m.snapshot() {
		if n.problem != "" || m.knownSchema(n.program) != nil {
			continue
		}
		if _, err := m.schemaOf(ctx, n.program); err != nil && ctx.Err() == nil {
			m.log.Debug("a plugin does not tell its settings; all of them are kept as secrets", "plugin", n.id, "err", err)
		}
	}
}

func (m *notifiers) snapshot() []instance {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all)
}

func (m *notifiers) find(id string) (instance, error) {
	for _, n := range m.snapshot() {
		if n.id == id {
			return n, nil
		}
	}
	return instance{}, &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("notifier %s does not exist", clipText(id))}
}

// proveAll starts every version that became active and was never started, with the settings of its notifiers. One that
// fails gives way to the version before it.
func (m *notifiers) proveAll(ctx context.Context) error {
	state, err := m.catalog.Load()
	if err != nil {
		return err
	}
	for _, p := range state.Packages {
		v := p.Version(p.Active)
		if v == nil || v.Proved || p.Disabled || m.catalog.Modified(*v) != nil {
			continue
		}
		err := m.prove(ctx, p.ID)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			err = m.catalog.Prove(p.ID, p.Active)
		default:
			if now, perr := m.catalog.Package(p.ID); perr != nil || now.Active != p.Active {
				continue // meanwhile the command line chose another version; that one is proved next
			}
			m.log.Error("a plugin failed when it was started for the first time and is rolled back", "plugin", p.ID, "version", p.Active, "err", err)
			_, err = m.catalog.RollBack(p.ID, sentence(err), "nightjar")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prove starts the active version once for each notifier of it, or once where there is none.
func (m *notifiers) prove(ctx context.Context, id string) error {
	p, err := m.resolve(id)
	if nvr.ErrorCode(err) == nvr.CodeForbidden {
		return nil // it is not going to run; nothing is known of it
	}
	if err != nil {
		return err
	}
	tries := []pluginhost.Config{}
	for _, n := range m.gather() {
		if n.plugin == id && n.enabled && n.problem == "" {
			tries = append(tries, p.config(n.id, true, n.settings))
		}
	}
	users := len(tries)
	if users == 0 {
		tries = append(tries, p.config("probe", true, nil))
	}
	for _, cfg := range tries {
		probe, err := m.probe(ctx, cfg)
		switch {
		case err != nil:
			return err
		case probe.Version != p.version:
			return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("it says it is version %s, its manifest says %s", clipText(probe.Version), p.version)}
		case users > 0 && len(probe.Diagnostics) > 0:
			d := probe.Diagnostics[0]
			return &nvr.Error{Code: nvr.CodeInvalid, Message: strings.TrimPrefix(fmt.Sprintf("it refuses the settings of notifier %s: %s %s", cfg.ID, d.Path, d.Message), " ")}
		}
	}
	return nil
}

// probe asks twice: a machine that is busy for a moment must not cost an upgrade.
func (m *notifiers) probe(ctx context.Context, cfg pluginhost.Config) (pluginhost.Probe, error) {
	p, err := m.host.Probe(ctx, cfg)
	if err != nil && ctx.Err() == nil {
		return m.host.Probe(ctx, cfg)
	}
	return p, err
}

func millisOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// The API's view of a notifier.
func (m *notifiers) view(n instance, statuses map[string]nvr.PluginStatus) httpapi.Notifier {
	st := statuses[n.id]
	out := httpapi.Notifier{
		ID: n.id, Name: n.name, Plugin: n.plugin, PluginName: cmp.Or(n.program.name, st.Name, n.plugin), Version: cmp.Or(st.Version, n.program.version),
		Trust: string(n.program.trust), Source: n.source, Enabled: n.enabled, State: string(st.State), Reason: st.Reason,
		Since: millisOf(st.Since), RetryAt: millisOf(st.RetryAt), Restarts: st.Restarts, Delivered: st.Delivered, Failed: st.Failed,
		Memory: st.Memory, Limits: append([]string{}, st.Limits...), Capabilities: append([]string{}, st.Capabilities...),
		CreatedAt: millisOf(n.created), UpdatedAt: millisOf(n.updated),
	}
	out.Warning = m.warning(n)
	out.Settings, out.SecretsSet = m.knownSchema(n.program).Redact(n.settings)
	out.SecretsSet = append([]string{}, out.SecretsSet...)
	return out
}

// warning says why nobody hears of anything by a notifier that seems right.
func (m *notifiers) warning(n instance) string {
	if m.routes == nil || n.source == fromDev {
		return ""
	}
	all, on, somebody := 0, 0, 0
	for _, r := range m.markNobody(m.routes()) {
		if r.Notifier != n.id {
			continue
		}
		all++
		if !r.Disabled {
			on++
			if !r.Nobody {
				somebody++
			}
		}
	}
	switch {
	case all == 0:
		return "no route sends alerts to it, so it tells nothing: add one"
	case on == 0:
		return "all routes that send alerts to it are switched off, so it tells nothing"
	case somebody == 0:
		return "nobody has subscribed a browser to it, so it tells nothing: people do that on the page Notifications, under Browser"
	case !n.enabled:
		return "it is switched off: alerts that routes send to it wait, and expire untold"
	}
	return ""
}

func (m *notifiers) statuses() map[string]nvr.PluginStatus {
	out := map[string]nvr.PluginStatus{}
	for _, s := range m.Statuses() {
		out[s.ID] = s
	}
	return out
}

// Statuses returns the state of every notifier, also of those for which there is no program to run.
func (m *notifiers) Statuses() []nvr.PluginStatus {
	running := map[string]nvr.PluginStatus{}
	for _, s := range m.host.Statuses() {
		running[s.ID] = s
	}
	var out []nvr.PluginStatus
	for _, n := range m.snapshot() {
		st, ok := running[n.id]
		if !ok {
			st = nvr.PluginStatus{ID: n.id, Name: n.name, State: nvr.PluginDisabled}
		}
		if n.problem != "" {
			st.Reason = n.problem
			if n.enabled {
				st.State = nvr.PluginIncompat
			}
		}
		out = append(out, st)
	}
	return out
}
