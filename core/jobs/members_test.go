package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// pair makes a digest of two alerts, of the cameras front and yard, that waits for an hour.
func (r *rig) pair(level int) (head, member string) {
	r.t.Helper()
	r.setRoutes(nvr.Route{ID: "hook", Notifier: "hook", Digest: time.Hour})
	head = r.save("hook", func(d *nvr.Delivery) { d.Level = level })
	until(r.t, "held", func() bool { return r.row(head).Hold == nvr.HoldDigest })
	e, d := delivery("hook")
	e.Camera, d.Level = "yard", level
	r.put(e, d)
	until(r.t, "joined", func() bool { return r.row(d.ID).DigestID == head })
	return head, d.ID
}

func (r *rig) turn(id string) nvr.DeliveryTurn {
	r.t.Helper()
	turn, err := r.store.DeliveryTurn(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return turn
}

// testMembers: no alert is dropped because another one, which leads its digest, was seen, snoozed or told otherwise.
func testMembers(t *testing.T, r *rig) {
	r.dispatch(&plugin{}, nil)
	head, member := r.pair(1)
	if _, err := r.store.Acknowledge(t.Context(), head, "ada"); err != nil {
		t.Fatal(err)
	}
	if !r.turn(head).Acknowledged {
		t.Error("an acknowledgement of a digest does not count for all of it")
	}
	if _, err := r.store.Pool().Exec(t.Context(), "UPDATE deliveries SET acknowledged_at = NULL WHERE id = $1", member); err != nil {
		t.Fatal(err)
	}
	turn := r.turn(head)
	if turn.Acknowledged || turn.Members != 1 || known(turn, time.Now()) != (verdict{}) {
		t.Errorf("an alert goes with another that was seen: %+v", known(turn, time.Now()))
	}
	if err := r.store.PutSnooze(t.Context(), nvr.Snooze{Camera: "front", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if r.turn(head).Snoozed {
		t.Error("an alert goes with another whose camera is snoozed")
	}
	if err := r.store.PutSnooze(t.Context(), nvr.Snooze{Camera: "yard", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if !r.turn(head).Snoozed {
		t.Error("a digest of snoozed cameras is told")
	}
	turn.Phase, turn.Superseded, turn.Collected, turn.Earlier = nvr.PhaseUpdate, true, true, true
	if v := known(turn, time.Now()); v != (verdict{}) {
		t.Errorf("others go with a change that is told otherwise: %+v", v)
	}
}

// testJoinsNoneThatIsTold: a digest that is being claimed this moment is not joined; what joined it would be settled with it,
// untold.
func testJoinsNoneThatIsTold(t *testing.T, r *rig) {
	stop := r.dispatch(&plugin{}, nil)
	head, _ := r.pair(0)
	stop()
	late := r.save("hook", nil)
	tx, err := r.store.Pool().BeginTx(t.Context(), pgx.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "UPDATE deliveries SET claimed_until = now() + interval '1 minute' WHERE id = $1", head); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		joined bool
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		joined, err := r.store.CollectDelivery(t.Context(), r.row(late), nvr.HoldDigest, time.Now().Add(time.Hour))
		answers <- answer{joined, err}
	}()
	until(t, "it waits for the claim", func() bool {
		n := 0
		err := r.store.Pool().QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%OpenDigest%'").Scan(&n)
		return err != nil || n > 0 || len(answers) > 0
	})
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-answers; a.err != nil || a.joined {
		t.Errorf("joined a digest that is being told: %+v", a)
	}
}

// testDigestAgain: a digest that failed tells all of its alerts when a person tries it again.
func testDigestAgain(t *testing.T, r *rig) {
	class := nvr.DeliveryPermanent
	p := &plugin{answer: func(nvr.Alert) (nvr.DeliveryResult, error) {
		return nvr.DeliveryResult{Class: class, Detail: "no"}, nil
	}}
	r.dispatch(p, nil)
	r.setRoutes(nvr.Route{ID: "hook", Notifier: "hook", Digest: 2 * time.Second})
	head := r.save("hook", nil)
	until(t, "held", func() bool { return r.row(head).Hold == nvr.HoldDigest })
	member := r.save("hook", nil)
	r.await(head, nvr.DeliveryFailed)
	if r.await(member, nvr.DeliveryFailed).DigestID != head {
		t.Skip("the machine is too busy: the second alert came after the digest")
	}
	p.mu.Lock()
	class = nvr.DeliveryOK
	p.mu.Unlock()
	if err := r.store.RetryDelivery(t.Context(), head, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.await(head, nvr.DeliveryDelivered)
	r.await(member, nvr.DeliveryDelivered)
	if all := p.all(); len(all[len(all)-1].Digest) != 2 {
		t.Errorf("%d alerts of a digest of 2 were told again", len(all[len(all)-1].Digest))
	}
}

// testGone: who is taken off a route, and whose notifier is removed, is not told what waited; other people are.
func testGone(t *testing.T, r *rig) {
	hold := nvr.Route{ID: "hold", Notifier: "hook", Recipients: []string{"bob"}, Quiet: []nvr.Quiet{{Action: nvr.QuietHold}}}
	r.setRoutes(hold)
	r.dispatch(&plugin{}, nil)
	ids := map[string]string{}
	for _, name := range []string{"ada", "bob", "cid"} {
		ids[name] = r.save("hook", func(d *nvr.Delivery) { d.Route, d.Recipient = "hold", name })
		until(t, "held", func() bool { return r.row(ids[name]).Hold == nvr.HoldQuiet })
	}
	if err := r.store.PutRoute(t.Context(), hold, []string{"cid"}); err != nil {
		t.Fatal(err)
	}
	if d := r.row(ids["ada"]); d.State != nvr.DeliverySuppressed || !strings.Contains(d.LastError, "does not tell this recipient") {
		t.Errorf("taken off the route: %+v", d)
	}
	if err := r.store.DeleteRoute(t.Context(), "hold", []string{"cid"}); err != nil {
		t.Fatal(err)
	}
	if d := r.row(ids["bob"]); d.State != nvr.DeliverySuppressed || d.LastError != "route hold was removed" {
		t.Errorf("the route is gone: %+v", d)
	}
	if d := r.row(ids["cid"]); d.State != nvr.DeliveryPending {
		t.Errorf("whom another route tells: %+v", d)
	}
	if _, err := r.store.AddNotifier(t.Context(), nvr.Notifier{ID: "hook", Name: "hook", Plugin: "webhook", Settings: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	if err := r.store.DeleteNotifier(t.Context(), "hook"); err != nil {
		t.Fatal(err)
	}
	if d := r.row(ids["cid"]); d.State != nvr.DeliverySuppressed || d.LastError != "notifier hook was removed" {
		t.Errorf("the notifier is gone: %+v", d)
	}
	nobody := r.save("nobody", func(d *nvr.Delivery) { d.ExpiresAt = time.Now().Add(-time.Second) })
	if d := r.await(nobody, nvr.DeliveryExpired); !strings.Contains(d.LastError, "not configured") {
		t.Errorf("%+v", d)
	}
}
