package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
)

// workerEnv makes the test binary a worker process: DSN, the file it notes deliveries in, and the URL of Redis, if any.
const workerEnv = "NIGHTJAR_TEST_WORKER"

func TestMain(m *testing.M) {
	if arg := os.Getenv(workerEnv); arg != "" {
		parts := strings.Split(arg, "|")
		beWorker(parts[0], parts[1], parts[2])
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nightjar-nvr/nightjar/core/lifecycle.init.func1.1"))
}

// plugin is a notifier with a script: the answer to each attempt at a recipient.
type plugin struct {
	mu     sync.Mutex
	alerts []nvr.Alert
	answer func(a nvr.Alert) (nvr.DeliveryResult, error)
}

func (p *plugin) Notify(_ context.Context, _ string, a nvr.Alert) (nvr.DeliveryResult, error) {
	p.mu.Lock()
	p.alerts = append(p.alerts, a)
	answer := p.answer
	p.mu.Unlock()
	if answer == nil {
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}, nil
	}
	return answer(a)
}

func (p *plugin) all() []nvr.Alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.alerts)
}

func (p *plugin) find(id string) nvr.Alert {
	all := p.all()
	return all[slices.IndexFunc(all, func(a nvr.Alert) bool { return a.DeliveryID == id })]
}

func (p *plugin) count(id string) (n int) {
	for _, a := range p.all() {
		if a.DeliveryID == id {
			n++
		}
	}
	return n
}

// rig is a store on real servers, with the queue under test.
type rig struct {
	t     *testing.T
	store *store.Store
	queue Queue
	redis *testkit.RedisServer // nil without
	log   *slog.Logger

	mu     sync.Mutex
	routes []nvr.Route
}

// on runs tests against one queue, each on empty tables.
func on(t *testing.T, s *store.Store, q Queue, server *testkit.RedisServer, tests map[string]func(*testing.T, *rig)) {
	t.Helper()
	for range 2 { // a second time changes nothing
		if err := q.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tables := "events, deliveries, snoozes, delivery_buckets"
			if _, ok := q.(*Postgres); ok {
				tables += ", river_job"
			}
			if _, err := s.Pool().Exec(t.Context(), "TRUNCATE "+tables+" CASCADE"); err != nil {
				t.Fatal(err)
			}
			if rq, ok := q.(*Redis); ok {
				if err := rq.client.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			}
			s.UseQueue(q)
			test(t, &rig{t: t, store: s, queue: q, redis: server, log: testLog(t)})
		})
	}
}

func testLog(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func open(t *testing.T, dsn string) *store.Store {
	t.Helper()
	s, err := store.New(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// newStore returns a store on a database of its own, on the server of dsn.
func newStore(t *testing.T, dsn, name string) *store.Store {
	t.Helper()
	server := open(t, dsn)
	if _, err := server.Pool().Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	s := open(t, u.String())
	if err := s.Migrate(t.Context(), testLog(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

// delivery is an alert for a notifier, and its event.
func delivery(notifier string) (nvr.Event, nvr.Delivery) {
	now := time.Now()
	d := nvr.Delivery{
		ID: uuid.Must(uuid.NewV7()).String(), EventID: uuid.Must(uuid.NewV7()).String(), Plugin: notifier, Route: notifier, Revision: 1, Phase: nvr.PhaseNew,
		State: nvr.DeliveryPending, CreatedAt: now, NextAt: now, ExpiresAt: now.Add(time.Hour),
	}
	e := nvr.Event{
		ID: d.EventID, Camera: "front", Kind: nvr.EventObject, Label: "person", Start: now, HasSnapshot: true, Revision: 1, Severity: nvr.SeverityNormal,
	}
	return e, d
}

// save writes an event with one delivery through the real store.
func (r *rig) save(notifier string, change func(*nvr.Delivery)) string {
	r.t.Helper()
	e, d := delivery(notifier)
	if change != nil {
		change(&d)
	}
	r.put(e, d)
	return d.ID
}

// saveMany writes one event that n recipients are told of.
func (r *rig) saveMany(notifier string, n int) (ids []string) {
	r.t.Helper()
	e, one := delivery(notifier)
	all := make([]nvr.Delivery, n)
	for i := range all {
		all[i] = one
		all[i].ID, all[i].Recipient = uuid.Must(uuid.NewV7()).String(), fmt.Sprint("r", i)
		ids = append(ids, all[i].ID)
	}
	r.put(e, all...)
	return ids
}

func (r *rig) put(e nvr.Event, ds ...nvr.Delivery) {
	r.t.Helper()
	if err := r.store.SaveEvent(r.t.Context(), e, ds); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) dispatch(n notifier, change func(*Options)) (stop func()) {
	r.t.Helper()
	opts := Options{
		Store: r.store, Notifier: n, Notifiers: []string{"hook", "slow", "a--b_"}, SweepEvery: 200 * time.Millisecond,
		Schedule: []time.Duration{10 * time.Millisecond}, Zone: time.UTC, Routes: func() []nvr.Route {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.routes
		},
	}
	if change != nil {
		change(&opts)
	}
	d, err := NewDispatcher(r.queue, opts, r.log, prometheus.NewRegistry())
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run: %v", err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) setRoutes(rs ...nvr.Route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.routes = rs
}

func (r *rig) row(id string) nvr.Delivery {
	r.t.Helper()
	d, _, _, err := r.store.Delivery(context.Background(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *rig) pending() (n int) {
	r.t.Helper()
	if err := r.store.Pool().QueryRow(context.Background(), "SELECT count(*) FROM deliveries WHERE state = 'pending'").Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(90*time.Second + outage())
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not within 90 s: %s", what)
		case <-tick.C:
		}
	}
}

func (r *rig) await(id string, state nvr.DeliveryState) nvr.Delivery {
	r.t.Helper()
	var d nvr.Delivery
	until(r.t, fmt.Sprintf("%s is %s", id, state), func() bool {
		d = r.row(id)
		return d.State == state
	})
	return d
}
