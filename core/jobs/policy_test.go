package jobs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/event/route"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

func policies(t *testing.T, dsn string) {
	s := newStore(t, dsn, "policies")
	q, err := NewPostgres(s.Pool(), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	on(t, s, q, nil, map[string]func(*testing.T, *rig){
		"rate": testRateBecomesDigest, "quiet hours": testQuietHours, "digest": testDigest, "snooze": testSnooze,
		"escalation": testEscalation, "updates": testUpdates, "history": testHistory, "database away": testDatabaseAway, "channel away": testChannelAway,
		"members": testMembers, "joining": testJoinsNoneThatIsTold, "digest again": testDigestAgain, "gone": testGone,
	})
}

// testRateBecomesDigest: what exceeds the rate is told as one digest once there is a token, and none is lost.
func testRateBecomesDigest(t *testing.T, r *rig) {
	r.setRoutes(nvr.Route{ID: "hook", Notifier: "hook", Rate: nvr.Rate{Burst: 2, Per: 6 * time.Second}})
	p := &plugin{}
	r.dispatch(p, nil)
	var ids []string
	for range 7 {
		ids = append(ids, r.save("hook", nil))
	}
	heads := map[string]int{}
	for _, id := range ids {
		d := r.await(id, nvr.DeliveryDelivered)
		if d.DigestID == "" {
			d.DigestID = d.ID
		}
		heads[d.DigestID]++
	}
	told, most := p.all(), 0
	if len(told) != len(heads) || len(told) > 4 || len(told) < 3 {
		t.Fatalf("%d messages, %v", len(told), heads)
	}
	for _, a := range told {
		most = max(most, len(a.Digest))
		if n := heads[a.DeliveryID]; n > 1 && (len(a.Digest) != n || !strings.Contains(a.Title, "alerts") || a.Digest[0].ID >= a.Digest[n-1].ID) {
			t.Errorf("digest of %d: %q %d events", n, a.Title, len(a.Digest))
		}
	}
	if most < 4 {
		t.Errorf("the largest digest has %d events", most)
	}
}

func testQuietHours(t *testing.T, r *rig) {
	always := func(action nvr.QuietAction) []nvr.Quiet {
		return []nvr.Quiet{{Action: action, Except: nvr.SeverityHigh}}
	}
	hold := nvr.Route{ID: "hold", Notifier: "hook", Quiet: always(nvr.QuietHold)}
	r.setRoutes(hold, nvr.Route{ID: "drop", Notifier: "hook", Quiet: always(nvr.QuietDrop)}, nvr.Route{ID: "silent", Notifier: "hook", Quiet: always(nvr.QuietSilent)})
	p := &plugin{}
	r.dispatch(p, nil)
	by := func(route string) func(*nvr.Delivery) {
		return func(d *nvr.Delivery) { d.Route, d.Recipient = route, route }
	}
	held := []string{r.save("hook", by("hold"))}
	until(t, "held", func() bool { return r.row(held[0]).Hold == nvr.HoldQuiet })
	if d := r.row(held[0]); d.NextAt.Sub(time.Now().UTC().Truncate(24*time.Hour)) != 24*time.Hour || d.ExpiresAt.Before(d.NextAt.Add(time.Hour)) {
		t.Errorf("held until %v, expires %v", d.NextAt, d.ExpiresAt)
	}
	for range 2 {
		held = append(held, r.save("hook", by("hold")))
	}
	until(t, "joined", func() bool { return r.row(held[1]).DigestID == held[0] && r.row(held[2]).DigestID == held[0] })
	if d := r.await(r.save("hook", by("drop")), nvr.DeliverySuppressed); !strings.Contains(d.LastError, "quiet hours until 00:00") {
		t.Errorf("%+v", d)
	}
	silent := r.save("hook", by("silent"))
	r.await(silent, nvr.DeliveryDelivered)
	e, d := delivery("hook")
	by("hold")(&d)
	e.Severity = nvr.SeverityHigh
	r.put(e, d)
	r.await(d.ID, nvr.DeliveryDelivered)
	if !p.find(silent).Silent || p.find(d.ID).Silent {
		t.Error("silent hours are silent, and high alerts are not")
	}
	hold.Quiet = nil // as if the night was over
	r.setRoutes(hold)
	if _, err := r.store.Pool().Exec(t.Context(), "UPDATE deliveries SET next_at = now() WHERE id = $1", uuid.MustParse(held[0])); err != nil {
		t.Fatal(err)
	}
	if err := r.queue.Enqueue(t.Context(), []nvr.Delivery{{ID: held[0], Plugin: "hook"}}, ""); err != nil {
		t.Fatal(err)
	}
	d2, err := NewDispatcher(r.queue, Options{Store: r.store, Notifier: p, Zone: time.UTC}, r.log, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d2.deliver(t.Context(), held[0]); err != nil { // River would look at midnight
		t.Fatal(err)
	}
	for _, id := range held {
		r.await(id, nvr.DeliveryDelivered)
	}
	if a := p.find(held[0]); len(a.Digest) != 3 || a.Title != "3 alerts" {
		t.Errorf("%q, %d events", a.Title, len(a.Digest))
	}
}

func testDigest(t *testing.T, r *rig) {
	r.setRoutes(nvr.Route{ID: "hook", Notifier: "hook", Digest: time.Second, Title: "{{.Count}} {{.Subject}}"})
	p := &plugin{}
	r.dispatch(p, nil)
	one, two := r.save("hook", nil), r.save("hook", nil)
	other := r.save("hook", func(d *nvr.Delivery) { d.Recipient = "other" })
	for _, id := range []string{one, two, other} {
		r.await(id, nvr.DeliveryDelivered)
	}
	if all := p.all(); len(all) != 2 {
		t.Errorf("%d messages, want one for each recipient", len(all))
	}
	if a := p.find(other); a.Title != "1 Person" || a.Digest != nil {
		t.Errorf("%q %v", a.Title, a.Digest)
	}
}

func testSnooze(t *testing.T, r *rig) {
	p := &plugin{}
	r.dispatch(p, nil)
	z := nvr.Snooze{Notifier: "hook", Recipient: "ada", Camera: "front", Until: time.Now().Add(time.Hour), By: "ada"}
	if err := r.store.PutSnooze(t.Context(), z); err != nil {
		t.Fatal(err)
	}
	to := func(name string) func(*nvr.Delivery) { return func(d *nvr.Delivery) { d.Recipient = name } }
	if d := r.await(r.save("hook", to("ada")), nvr.DeliverySuppressed); !strings.HasPrefix(d.LastError, "snoozed until ") {
		t.Errorf("%+v", d)
	}
	r.await(r.save("hook", to("bob")), nvr.DeliveryDelivered)
	e, d := delivery("hook")
	to("ada")(&d)
	e.Camera = "yard"
	r.put(e, d)
	r.await(d.ID, nvr.DeliveryDelivered)
	if err := r.store.DeleteSnooze(t.Context(), "hook", "ada", "front"); err != nil {
		t.Fatal(err)
	}
	r.await(r.save("hook", to("ada")), nvr.DeliveryDelivered)
	all := nvr.Snooze{Until: time.Now().Add(time.Hour)}
	if err := r.store.PutSnooze(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	r.await(r.save("hook", to("bob")), nvr.DeliverySuppressed)
}

// testEscalation: who acknowledges in time ends it; else the next route is told, for which its own wishes hold.
func testEscalation(t *testing.T, r *rig) {
	routes := []nvr.Route{
		{ID: "phone", Notifier: "hook", Recipients: []string{"ada"}, Escalate: nvr.Escalation{After: 2 * time.Second, To: []string{"boss"}}},
		{ID: "boss", Notifier: "hook", Recipients: []string{"boss"}, Labels: []string{"nothing"}},
	}
	r.setRoutes(routes...)
	p := &plugin{}
	r.dispatch(p, nil)
	alert := func() (ids []string) {
		e, _ := delivery("hook")
		ds := route.Deliver(routes, route.Change{Phase: nvr.PhaseNew, Before: e, After: e}, time.Now(), func(time.Time) string { return uuid.Must(uuid.NewV7()).String() })
		r.put(e, ds...)
		for _, d := range ds {
			ids = append(ids, d.ID)
		}
		return ids
	}
	seen, missed := alert(), alert()
	if len(seen) != 2 {
		t.Fatal(seen)
	}
	r.await(seen[0], nvr.DeliveryDelivered)
	token := p.find(seen[0]).Actions[0].Token
	people := r.people(routes)
	if text, err := people.Act(t.Context(), "hook", token, "Ada", 0); err != nil || text == "" {
		t.Fatalf("%q %v", text, err)
	}
	if d := r.await(seen[1], nvr.DeliverySuppressed); d.LastError != "acknowledged by Ada" || p.count(seen[1]) != 0 {
		t.Errorf("%+v", d)
	}
	r.await(missed[1], nvr.DeliveryDelivered)
	if a := p.find(missed[1]); !strings.Contains(a.Text, "Nobody has acknowledged this since") || a.Recipient != "boss" {
		t.Errorf("%+v", a)
	}
	if text, err := people.Act(t.Context(), "hook", token, "Bob", 0); err != nil || !strings.Contains(text, "already") {
		t.Errorf("%q %v", text, err)
	}
	for _, bad := range []string{"", "x", token + "0", "z" + token[1:], "a" + strings.Repeat("0", 32)} {
		if _, err := people.Act(t.Context(), "hook", bad, "Eve", 0); err == nil {
			t.Errorf("token %q is taken", bad)
		}
	}
	if _, err := people.Act(t.Context(), "other", token, "Eve", 0); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("another notifier's token: %v", err)
	}
	if _, err := people.Act(t.Context(), "hook", p.find(seen[0]).Actions[1].Token, "Ada", time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Pool().Exec(t.Context(), "UPDATE deliveries SET created_at = now() - interval '4 days' WHERE id = $1", seen[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := people.Act(t.Context(), "hook", token, "Ada", 0); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("a button of last week: %v", err)
	}
	if _, err := r.people(routes[1:]).Act(t.Context(), "hook", token, "Ada", 0); nvr.ErrorCode(err) != nvr.CodeForbidden {
		t.Errorf("a button of somebody who is told no more: %v", err)
	}
	if zs, err := r.store.Snoozes(t.Context()); err != nil || len(zs) != 1 || zs[0].Recipient != "ada" || zs[0].Camera != "front" {
		t.Errorf("%+v %v", zs, err)
	}
}

// testUpdates: a later change finds the message of the first, comes after it, and only the last of many updates is told.
func testUpdates(t *testing.T, r *rig) {
	first := make(chan struct{})
	p := &plugin{answer: func(a nvr.Alert) (nvr.DeliveryResult, error) {
		if a.Phase == nvr.PhaseNew && a.Attempt == 1 {
			<-first
			return nvr.DeliveryResult{}, errors.New("no route to host")
		}
		return nvr.DeliveryResult{Class: nvr.DeliveryOK, Message: "m-" + string(a.Phase)}, nil
	}}
	r.dispatch(p, nil)
	e, d := delivery("hook")
	r.put(e, d)
	until(t, "the first attempt", func() bool { return p.count(d.ID) == 1 })
	var later []string
	for i, phase := range []nvr.Phase{nvr.PhaseUpdate, nvr.PhaseUpdate, nvr.PhaseEnd} {
		x := d
		x.ID, x.Phase, x.Revision = uuid.Must(uuid.NewV7()).String(), phase, i+2
		later = append(later, x.ID)
		e.Revision = x.Revision
		r.put(e, x)
	}
	close(first)
	end := r.await(later[2], nvr.DeliveryDelivered)
	for _, id := range later[:2] {
		if u := r.await(id, nvr.DeliverySuppressed); p.count(id) != 0 {
			t.Errorf("%+v", u)
		}
	}
	if a := p.find(end.ID); a.Previous != "m-new" || r.row(d.ID).Message != "m-new" || end.DeliveredAt.Before(r.row(d.ID).DeliveredAt) {
		t.Errorf("previous %q", a.Previous)
	}
}

func testHistory(t *testing.T, r *rig) {
	down := true
	p := &plugin{answer: func(a nvr.Alert) (nvr.DeliveryResult, error) {
		switch {
		case a.Recipient == "down":
			return nvr.DeliveryResult{}, &nvr.Error{Code: nvr.CodeUnavailable, Message: "plugin hook is backoff"}
		case a.Attempt < 3:
			return nvr.DeliveryResult{Class: nvr.DeliveryRetry, Detail: "busy"}, nil
		case down:
			return nvr.DeliveryResult{Class: nvr.DeliveryPermanent, Detail: "no such chat"}, nil
		}
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}, nil
	}}
	stop := r.dispatch(p, nil)
	id := r.save("hook", nil)
	r.await(id, nvr.DeliveryFailed)
	tried, err := r.store.Attempts(t.Context(), []string{id})
	if err != nil || len(tried[id]) != 3 || tried[id][0].Outcome != "retry" || tried[id][2].Detail != "no such chat" || tried[id][0].At.IsZero() {
		t.Errorf("%+v %v", tried, err)
	}
	dead, next, err := r.store.Deliveries(t.Context(), nvr.DeliveryFilter{Notifier: "hook", States: []nvr.DeliveryState{nvr.DeliveryFailed, nvr.DeliveryExpired}})
	if err != nil || next != "" || len(dead) != 1 || dead[0].ID != id || dead[0].Camera != "front" || dead[0].Token != "" {
		t.Errorf("%+v %q %v", dead, next, err)
	}
	stop()
	down = false
	r.dispatch(p, nil)
	if err := r.store.RetryDelivery(t.Context(), id, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.await(id, nvr.DeliveryDelivered)
	if err := r.store.RetryDelivery(t.Context(), id, time.Now()); nvr.ErrorCode(err) != nvr.CodeConflict {
		t.Errorf("retry of what was told: %v", err)
	}
	away := r.save("hook", func(d *nvr.Delivery) { d.Recipient = "down" })
	d, err := NewDispatcher(r.queue, Options{Store: r.store, Notifier: p}, r.log, nil)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it was away twice", func() bool {
		_, err := r.store.Pool().Exec(t.Context(), "UPDATE deliveries SET next_at = now() WHERE id = $1 AND claimed_until IS NULL", uuid.MustParse(away))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.deliver(t.Context(), away); err != nil {
			t.Fatal(err)
		}
		tried, err = r.store.Attempts(t.Context(), []string{away})
		return err == nil && len(tried[away]) > 0 && tried[away][0].Times > 1
	})
	if tried, err = r.store.Attempts(t.Context(), []string{away}); err != nil || len(tried[away]) != 1 || tried[away][0].Times < 2 || r.row(away).Attempts != 0 {
		t.Errorf("%+v %v", tried, err)
	}
	if depths, err := r.store.QueueDepths(t.Context()); err != nil || len(depths) != 1 || depths[0].Pending != 1 || depths[0].Oldest.IsZero() {
		t.Errorf("%+v %v", depths, err)
	}
}
