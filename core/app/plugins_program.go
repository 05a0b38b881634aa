package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
	"github.com/nightjar-nvr/nightjar/core/pluginhost"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/manifest"
)

// coreBinary holds all notifiers of ours; its first argument says which it is.
const coreBinary = "notifiers"

// program is what is to be started for a notifier.
type program struct {
	name        string
	version     string
	path        string
	dir         string // it may read; empty: its file alone
	args        []string
	sha256      string
	trust       plugincatalog.Trust
	permissions []string // nil: no manifest
	limits      plugincatalog.Limits
	schema      json.RawMessage // nil: the plugin is asked
}

// key tells programs apart whose settings may differ.
func (p program) key() string {
	key := p.path + "\x00" + strings.Join(p.args, "\x00") + "\x00" + p.sha256
	if p.sha256 == "" {
		if info, err := os.Stat(p.path); err == nil {
			key += info.ModTime().String()
		}
	}
	return key
}

func (p program) config(id string, enabled bool, settings map[string]any) pluginhost.Config {
	return pluginhost.Config{
		ID: id, Path: p.path, Args: p.args, Dir: p.dir, SHA256: p.sha256, Enabled: enabled, Settings: settings, Permissions: p.permissions,
		Limits: pluginhost.Limits{Memory: int64(p.limits.MemoryMB) << 20}, Notify: time.Duration(p.limits.NotifySeconds) * time.Second,
	}
}

// resolve finds the program of what a notifier names as its plugin: the id of an installed one, the name of one of
// ours, or, from the configuration file alone, the path of a program.
func (m *notifiers) resolve(ref string) (program, error) {
	switch {
	case filepath.IsAbs(ref):
		// A script brings its packages along, in the folder it lies in.
		return program{name: filepath.Base(ref), path: ref, dir: filepath.Dir(ref), trust: plugincatalog.TrustLocal}, nil
	case strings.Contains(ref, "."):
		p, err := m.catalog.Resolve(ref)
		if err != nil {
			return program{}, err
		}
		return program{
			name: p.Manifest.Name, version: p.Manifest.Version, path: p.Path, args: p.Args, sha256: p.SHA256, trust: p.Trust,
			permissions: append([]string{}, p.Manifest.Permissions...), limits: p.Manifest.Limits, schema: p.Manifest.ConfigSchema,
		}, nil
	}
	return m.resolveCore(ref)
}

// resolveCore finds one of our own: an applet of the binary of all, else a program of that name.
func (m *notifiers) resolveCore(name string) (program, error) {
	p := program{name: name, trust: plugincatalog.TrustCore}
	all, one := filepath.Join(m.programs, coreBinary), filepath.Join(m.programs, name)
	_, err := os.Stat(all)
	switch {
	case err == nil && slices.Contains(manifest.Names(), name):
		p.path, p.args = all, []string{name}
	case executable(one):
		p.path = one
	case slices.Contains(manifest.Names(), name):
		p.path = one // the host says that it is not there
	default:
		return program{}, &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf(
			"there is no plugin %q: name one of %s, the id of an installed one, or, in the configuration file, the path of a program", clipText(name), strings.Join(manifest.Names(), ", "))}
	}
	if man, ok := m.manifests[name]; ok {
		p.name, p.version, p.limits, p.schema = man.Name, man.Version, man.Limits, man.ConfigSchema
		p.permissions = append([]string{}, man.Permissions...)
	}
	return p, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func clipText(s string) string {
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// schemaOf returns what a program's settings must look like: from its manifest, or asked of it once. It is nil where the
// program cannot be asked; the error says why.
func (m *notifiers) schemaOf(ctx context.Context, p program) (*plugincatalog.Schema, error) {
	if s := m.knownSchema(p); s != nil {
		return s, nil
	}
	raw := []byte(p.schema)
	if len(raw) == 0 {
		probe, err := m.host.Probe(ctx, p.config("schema", true, nil))
		if err != nil {
			return nil, err
		}
		raw = []byte(probe.Schema)
	}
	s, err := plugincatalog.ParseSchema(raw)
	if err != nil {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("the settings schema of plugin %s %v", p.name, err)}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.schemas[p.key()] = s
	return s, nil
}

// knownSchema returns the schema where it needs no asking.
func (m *notifiers) knownSchema(p program) *plugincatalog.Schema {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.schemas[p.key()]
}
