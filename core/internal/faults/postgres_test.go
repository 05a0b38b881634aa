package faults

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/internal/testkit"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// database is a PostgreSQL of the test's own.
type database struct {
	t     testing.TB
	store *store.Store
	lock  string // the file that names its process
}

func newDatabase(t testing.TB) *database {
	t.Helper()
	dsn := testkit.Postgres(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.New(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return &database{t: t, store: s, lock: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432.lock")}
}

// pid returns the server's first process.
func (d *database) pid() int {
	d.t.Helper()
	b, err := os.ReadFile(d.lock)
	if err != nil {
		d.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	if err != nil || pid <= 1 {
		d.t.Fatalf("%s does not begin with a process: %s", d.lock, b)
	}
	return pid
}

// hang stops all processes of the server, those that serve connections included, and returns what lets them go on.
func (d *database) hang() (resume func()) {
	d.t.Helper()
	first := d.pid()
	d.signal(first, syscall.SIGSTOP) // from now on it has no more children than it has
	all := append([]int{first}, children(d.t, first)...)
	for _, pid := range all[1:] {
		d.signal(pid, syscall.SIGSTOP)
	}
	done := false
	resume = func() {
		for i := len(all) - 1; i >= 0 && !done; i-- {
			d.signal(all[i], syscall.SIGCONT)
		}
		done = true
	}
	d.t.Cleanup(resume)
	return resume
}

func (d *database) signal(pid int, s syscall.Signal) {
	d.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		d.t.Errorf("signal %v to process %d of PostgreSQL: %v", s, pid, err)
	}
}

func children(t testing.TB, of int) (out []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // ended meanwhile
		}
		var pid, parent int
		var state string
		_, rest, _ := strings.Cut(string(b), ") ")
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil || parent != of {
			continue
		}
		if pid, err = strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// away is for how long the database does not answer.
func away() time.Duration {
	if slow() {
		return 3 * time.Minute
	}
	return 20 * time.Second
}

// TestPostgresHangs stops the database's processes for a while.
func TestPostgresHangs(t *testing.T) {
	t.Parallel()
	outage(t, func(d *database, ids []nvr.StreamID, r *rig) {
		resume := d.hang()
		r.playsWithoutIndex(ids[0], away())
		resume()
	})
}

// TestPostgresKilled kills the database, and kills it again whenever it has come back, for a while.
func TestPostgresKilled(t *testing.T) {
	t.Parallel()
	outage(t, func(d *database, ids []nvr.StreamID, r *rig) {
		for range 3 {
			pid := d.pid()
			d.signal(pid, syscall.SIGKILL)
			waitFor(t, "PostgreSQL is started again", func() bool {
				b, err := os.ReadFile(d.lock)
				return err == nil && !strings.HasPrefix(string(b), strconv.Itoa(pid)+"\n") && d.answers()
			})
			r.waitRecorded(ids[0], time.Second)
		}
	})
}

func (d *database) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return d.store.Ping(ctx) == nil
}

// outage records two cameras while something is done to the database, and demands that nothing is lost.
func outage(t *testing.T, breakIt func(*database, []nvr.StreamID, *rig)) {
	t.Helper()
	d := newDatabase(t)
	cams := camerasOf(t, clip(t), "front", "yard")
	r := start(t, plan{cameras: cams, volumes: oneVolume(t), index: d.store})
	ids := []nvr.StreamID{main("front"), main("yard")}
	r.waitRecorded(ids[0], 6*time.Second)
	waitFor(t, "something is indexed", func() bool {
		recs, err := d.store.Recordings(t.Context(), ids[0], r.span())
		return err == nil && len(recs) > 0
	})
	breakIt(d, ids, r)
	r.waitRecorded(ids[0], 2*time.Second)
	again := time.Now()
	waitFor(t, "the index catches up", r.caughtUp)
	t.Logf("caught up in %v", time.Since(again).Round(100*time.Millisecond))
	for id, a := range r.count() {
		untouched(t, id, a)
		var journaled []string
		for _, lib := range r.volumes.All() {
			days, err := lib.Days()
			if err != nil {
				t.Fatal(err)
			}
			for _, day := range days {
				led, err := lib.Ledger(day, 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, rec := range led.Recordings() {
					if day.Stream == id {
						journaled = append(journaled, rec.Path)
					}
				}
			}
		}
		if len(journaled) != len(a.recs) || slices.ContainsFunc(a.recs, func(rec index.Recording) bool { return !slices.Contains(journaled, rec.Path) }) {
			t.Errorf("%s: %d rows, %d lines", id, len(a.recs), len(journaled))
		}
	}
}

var mediaLine = regexp.MustCompile(`(?m)^x/(\d+)/(\d+)-(\d+)\.m4s$`)

// playsWithoutIndex lets that much time pass in which the index does not answer, then plays from it.
func (r *rig) playsWithoutIndex(id nvr.StreamID, long time.Duration) {
	r.t.Helper()
	began := time.Now()
	waitFor(r.t, "time passes", func() bool { return time.Since(began) >= min(long, patience-time.Second) })
	for left := long - time.Since(began); left > 0; left = long - time.Since(began) {
		<-time.After(left)
	}
	ctx := context.Background()
	if _, err := r.index.Gaps(shortly(r.t), id, r.span()); err == nil {
		r.t.Error("the index answers: nothing is tested")
	}
	now := nvr.TimeRange{Start: began, End: time.Now()}
	c, err := r.player.Coverage(ctx, id, now)
	if err != nil {
		r.t.Fatal(err)
	}
	if missing := now.Duration() - total(c.Exact); missing > 10*time.Second {
		r.t.Errorf("of the %v without the index, %v do not play", now.Duration(), missing)
	}
	list, err := r.player.Playlist(ctx, id, now, "x/")
	if err != nil {
		r.t.Fatal(err)
	}
	all := mediaLine.FindAllStringSubmatch(list.Text, -1)
	if len(all) < 3 {
		r.t.Fatalf("playlist:\n%s", list.Text)
	}
	for _, m := range all {
		var n [3]int64
		for i := range n {
			n[i], _ = strconv.ParseInt(m[i+1], 10, 64) // the expression has only digits
		}
		body, err := r.player.OpenRange(ctx, id, n[0], n[1], n[2])
		if err != nil {
			r.t.Errorf("%s: %v", m[0], err)
			continue
		}
		if b, err := io.ReadAll(body); err != nil || int64(len(b)) != n[2] {
			r.t.Errorf("%s: %d bytes: %v", m[0], len(b), err)
		}
		_ = body.Close()
	}
	r.t.Logf("%v without the index: %d segments play", now.Duration().Round(time.Second), len(all))
}

func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	t.Cleanup(cancel)
	return ctx
}
