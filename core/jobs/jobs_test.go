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
	"strings"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
)

// conformance is what every queue must do.
func conformance() map[string]func(*testing.T, *rig) {
	return map[string]func(*testing.T, *rig){
		"deliveries": testDeliveries, "plugin that does not run": testPluginThatDoesNotRun, "sweep": testSweepMakesMissingJobs,
		"killed workers": testKilledWorkersLoseNothing, "other notifiers": testOtherNotifiers, "held": testHeldWaits,
	}
}

// TestOnServers runs all that needs servers, on one PostgreSQL with a database for each group.
func TestOnServers(t *testing.T) {
	t.Parallel()
	dsn := testkit.Postgres(t)
	for name, group := range map[string]func(*testing.T, string){"postgres": onPostgres, "redis": onRedis, "policies": policies, "commands": commands} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group(t, dsn)
		})
	}
}

func onPostgres(t *testing.T, dsn string) {
	s := newStore(t, dsn, "on_postgres")
	q, err := NewPostgres(s.Pool(), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	tests := conformance()
	tests["rollback"] = testRollbackTakesTheJobAlong
	on(t, s, q, nil, tests)
}

func onRedis(t *testing.T, dsn string) {
	server := testkit.Redis(t)
	s := newStore(t, dsn, "on_redis")
	q, err := NewRedis(server.URL(), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	tests := conformance()
	tests["wiped and killed"] = testRedisWipedAndKilled
	on(t, s, q, server, tests)
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

// testOtherNotifiers adds a notifier while the dispatcher runs.
func testOtherNotifiers(t *testing.T, r *rig) {
	p := &plugin{}
	d, err := NewDispatcher(r.queue, Options{Store: r.store, Notifier: p, Notifiers: []string{"hook"}, SweepEvery: 200 * time.Millisecond}, r.log, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	late := r.save("late", nil)
	r.await(r.save("hook", nil), nvr.DeliveryDelivered)
	if d := r.row(late); d.State != nvr.DeliveryPending {
		t.Errorf("%+v", d)
	}
	d.SetNotifiers([]string{"hook", "late"})
	r.await(late, nvr.DeliveryDelivered)
}

// testHeldWaits has a row that must not be told before its time.
func testHeldWaits(t *testing.T, r *rig) {
	p := &plugin{}
	due := time.Now().Add(900 * time.Millisecond)
	held := r.save("hook", func(d *nvr.Delivery) { d.NextAt, d.Hold, d.Level = due, nvr.HoldEscalation, 1 })
	r.dispatch(p, nil)
	if d := r.await(held, nvr.DeliveryDelivered); d.DeliveredAt.Before(due) || p.count(held) != 1 {
		t.Errorf("due %v: %+v", due, d)
	}
}

func testSweepMakesMissingJobs(t *testing.T, r *rig) {
	r.store.UseQueue(nil) // as if the row had come without its job
	ids := r.saveMany("hook", sweepPage+20)
	p := &plugin{}
	r.dispatch(p, nil)
	until(t, "all are told", func() bool { return r.pending() == 0 })
	for _, id := range ids {
		if n := p.count(id); n != 1 {
			t.Errorf("%s delivered %d times", id, n)
		}
	}
	if _, ok := r.queue.(*Postgres); !ok {
		return
	}
	var jobs int
	if err := r.store.Pool().QueryRow(t.Context(), "SELECT count(*) FROM river_job").Scan(&jobs); err != nil || jobs > 2*len(ids) {
		t.Errorf("%d jobs for %d rows: sweeps must not pile them up; %v", jobs, len(ids), err)
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
func beWorker(dsn, file, redisURL string) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	fail := func(err error) {
		if err != nil {
			log.Error("worker failed", "err", err)
			os.Exit(1)
		}
	}
	s, err := store.New(dsn)
	fail(err)
	var q Queue
	if q, err = NewPostgres(s.Pool(), log); redisURL != "" {
		q, err = NewRedis(redisURL, log)
	}
	fail(err)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fail(err)
	p := &plugin{answer: func(a nvr.Alert) (nvr.DeliveryResult, error) {
		_, err := fmt.Fprintln(f, a.DeliveryID)
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // the channel takes its time, so that kills meet attempts
		return nvr.DeliveryResult{Class: nvr.DeliveryOK}, err
	}}
	d, err := NewDispatcher(q, Options{Store: s, Notifier: p, Notifiers: []string{"hook"}}, log, nil)
	fail(err)
	fail(d.Run(context.Background()))
}

func testKilledWorkersLoseNothing(t *testing.T, r *rig) {
	total, kills := 100, 3
	if os.Getenv("NIGHTJAR_SLOW") != "" {
		total, kills = 800, 20
	}
	ids := r.saveMany("hook", total)
	file := filepath.Join(t.TempDir(), "delivered")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dsn, pending, redisURL := r.store.Pool().Config().ConnString(), r.pending, ""
	if r.redis != nil {
		redisURL = r.redis.URL()
	}
	for kill := 0; pending() > 0; kill++ {
		if kill > 3*kills {
			t.Fatalf("%d deliveries still pending", pending())
		}
		worker := exec.Command(exe)
		worker.Env = append(os.Environ(), workerEnv+"="+dsn+"|"+file+"|"+redisURL)
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
	if duplicates > 3*kills*workersPerNotifier {
		t.Errorf("%d duplicates", duplicates)
	}
}

func TestQueueNames(t *testing.T) {
	for _, id := range []string{"hook", "a--b", "-x", "x_", strings.Repeat("a", 48), "a__b"} {
		if name := queueName(id); !plainName.MatchString(name) || len(name) > 64 {
			t.Errorf("%q: %q", id, name)
		}
	}
	if queueName("a--b") == queueName("a_b") || queueName("hook") != "notify_hook" {
		t.Error("names must tell plugins apart")
	}
}
