package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
	"github.com/nightjar-nvr/nightjar/plugins/notifiers/manifest"
)

// This file is the API's pluginCatalog.

// Plugins implements the API's list.
func (m *notifiers) Plugins(context.Context) (httpapi.PluginList, error) {
	state, err := m.catalog.Load()
	if err != nil {
		return httpapi.PluginList{}, err
	}
	out := httpapi.PluginList{Plugins: []httpapi.Package{}, Keys: []httpapi.PluginKey{}, AllowUnsigned: m.unsigned, Platform: plugincatalog.Platform()}
	for _, name := range manifest.Names() {
		out.Plugins = append(out.Plugins, m.corePackage(name))
	}
	for _, p := range state.Packages {
		out.Plugins = append(out.Plugins, m.packageOf(state, p))
	}
	for _, k := range state.Keys {
		out.Keys = append(out.Keys, keyOf(k))
	}
	return out, nil
}

func keyOf(k plugincatalog.Key) httpapi.PluginKey {
	return httpapi.PluginKey{Fingerprint: k.Fingerprint, Name: k.Name, AddedAt: millisOf(k.AddedAt), AddedBy: k.AddedBy}
}

// corePackage is one of our own, as a package.
func (m *notifiers) corePackage(name string) httpapi.Package {
	man := m.manifests[name]
	v := versionOf(plugincatalog.State{}, plugincatalog.Version{Manifest: man, State: plugincatalog.VersionApproved})
	v.Trust = string(plugincatalog.TrustCore)
	out := httpapi.Package{
		ID: name, Name: cmp.Or(man.Name, name), Trust: v.Trust, Enabled: true, Active: man.Version, Notifiers: m.users(name), Versions: []httpapi.PackageVersion{v},
	}
	if p, err := m.resolve(name); err != nil || !executable(p.path) {
		out.Problem = "its program is missing beside nightjar: install Nightjar completely"
	}
	return out
}

func (m *notifiers) packageOf(state plugincatalog.State, p plugincatalog.Package) httpapi.Package {
	out := httpapi.Package{
		ID: p.ID, Name: p.ID, Enabled: !p.Disabled, Active: p.Active, Previous: p.Previous, Notifiers: m.users(p.ID), Versions: []httpapi.PackageVersion{},
	}
	shown := p.Version(p.Active)
	if shown == nil && len(p.Versions) > 0 {
		shown = &p.Versions[0]
	}
	if shown != nil {
		out.Name, out.Trust = shown.Manifest.Name, string(state.Trust(*shown))
		out.Modified = p.Active != "" && m.catalog.Modified(*shown) != nil
	}
	if _, err := m.catalog.Resolve(p.ID); err != nil {
		out.Problem = sentence(err)
	}
	for _, v := range p.Versions {
		out.Versions = append(out.Versions, versionOf(state, v))
	}
	return out
}

// users are the notifiers of a plugin.
func (m *notifiers) users(plugin string) []string {
	out := []string{}
	for _, n := range m.snapshot() {
		if n.plugin == plugin {
			out = append(out, n.id)
		}
	}
	return out
}

func versionOf(state plugincatalog.State, v plugincatalog.Version) httpapi.PackageVersion {
	man := v.Manifest
	out := httpapi.PackageVersion{
		Version: man.Version, State: string(v.State), Reason: v.Reason, Trust: string(state.Trust(v)), SHA256: v.SHA256, BundleSHA256: v.BundleSHA256,
		Signer: v.Signer, Permissions: permissionsOf(man.Permissions), Capabilities: append([]string{}, man.Capabilities...), MemoryMB: man.Limits.MemoryMB,
		Platforms: append([]string{}, slices.Sorted(maps.Keys(man.Executables))...), Homepage: man.Homepage, Licence: man.Licence,
		InstalledAt: millisOf(v.InstalledAt), InstalledBy: v.InstalledBy, ApprovedAt: millisOf(v.ApprovedAt), ApprovedBy: v.ApprovedBy,
	}
	for _, k := range state.Keys {
		if k.Fingerprint == v.Signer {
			out.SignerName = k.Name
		}
	}
	return out
}

func permissionsOf(list []string) []httpapi.PluginPermission {
	out := []httpapi.PluginPermission{}
	for _, p := range list {
		out = append(out, httpapi.PluginPermission{Name: p, Text: plugincatalog.ExplainPermission(p)})
	}
	return out
}

func (m *notifiers) reviewOf(r plugincatalog.Review) (httpapi.PluginReview, error) {
	state, err := m.catalog.Load()
	return httpapi.PluginReview{
		Plugin: m.packageOf(state, r.Package), Version: versionOf(state, r.Version), From: r.From,
		Added: permissionsOf(r.Added), Removed: permissionsOf(r.Removed), SignerChanged: r.SignerChanged,
	}, err
}

// InstallPlugin implements the API's upload.
func (m *notifiers) InstallPlugin(_ context.Context, bundle io.Reader, by string) (httpapi.PluginReview, error) {
	r, err := m.catalog.Install(bundle, by)
	if err != nil {
		return httpapi.PluginReview{}, err
	}
	m.log.Info("plugin installed, it waits for approval", "package", r.Package.ID, "version", r.Version.Manifest.Version, "sha256", r.Version.SHA256, "trust", string(r.Trust), "by", by)
	return m.reviewOf(r)
}

// ReviewPlugin implements the API's look at a version.
func (m *notifiers) ReviewPlugin(_ context.Context, id, version string) (httpapi.PluginReview, error) {
	r, err := m.catalog.Review(id, version)
	if err != nil {
		return httpapi.PluginReview{}, err
	}
	return m.reviewOf(r)
}

// ApprovePlugin implements the API's approval.
func (m *notifiers) ApprovePlugin(ctx context.Context, id, version, sum, by string) (httpapi.Package, error) {
	if _, err := m.catalog.Approve(id, version, sum, by); err != nil {
		return httpapi.Package{}, err
	}
	m.log.Info("plugin approved", "package", id, "version", version, "sha256", sum, "by", by)
	out, err := m.after(ctx, id)
	if err != nil {
		return out, err
	}
	for _, v := range out.Versions {
		if v.Version == version && v.State == string(plugincatalog.VersionRolledBack) {
			now := "nothing runs"
			if out.Active != "" {
				now = out.Active + " runs on"
			}
			return out, &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("version %s of %s was rolled back, %s: %s", version, id, now, v.Reason)}
		}
	}
	return out, nil
}

// after applies what changed in the catalogue and returns the package as it is then.
func (m *notifiers) after(ctx context.Context, id string) (httpapi.Package, error) {
	if err := m.reconcile(ctx); err != nil {
		return httpapi.Package{}, err
	}
	state, err := m.catalog.Load()
	if err != nil {
		return httpapi.Package{}, err
	}
	for _, p := range state.Packages {
		if p.ID == id {
			return m.packageOf(state, p), nil
		}
	}
	return httpapi.Package{}, &nvr.Error{Code: nvr.CodeNotFound, Message: "plugin " + clipText(id) + " is not installed"}
}

// EnablePlugin implements the API's switch.
func (m *notifiers) EnablePlugin(ctx context.Context, id string, on bool, by string) (httpapi.Package, error) {
	if _, err := m.catalog.SetEnabled(id, on, by); err != nil {
		return httpapi.Package{}, err
	}
	m.log.Info("plugin switched", "package", id, "enabled", on, "by", by)
	return m.after(ctx, id)
}

// RollBackPlugin implements the API's way back.
func (m *notifiers) RollBackPlugin(ctx context.Context, id, by string) (httpapi.Package, error) {
	if _, err := m.catalog.RollBack(id, "rolled back by "+by, by); err != nil {
		return httpapi.Package{}, err
	}
	m.log.Info("plugin rolled back", "package", id, "by", by)
	return m.after(ctx, id)
}

// RemovePluginVersion implements the API's removal of a version.
func (m *notifiers) RemovePluginVersion(_ context.Context, id, version, by string) error {
	if err := m.catalog.RemoveVersion(id, version, by); err != nil {
		return err
	}
	m.log.Info("plugin version removed", "package", id, "version", version, "by", by)
	return nil
}

// RemovePlugin implements the API's removal. Notifiers would be left without a program, so they go first.
func (m *notifiers) RemovePlugin(ctx context.Context, id, by string) error {
	if users := m.users(id); len(users) > 0 {
		return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("plugin %s is used by the notifiers %s: remove them first", id, strings.Join(users, ", "))}
	}
	if err := m.catalog.Remove(id, by); err != nil {
		return err
	}
	m.log.Info("plugin removed", "package", id, "by", by)
	return m.reconcile(ctx)
}

// PluginSchema implements the API's form.
func (m *notifiers) PluginSchema(ctx context.Context, id string) (httpapi.PluginSchema, error) {
	p, err := m.resolve(strings.TrimLeft(id, "/"))
	if err != nil {
		return httpapi.PluginSchema{}, err
	}
	s, err := m.schemaOf(ctx, p)
	if err != nil {
		return httpapi.PluginSchema{}, err
	}
	return httpapi.PluginSchema{Plugin: id, Schema: s.JSON()}, nil
}

// PluginAudit implements the API's list of steps.
func (m *notifiers) PluginAudit(_ context.Context, n int) ([]httpapi.PluginStep, error) {
	lines, err := m.catalog.Audit(n)
	out := make([]httpapi.PluginStep, len(lines))
	for i, l := range lines {
		out[i] = httpapi.PluginStep{
			Time: millisOf(l.Time), By: l.By, Action: l.Action, Plugin: l.Plugin, Version: l.Version, SHA256: l.SHA256, Detail: cmp.Or(l.Detail, l.Signer),
		}
	}
	return out, err
}

// AddPluginKey implements the API's trust in a signer.
func (m *notifiers) AddPluginKey(_ context.Context, name, public, by string) (httpapi.PluginKey, error) {
	key, err := plugincatalog.ParsePublicKey([]byte(public))
	if err != nil {
		return httpapi.PluginKey{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "this " + err.Error()}
	}
	k, err := m.catalog.TrustKey(name, key, by)
	if err == nil {
		m.log.Info("plugin signer trusted", "key", k.Fingerprint, "by", by)
	}
	return keyOf(k), err
}

// RemovePluginKey implements the API's end of it.
func (m *notifiers) RemovePluginKey(_ context.Context, fingerprint, by string) error {
	if err := m.catalog.ForgetKey(fingerprint, by); err != nil {
		return err
	}
	m.log.Info("plugin signer trusted no longer", "key", fingerprint, "by", by)
	return nil
}

// coreManifests reads the manifests of our own plugins. They are part of this program: one that is wrong is a mistake of ours.
func coreManifests() (map[string]plugincatalog.Manifest, error) {
	out := map[string]plugincatalog.Manifest{}
	for _, name := range manifest.Names() {
		raw, err := manifest.Read(name)
		if err != nil {
			return nil, err
		}
		if out[name], err = plugincatalog.ParseManifest(raw); err != nil {
			return nil, fmt.Errorf("manifest of our own plugin %s: %w", name, err)
		}
	}
	return out, nil
}
