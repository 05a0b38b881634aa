package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/plugincatalog"
)

// This file is the API's notifierService.

func domainError(err error) *nvr.Error {
	var e *nvr.Error
	errors.As(err, &e)
	return e
}

// Notifiers implements the API's list.
func (m *notifiers) Notifiers(context.Context) ([]httpapi.Notifier, error) {
	statuses := m.statuses()
	var out []httpapi.Notifier
	for _, n := range m.snapshot() {
		out = append(out, m.view(n, statuses))
	}
	return out, nil
}

func (m *notifiers) one(id string) (httpapi.Notifier, error) {
	n, err := m.find(id)
	if err != nil {
		return httpapi.Notifier{}, err
	}
	return m.view(n, m.statuses()), nil
}

// AddNotifier implements the API's configuring of a notifier.
func (m *notifiers) AddNotifier(ctx context.Context, r httpapi.NewNotifier, by string) (httpapi.Notifier, error) {
	if filepath.IsAbs(r.Plugin) {
		return httpapi.Notifier{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "a program can be named by its path in the configuration file only; install it as a plugin instead"}
	}
	if strings.HasPrefix(r.ID, devPrefix) {
		return httpapi.Notifier{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "ids that begin with " + devPrefix + " are for programs under development: choose another id"}
	}
	if _, err := m.find(r.ID); err == nil {
		return httpapi.Notifier{}, &nvr.Error{Code: nvr.CodeConflict, Message: "notifier " + r.ID + " exists already: choose another id"}
	}
	p, err := m.resolve(r.Plugin)
	if err != nil {
		return httpapi.Notifier{}, err
	}
	settings, err := m.accept(ctx, r.ID, p, nil, r.Settings)
	if err != nil {
		return httpapi.Notifier{}, err
	}
	sealed, err := m.seal.seal(r.ID, settings)
	if err != nil {
		return httpapi.Notifier{}, err
	}
	name := r.Name
	if name == "" {
		name = r.ID
	}
	if _, err := m.rows.AddNotifier(ctx, nvr.Notifier{ID: r.ID, Name: name, Plugin: r.Plugin, Enabled: enabled(r.Enabled), Settings: sealed}); err != nil {
		return httpapi.Notifier{}, err
	}
	m.log.Info("notifier added", "plugin", r.ID, "package", r.Plugin, "by", by)
	if err := m.reconcile(ctx); err != nil {
		return httpapi.Notifier{}, err
	}
	return m.one(r.ID)
}

// UpdateNotifier implements the API's change of a notifier.
func (m *notifiers) UpdateNotifier(ctx context.Context, id string, r httpapi.NotifierChange, by string) (httpapi.Notifier, error) {
	n, err := m.editable(id)
	if err != nil {
		return httpapi.Notifier{}, err
	}
	row, err := m.rows.Notifier(ctx, id)
	if err != nil {
		return httpapi.Notifier{}, err
	}
	if r.Name != nil && *r.Name != "" {
		row.Name = *r.Name
	}
	if r.Enabled != nil {
		row.Enabled = *r.Enabled
	}
	if r.Settings != nil {
		p, err := m.resolve(n.plugin)
		if err != nil {
			return httpapi.Notifier{}, err
		}
		settings, err := m.accept(ctx, id, p, n.settings, *r.Settings)
		if err != nil {
			return httpapi.Notifier{}, err
		}
		if row.Settings, err = m.seal.seal(id, settings); err != nil {
			return httpapi.Notifier{}, err
		}
	}
	if _, err := m.rows.UpdateNotifier(ctx, row); err != nil {
		return httpapi.Notifier{}, err
	}
	m.log.Info("notifier changed", "plugin", id, "settings", r.Settings != nil, "enabled", row.Enabled, "by", by)
	if err := m.reconcile(ctx); err != nil {
		return httpapi.Notifier{}, err
	}
	return m.one(id)
}

// accept lays settings over the old ones and has schema and plugin check them.
func (m *notifiers) accept(ctx context.Context, id string, p program, old, settings map[string]any) (map[string]any, error) {
	schema, err := m.schemaOf(ctx, p)
	if err != nil {
		return nil, err
	}
	merged := schema.Merge(old, settings)
	if wrong := schema.Check(merged); len(wrong) > 0 {
		return nil, refused(wrong)
	}
	probe, err := m.probe(ctx, p.config(id, true, merged))
	if err != nil {
		return nil, err
	}
	var wrong []plugincatalog.SettingError
	for _, d := range probe.Diagnostics {
		wrong = append(wrong, plugincatalog.SettingError{Path: d.Path, Message: d.Message})
	}
	if len(wrong) > 0 {
		return nil, refused(wrong)
	}
	return merged, nil
}

// refused is what is wrong with settings, as one sentence and by field.
func refused(wrong []plugincatalog.SettingError) error {
	var texts []string
	out := &httpapi.FormError{}
	for _, w := range wrong {
		texts = append(texts, w.Error())
		out.Fields = append(out.Fields, httpapi.FieldError{Path: strings.TrimSuffix("settings."+w.Path, "."), Message: w.Message})
	}
	out.Cause = &nvr.Error{Code: nvr.CodeInvalid, Message: "the settings are not right: " + strings.Join(texts, "; ")}
	return out
}

// editable finds a notifier that can be changed here.
func (m *notifiers) editable(id string) (instance, error) {
	n, err := m.find(id)
	if err == nil && n.source != fromDatabase {
		err = &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("notifier %s is in the configuration file: change it there and restart Nightjar", id)}
		if n.source == fromDev {
			err = &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("notifier %s belongs to a running nightjar plugin dev: stop that", id)}
		}
	}
	return n, err
}

// routesOf are the ids of the routes that tell by a notifier.
func (m *notifiers) routesOf(id string) (out []string) {
	if m.routes == nil {
		return nil
	}
	for _, r := range m.routes() {
		if r.Notifier == id {
			out = append(out, r.ID)
		}
	}
	return out
}

// RemoveNotifier implements the API's removal of a notifier. Its routes would tell nobody any more without anybody
// noticing, so they go first.
func (m *notifiers) RemoveNotifier(ctx context.Context, id, by string) error {
	n, err := m.find(id)
	if err == nil && n.source == fromDev { // its developer is done
		m.mu.Lock()
		delete(m.lent, id)
		m.mu.Unlock()
		return m.reconcile(ctx)
	}
	if _, err := m.editable(id); err != nil {
		return err
	}
	if users := m.routesOf(id); len(users) > 0 {
		return &nvr.Error{Code: nvr.CodeConflict, Message: fmt.Sprintf("notifier %s is used by the routes %s: remove those first, or have them use another", id, strings.Join(users, ", "))}
	}
	if err := m.rows.DeleteNotifier(ctx, id); err != nil {
		return err
	}
	m.log.Info("notifier removed", "plugin", id, "by", by)
	return m.reconcile(ctx)
}

// TestNotifier implements the API's example.
func (m *notifiers) TestNotifier(ctx context.Context, id, recipient string) (nvr.DeliveryResult, error) {
	n, err := m.find(id)
	if err != nil {
		return nvr.DeliveryResult{}, err
	}
	if n.problem != "" {
		return nvr.DeliveryResult{}, &nvr.Error{Code: nvr.CodeConflict, Message: n.problem}
	}
	return m.host.Test(ctx, id, recipient)
}

// RestartNotifier implements the API's new start.
func (m *notifiers) RestartNotifier(_ context.Context, id string) error {
	if _, err := m.find(id); err != nil {
		return err
	}
	return m.host.Restart(id)
}

// NotifierLog implements the API's last words.
func (m *notifiers) NotifierLog(_ context.Context, id string) ([]string, error) {
	if _, err := m.find(id); err != nil {
		return nil, err
	}
	return m.host.Log(id), nil
}

// devPrefix begins the ids of programs under development.
const devPrefix = "dev-"

// LendNotifier implements the API's loan for developers.
func (m *notifiers) LendNotifier(ctx context.Context, id string, r httpapi.LentNotifier, lease time.Duration) (httpapi.Notifier, error) {
	if !strings.HasPrefix(id, devPrefix) {
		return httpapi.Notifier{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "the id of a program under development must begin with " + devPrefix}
	}
	if !filepath.IsAbs(r.Path) {
		return httpapi.Notifier{}, &nvr.Error{Code: nvr.CodeInvalid, Message: "name the program by its absolute path"}
	}
	n := instance{
		id: id, name: id, plugin: r.Path, source: fromDev, enabled: true, settings: r.Settings, until: time.Now().Add(lease),
		program: program{name: filepath.Base(r.Path), path: r.Path, args: r.Args, permissions: r.Permissions, trust: plugincatalog.TrustUnsigned},
	}
	m.mu.Lock()
	m.lent[id] = n
	m.mu.Unlock()
	if err := m.reconcile(ctx); err != nil {
		return httpapi.Notifier{}, err
	}
	return m.one(id)
}
