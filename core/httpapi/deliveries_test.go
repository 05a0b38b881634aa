package httpapi

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
)

// storedDesk is the outbox of a real store, and routes in memory, of which one is of the file.
type storedDesk struct {
	*store.Store
	routes []nvr.Route
}

func (d *storedDesk) Retry(ctx context.Context, id string) error {
	return d.RetryDelivery(ctx, id, time.Now().Add(time.Hour))
}
func (d *storedDesk) Routes() []nvr.Route     { return d.routes }
func (d *storedDesk) FromFile(id string) bool { return id == "file" }
func (d *storedDesk) PutRoute(_ context.Context, r nvr.Route) error {
	d.routes = append(d.routes, r)
	return nil
}

func (d *storedDesk) DeleteRoute(_ context.Context, id string) error {
	return &nvr.Error{Code: nvr.CodeNotFound, Message: "route " + id + " does not exist"}
}

func (d *storedDesk) Preview(_ context.Context, title, text, phase, _ string) (string, string, error) {
	return title + phase, text, nil
}

func (d *storedDesk) Explain(nvr.Event) []RouteVerdict {
	return []RouteVerdict{NewRouteVerdict(d.routes[0], false, "a cat", []nvr.Condition{{Name: "label", Detail: "a cat"}})}
}

func (w *world) testDeliveries(t *testing.T) {
	ctx := t.Context()
	save := func(camera nvr.CameraID, to string) nvr.Delivery {
		e := nvr.Event{ID: uuid.Must(uuid.NewV7()).String(), Camera: camera, Kind: nvr.EventObject, Label: "person", Start: t0, Revision: 1, Severity: nvr.SeverityHigh}
		d := nvr.Delivery{
			ID: uuid.Must(uuid.NewV7()).String(), EventID: e.ID, Plugin: "hook", Recipient: to, Route: "file", Revision: 1, Phase: nvr.PhaseNew, ExpiresAt: t0,
		}
		if err := w.store.SaveEvent(ctx, e, []nvr.Delivery{d}); err != nil {
			t.Fatal(err)
		}
		d.State, d.Attempts, d.LastError = nvr.DeliveryFailed, 1, "no such chat: "+to
		if err := w.store.SettleDelivery(ctx, d, &nvr.DeliveryAttempt{Outcome: "failed", Detail: "no such chat: " + to, Duration: time.Second}); err != nil {
			t.Fatal(err)
		}
		return d
	}
	gone, seen := save("removed", "eve"), save("front", "ada")
	list := func(token, query string) (p DeliveryPage) {
		w.do(request{path: "/api/v1/deliveries" + query, token: token}, &p)
		return p
	}
	if p := list(w.admin, "?state=failed&state=expired&limit=1"); len(p.Items) != 1 || p.Items[0].ID != seen.ID || p.NextCursor == "" || p.Items[0].Recipient != "ada" {
		t.Errorf("%+v", p)
	} else if p = list(w.admin, "?state=failed&cursor="+p.NextCursor); len(p.Items) != 1 || p.Items[0].ID != gone.ID {
		t.Errorf("second page: %+v", p)
	}
	if p := list(w.viewer, "?notifier=hook"); len(p.Items) != 1 || p.Items[0].Recipient != "" || p.Items[0].Camera != "front" {
		t.Errorf("a viewer sees %+v", p)
	}
	var one Delivery
	w.do(request{path: "/api/v1/deliveries/" + seen.ID, token: w.viewer}, &one)
	if len(one.History) != 1 || one.History[0].DurationMS != 1000 || one.Reason != "no such chat: …" || one.History[0].Detail != one.Reason || one.State != "failed" || one.NextAt != 0 {
		t.Errorf("%+v", one)
	}
	for _, path := range []string{"/deliveries/" + gone.ID, "/events/" + gone.EventID + "/deliveries", "/deliveries/x", "/deliveries/" + uuid.NewString()} {
		if resp := w.do(request{path: "/api/v1" + path, token: w.viewer}, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if resp := w.do(request{method: "POST", path: "/api/v1/deliveries/" + gone.ID + "/acknowledge", token: w.viewer}, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("acknowledge what one may not see: %s", resp.Status)
	}
	var a Acknowledgement
	w.do(request{method: "POST", path: "/api/v1/deliveries/" + seen.ID + "/acknowledge", token: w.viewer}, &a)
	var of EventDeliveries
	w.do(request{path: "/api/v1/events/" + seen.EventID + "/deliveries", token: w.admin}, &of)
	if !a.First || len(of.Items) != 1 || of.Items[0].Seen.By != "vera" || of.Items[0].Seen.At == 0 || len(of.Items[0].History) != 1 {
		t.Errorf("%+v %+v", a, of)
	}
	retry := request{method: "POST", path: "/api/v1/deliveries/" + seen.ID + "/retry", token: w.admin}
	if resp := w.do(retry, nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("retry: %s", resp.Status)
	}
	if resp := w.do(retry, nil); resp.StatusCode != http.StatusConflict {
		t.Errorf("retry of a pending one: %s", resp.Status)
	}
	var q QueueList
	w.do(request{path: "/api/v1/delivery-queues", token: w.admin}, &q)
	if len(q.Queues) != 1 || q.Queues[0].Pending != 1 || q.Queues[0].Oldest == 0 {
		t.Errorf("%+v", q)
	}
	w.testSnoozes(t)
	w.testRoutes(t)
}

func (w *world) testSnoozes(t *testing.T) {
	add := func(token string, z SnoozeRequest) int {
		return w.do(request{method: "POST", path: "/api/v1/snoozes", token: token, body: z}, nil).StatusCode
	}
	if add(w.admin, SnoozeRequest{Notifier: "hook", Recipient: "ada", Camera: "front", Seconds: 3600}) != http.StatusNoContent {
		t.Error("snooze refused")
	}
	if add(w.admin, SnoozeRequest{Camera: "cellar", Seconds: 3600}) != http.StatusNotFound || add(w.admin, SnoozeRequest{Recipient: "ada", Seconds: 3600}) == http.StatusNoContent ||
		add(w.admin, SnoozeRequest{Seconds: 1}) == http.StatusNoContent || add(w.viewer, SnoozeRequest{Seconds: 3600}) != http.StatusForbidden {
		t.Error("a bad snooze is taken")
	}
	var l SnoozeList
	w.do(request{path: "/api/v1/snoozes", token: w.viewer}, &l)
	if len(l.Snoozes) != 1 || l.Snoozes[0].Recipient != "" || l.Snoozes[0].By != "admin" {
		t.Errorf("%+v", l)
	}
	end := request{method: "DELETE", path: "/api/v1/snoozes?notifier=hook&recipient=ada&camera=front", token: w.admin}
	if first, second := w.do(end, nil).StatusCode, w.do(end, nil).StatusCode; first != http.StatusNoContent || second != http.StatusNotFound {
		t.Errorf("end: %d, again: %d", first, second)
	}
}

func (w *world) testRoutes(t *testing.T) {
	var l RouteList
	w.do(request{path: "/api/v1/routes", token: w.admin}, &l)
	if len(l.Routes) != 1 || !l.Routes[0].FromFile || l.Routes[0].Quiet[0].From != 1320 || l.Routes[0].Escalate.AfterSeconds != 300 {
		t.Fatalf("%+v", l)
	}
	r := l.Routes[0]
	r.ID = "mine"
	put := func(path string, r Route) int {
		return w.do(request{method: "PUT", path: "/api/v1/routes/" + path, token: w.admin, body: r}, nil).StatusCode
	}
	if put("other", r) == http.StatusNoContent {
		t.Error("two ids are taken")
	}
	r.Cameras = []string{"cellar"}
	if put("mine", r) == http.StatusNoContent {
		t.Error("an unknown camera is taken")
	}
	r.Cameras = []string{"front"}
	if put("mine", r) != http.StatusNoContent {
		t.Fatal("route refused")
	}
	w.do(request{path: "/api/v1/routes", token: w.admin}, &l)
	if len(l.Routes) != 2 || l.Routes[1].Notifier != "hook" || len(l.Routes[1].Quiet) != 1 || l.Routes[1].Quiet[0].Days[0] != 6 || l.Routes[1].Rate.PerSeconds != 60 {
		t.Errorf("%+v", l.Routes)
	}
	var p TemplatePreview
	w.do(request{method: "POST", path: "/api/v1/routes/preview", token: w.admin, body: TemplateRequest{Title: "x"}}, &p)
	if p.Title != "xnew" {
		t.Errorf("%+v", p)
	}
	var v RouteVerdicts
	w.do(request{path: "/api/v1/events/" + w.eventID + "/routes", token: w.admin}, &v)
	if len(v.Routes) != 1 || v.Routes[0].Why != "a cat" || v.Routes[0].Conditions[0].Name != "label" {
		t.Errorf("%+v", v)
	}
}
