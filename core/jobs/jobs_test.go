package jobs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
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

// workerEnv makes the test binary a worker process: DSN and the file it notes deliveries in.
const workerEnv = "NIGHTJAR_TEST_WORKER"

func TestMain(m *testing.M) {
	if arg := os.Getenv(workerEnv); arg != "" {
		dsn, file, _ := strings.Cut(arg, "|")
		beWorker(dsn, file)
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

func (p *plugin) find(id string) nvr.Alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alerts[slices.IndexFunc(p.alerts, func(a nvr.Alert) bool { return a.DeliveryID == id })]
}

func (p *plugin) count(id string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.alerts {
		if a.DeliveryID == id {
			n++
		}
	}
	return n
}

type rig struct {
	t     *testing.T
	store *store.Store
	queue *Queue
	log   *slog.Logger
}

// TestOnPostgres runs the tests that need a server on one, each on empty tables.
func TestOnPostgres(t *testing.T) {
	dsn := testkit.Postgres(t)
	s := open(t, dsn)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	if err := s.Migrate(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	q, err := NewQueue(s.Pool(), log)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		if err := q.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]func(*testing.T, *rig){
		"deliveries": testDeliveries, "plugin that does not run": testPluginThatDoesNotRun, "sweep": testSweepMakesMissingJobs,
		"rollback": testRollbackTakesTheJobAlong, "killed workers": testKilledWorkersLoseNothing,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Pool().Exec(t.Context(), "TRUNCATE events, deliveries, river_job"); err != nil {
				t.Fatal(err)
			}
			s.UseQueue(q)
			test(t, &rig{t: t, store: s, queue: q, log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		})
	}
}

func open(t *testing.T, dsn string) *store.Store {
	t.Helper()
	s, err := store.New(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// save writes an event with one delivery for a plugin through the real store.
func (r *rig) save(plugin string, change func(*nvr.Delivery)) string {
	r.t.Helper()
	now := time.Now()
	d := nvr.Delivery{
		ID: uuid.Must(uuid.NewV7()).String(), EventID: uuid.Must(uuid.NewV7()).String(), Plugin: plugin, Revision: 1, Phase: nvr.PhaseNew,
		State: nvr.DeliveryPending, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	if change != nil {
		change(&d)
	}
	e := nvr.Event{ID: d.EventID, Camera: "front", Kind: nvr.EventObject, Label: "person", Start: now, HasSnapshot: true, Revision: 1}
	if err := r.store.SaveEvent(r.t.Context(), e, []nvr.Delivery{d}); err != nil {
		r.t.Fatal(err)
	}
	return d.ID
}

func (r *rig) dispatch(n notifier, change func(*Options)) (stop func()) {
	r.t.Helper()
	opts := Options{
		Store: r.store, Notifier: n, Plugins: []string{"hook", "slow", "a--b_"}, SweepEvery: 200 * time.Millisecond,
		Schedule: []time.Duration{10 * time.Millisecond},
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

func (r *rig) row(id string) nvr.Delivery {
	r.t.Helper()
	d, _, _, err := r.store.Delivery(context.Background(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("not within 60 s: %s", what)
		case <-tick.C:
		}
	}
}

func (r *rig) await(id string, state nvr.DeliveryState) nvr.Delivery {
	r.t.Helper()
	until(r.t, fmt.Sprintf("%s is %s", id, state), func() bool { return r.row(id).State == state })
	return r.row(id)
}

type oneSnapshot struct{ path string }

func (s oneSnapshot) OpenSnapshot(nvr.CameraID, time.Time, string) (*os.File, error) {
	return os.Open(s.path)
}

func testDeliveries(t *testing.T, r *rig) {
	pic := filepath.Join(t.TempDir(), "x.jpg")
	if err := os.WriteFile(pic, []byte("\xff\xd8picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	p := &plugin{answer: func(a nvr.Alert) (nvr.DeliveryResult, error) {
		switch {
		case a.Recipient == "refused":
			return nvr.DeliveryResult{Class: nvr.DeliveryPermanent, Detail: "no\x00\xff"}, nil
		case a.Recipient == "badconfig":
			return nvr.DeliveryResult{Class: nvr.DeliveryBadConfig, Detail: "wrong key"}, nil
		case a.Recipient == "third" && a.Attempt == 1:
			return nvr.DeliveryResult{}, errors.New("process is gone")
		case a.Recipient == "third" && a.Attempt == 2:
			return nvr.DeliveryResult{Class: nvr.DeliveryRetry, RetryAfter: time.Millisecond, Detail: "busy"}, nil
		case a.Recipient == "never":
			return nvr.DeliveryResult{Class: nvr.DeliveryRetry, Detail: "busy"}, nil
		case a.Recipient == "stuck":
			<-release
		}
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}, nil
	}}
	to := func(name string, ttl time.Duration) func(*nvr.Delivery) {
		return func(d *nvr.Delivery) { d.Recipient, d.ExpiresAt = name, time.Now().Add(ttl) }
	}
	var stuck []string
	for range 8 {
		stuck = append(stuck, r.save("slow", to("stuck", time.Hour)))
	}
	early := r.save("hook", nil) // before anyone works
	stop := r.dispatch(p, func(o *Options) { o.Snapshots = oneSnapshot{pic} })
	if d := r.await(early, nvr.DeliveryDelivered); d.Attempts != 1 || d.LastError != "" {
		t.Errorf("%+v", d)
	}
	if a := p.find(early); string(a.Snapshot) != "\xff\xd8picture" ||
		a.CameraName != "front" || a.Phase != nvr.PhaseNew || a.Event.ID == "" {
		t.Errorf("%+v", a)
	}
	began := time.Now()
	r.await(r.save("a--b_", nil), nvr.DeliveryDelivered)
	t.Logf("event to delivery: %v, beside a plugin that is stuck", time.Since(began))
	refused, badConfig := r.save("hook", to("refused", time.Hour)), r.save("hook", to("badconfig", time.Hour))
	third, never := r.save("hook", to("third", time.Hour)), r.save("hook", to("never", 2*time.Second))
	if d := r.await(refused, nvr.DeliveryFailed); d.LastError != "no" || d.Attempts != 1 {
		t.Errorf("%+v", d)
	}
	if d := r.await(badConfig, nvr.DeliveryFailed); d.LastError != "wrong key" {
		t.Errorf("%+v", d)
	}
	if d := r.await(third, nvr.DeliveryDelivered); d.Attempts != 3 {
		t.Errorf("%+v", d)
	}
	if d := r.await(never, nvr.DeliveryExpired); d.Attempts < 2 || d.LastError != "busy" {
		t.Errorf("%+v", d)
	}
	close(release)
	for _, id := range stuck {
		r.await(id, nvr.DeliveryDelivered)
	}
	stop()
	if n := p.count(early); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}

func testPluginThatDoesNotRun(t *testing.T, r *rig) {
	p := &plugin{answer: func(nvr.Alert) (nvr.DeliveryResult, error) {
		return nvr.DeliveryResult{}, &nvr.Error{Code: nvr.CodeUnavailable, Message: "plugin hook is backoff"}
	}}
	down := r.save("hook", func(d *nvr.Delivery) { d.ExpiresAt = time.Now().Add(1500 * time.Millisecond) })
	nobodys := r.save("removed", func(d *nvr.Delivery) { d.ExpiresAt = time.Now().Add(300 * time.Millisecond) })
	r.dispatch(p, nil)
	if d := r.await(nobodys, nvr.DeliveryExpired); d.Attempts != 0 {
		t.Errorf("%+v", d)
	}
	if d := r.await(down, nvr.DeliveryExpired); d.Attempts != 0 || d.LastError != "plugin hook is backoff" {
		t.Errorf("%+v", d)
	}
}

func testSweepMakesMissingJobs(t *testing.T, r *rig) {
	r.store.UseQueue(nil) // as if the row had come without its job
	var ids []string
	for range sweepPage + 20 {
		ids = append(ids, r.save("hook", nil))
	}
	p := &plugin{}
	r.dispatch(p, nil)
	for _, id := range ids {
		r.await(id, nvr.DeliveryDelivered)
	}
	var jobs int
	if err := r.store.Pool().QueryRow(t.Context(), "SELECT count(*) FROM river_job").Scan(&jobs); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if n := p.count(id); n != 1 {
			t.Errorf("%s delivered %d times", id, n)
		}
	}
	if jobs > 2*len(ids) {
		t.Errorf("%d jobs for %d rows: sweeps must not pile them up", jobs, len(ids))
	}
}

func testRollbackTakesTheJobAlong(t *testing.T, r *rig) {
	tx, err := r.store.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.queue.EnqueueTx(t.Context(), tx, []nvr.Delivery{{ID: "x", Plugin: "hook"}}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	var jobs int
	if err := r.store.Pool().QueryRow(t.Context(), "SELECT count(*) FROM river_job").Scan(&jobs); err != nil || jobs != 0 {
		t.Errorf("%d jobs, %v", jobs, err)
	}
}

// beWorker delivers into a file until it is killed.
func beWorker(dsn, file string) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	fail := func(err error) {
		if err != nil {
			log.Error("worker failed", "err", err)
			os.Exit(1)
		}
	}
	s, err := store.New(dsn)
	fail(err)
	q, err := NewQueue(s.Pool(), log)
	fail(err)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fail(err)
	p := &plugin{answer: func(a nvr.Alert) (nvr.DeliveryResult, error) {
		_, err := fmt.Fprintln(f, a.DeliveryID)
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // the channel takes its time, so that kills meet attempts
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}, err
	}}
	d, err := NewDispatcher(q, Options{Store: s, Notifier: p, Plugins: []string{"hook"}}, log, nil)
	fail(err)
	fail(d.Run(context.Background()))
}

func testKilledWorkersLoseNothing(t *testing.T, r *rig) {
	const total, kills = 400, 6
	var ids []string
	for range total {
		ids = append(ids, r.save("hook", nil))
	}
	file := filepath.Join(t.TempDir(), "delivered")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pending := func() (n int) {
		if err := r.store.Pool().QueryRow(context.Background(), "SELECT count(*) FROM deliveries WHERE state = 'pending'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	dsn := r.store.Pool().Config().ConnString()
	for kill := 0; pending() > 0; kill++ {
		if kill > 3*kills {
			t.Fatalf("%d deliveries still pending", pending())
		}
		worker := exec.Command(exe)
		worker.Env = append(os.Environ(), workerEnv+"="+dsn+"|"+file)
		worker.Stderr = t.Output()
		if err := worker.Start(); err != nil {
			t.Fatal(err)
		}
		target := max(0, pending()-total/kills)
		until(t, "some deliveries", func() bool { return pending() <= target })
		_ = worker.Process.Kill()
		_ = worker.Wait()
	}
	seen := map[string]int{}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for sc := bufio.NewScanner(f); sc.Scan(); lines++ {
		seen[sc.Text()]++
	}
	for _, id := range ids {
		if seen[id] == 0 {
			t.Errorf("delivery %s was lost", id)
		}
		if d := r.row(id); d.State != nvr.DeliveryDelivered {
			t.Errorf("%+v", d)
		}
	}
	duplicates := lines - total
	t.Logf("%d deliveries, %d duplicates", total, duplicates)
	if duplicates > 3*kills*workersPerPlugin {
		t.Errorf("%d duplicates", duplicates)
	}
}

func TestQueueNames(t *testing.T) {
	for _, id := range []string{"hook", "a--b", "-x", "x_", strings.Repeat("a", 48), "a__b"} {
		if name := queueName(id); !riverNameRE.MatchString(name) || len(name) > 64 {
			t.Errorf("%q: %q", id, name)
		}
	}
	if queueName("a--b") == queueName("a_b") || queueName("hook") != "notify_hook" {
		t.Error("names must tell plugins apart")
	}
}
