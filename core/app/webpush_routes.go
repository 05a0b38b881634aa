package app

import (
	"context"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// tellsBrowsers reports whether a notifier pushes to browsers, which subscribe to it one by one.
func tellsBrowsers(n instance) bool { return n.settings["service"] == "webpush" }

// markNobody returns routes with Nobody set where neither route nor notifier name a browser: each browser that subscribes
// gets a route of its own, so such a route of the configuration file would only be refused, alert by alert.
func (m *notifiers) markNobody(routes []nvr.Route) []nvr.Route {
	all, out := m.snapshot(), routes
	for i, r := range routes {
		if len(r.Recipients) > 0 {
			continue
		}
		n := slices.IndexFunc(all, func(n instance) bool { return n.id == r.Notifier })
		if n < 0 || !tellsBrowsers(all[n]) || namesSomebody(all[n]) {
			continue
		}
		if &out[0] == &routes[0] { // the caller's stay as they are
			out = slices.Clone(routes)
		}
		out[i].Nobody = true
	}
	return out
}

// namesSomebody reports whether the settings of a notifier name recipients for routes that name none.
func namesSomebody(n instance) bool {
	switch list := n.settings["recipients"].(type) {
	case []any:
		return len(list) > 0
	case []string:
		return len(list) > 0
	}
	return false
}

// forgetBrowser removes the route of a browser whose subscription the push notifier has deleted: the push service said
// that it is gone (RFC 8030 §7.3).
func (a *App) forgetBrowser(ctx context.Context, notifier, key string) {
	id, ok := strings.CutPrefix(key, pushStore)
	if !ok || !strings.HasPrefix(id, browserRoute) {
		return
	}
	own := func(r nvr.Route) bool {
		return r.ID == id && r.Notifier == notifier && slices.Equal(r.Recipients, []string{id})
	}
	if !slices.ContainsFunc(a.routes.Routes(), own) {
		return
	}
	if err := a.routes.DeleteRoute(ctx, id); err != nil {
		a.log.Warn("the route of a browser that ended its subscription stays: remove it", "route", id, "err", err)
		return
	}
	a.log.Info("route of a browser removed: it ended its subscription", "route", id)
}
