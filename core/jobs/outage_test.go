package jobs

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// outage is how long things are away: a moment, or what happens in a house with NIGHTJAR_SLOW=1.
func outage() time.Duration {
	if os.Getenv("NIGHTJAR_SLOW") == "1" {
		return 3 * time.Minute
	}
	return 2 * time.Second
}

// testDatabaseAway ends all connections in the middle of attempts and lets none in for a while. What was told but could not
// be noted is told again under the same id; what expired meanwhile is not told; the rest is told once.
func testDatabaseAway(t *testing.T, r *rig) {
	cfg := r.store.Pool().Config().ConnConfig.Copy()
	name := cfg.Database
	cfg.Database = "template1"
	outside, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = outside.Close(context.Background()) }()
	allow := func(on string) {
		if _, err := outside.Exec(context.Background(), "ALTER DATABASE "+pgx.Identifier{name}.Sanitize()+" ALLOW_CONNECTIONS "+on); err != nil {
			t.Fatal(err)
		}
	}
	gate := make(chan struct{})
	p := &plugin{answer: func(a nvr.Alert) (nvr.DeliveryResult, error) {
		if a.Recipient == "gated" && a.Attempt == 1 {
			<-gate
		}
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}, nil
	}}
	r.dispatch(p, nil)
	under := r.save("hook", func(d *nvr.Delivery) { d.Recipient = "gated" })
	until(t, "an attempt is under way", func() bool { return p.count(under) == 1 })
	later := time.Now().Add(outage())
	stale := r.save("hook", func(d *nvr.Delivery) {
		d.NextAt, d.Hold, d.Level, d.ExpiresAt = later, nvr.HoldEscalation, 1, later.Add(100*time.Millisecond)
	})
	fresh := r.save("hook", func(d *nvr.Delivery) { d.NextAt, d.Hold, d.Level = later, nvr.HoldEscalation, 1 })
	allow("false")
	defer allow("true")
	if _, err := outside.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name); err != nil {
		t.Fatal(err)
	}
	close(gate) // its answer meets no database
	until(t, "the database is missed", func() bool { return r.store.Ping(t.Context()) != nil })
	until(t, "the stale one is old news", func() bool { return time.Now().After(later.Add(200 * time.Millisecond)) })
	allow("true")
	until(t, "the database is back", func() bool { return r.store.Ping(t.Context()) == nil })
	if r.await(fresh, nvr.DeliveryDelivered); p.count(fresh) != 1 {
		t.Errorf("told %d times", p.count(fresh))
	}
	if r.await(stale, nvr.DeliveryExpired); p.count(stale) != 0 {
		t.Error("old news were told")
	}
	if r.await(under, nvr.DeliveryDelivered); p.count(under) > 3 {
		t.Errorf("told %d times", p.count(under))
	}
}

// testChannelAway has a channel that cannot be reached for a while: what is fresh is told when it is back, once, and what expired
// meanwhile never.
func testChannelAway(t *testing.T, r *rig) {
	back := time.Now().Add(outage())
	p := &plugin{answer: func(nvr.Alert) (nvr.DeliveryResult, error) {
		if time.Now().Before(back) {
			return nvr.DeliveryResult{Class: nvr.DeliveryRetry, Detail: "no route to host"}, nil
		}
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}, nil
	}}
	r.dispatch(p, func(o *Options) { o.Schedule = []time.Duration{200 * time.Millisecond, time.Second} })
	stale := r.save("hook", func(d *nvr.Delivery) { d.ExpiresAt = back.Add(-outage() / 4) })
	var fresh []string
	for range 10 {
		fresh = append(fresh, r.save("hook", nil))
	}
	for _, id := range fresh {
		if d := r.await(id, nvr.DeliveryDelivered); d.DeliveredAt.Before(back) || d.Attempts < 2 {
			t.Errorf("%+v", d)
		}
	}
	r.await(stale, nvr.DeliveryExpired)
}

// testRedisWipedAndKilled takes Redis away in both ways: rows that lost their tasks, and rows that came while it was away, are
// told once it is back, and the workers find back to it.
func testRedisWipedAndKilled(t *testing.T, r *rig) {
	gate := make(chan struct{})
	p := &plugin{answer: func(a nvr.Alert) (nvr.DeliveryResult, error) {
		if a.Recipient == "gated" {
			<-gate
		}
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}, nil
	}}
	r.dispatch(p, nil)
	gated := func(d *nvr.Delivery) { d.Recipient = "gated" }
	var ids []string
	for range 3 * workersPerNotifier { // some are under way, some are tasks that wait
		ids = append(ids, r.save("hook", gated))
	}
	until(t, "attempts are under way", func() bool { return len(p.all()) > 0 })
	rq, _ := r.queue.(*Redis)
	if err := rq.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	close(gate)
	for _, id := range ids {
		r.await(id, nvr.DeliveryDelivered)
	}
	r.redis.Kill()
	ids = ids[:0]
	for range 20 {
		ids = append(ids, r.save("hook", nil))
	}
	stale := r.save("hook", func(d *nvr.Delivery) { d.ExpiresAt = time.Now().Add(outage()) })
	until(t, "Redis is missed", func() bool { return r.queue.Ping(t.Context()) != nil })
	until(t, "the stale one is old news", func() bool { return time.Now().After(r.row(stale).ExpiresAt) })
	r.redis.Start()
	for _, id := range ids {
		r.await(id, nvr.DeliveryDelivered)
	}
	if r.await(stale, nvr.DeliveryExpired); p.count(stale) != 0 {
		t.Error("old news were told")
	}
	for _, id := range ids {
		if n := p.count(id); n != 1 {
			t.Errorf("%s told %d times", id, n)
		}
	}
}
