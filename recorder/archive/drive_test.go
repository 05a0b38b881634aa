package archive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// pass does once, in order, what Run does all the time.
func pass(ctx context.Context, a *Archive) error {
	if err := a.scan(ctx, true); err != nil {
		return err
	}
	a.decide(ctx)
	for ctx.Err() == nil {
		j, _, ok := a.attempt(ctx)
		if !ok {
			break
		}
		a.finish(ctx, j, a.upload(ctx, j))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := a.copyJournals(ctx); err != nil {
		return err
	}
	if err := a.expire(ctx, true); err != nil {
		return err
	}
	for _, v := range a.snapshot() {
		if err := a.save(v); err != nil {
			return err
		}
	}
	return nil
}

var errDead = errors.New("the process is dead")

// death kills the process at one of its steps: from then on nothing works. A request has two steps, because the server
// may have done what it was asked without the process hearing of it.
type death struct {
	at    int64
	kill  context.CancelFunc
	steps atomic.Int64
}

func (d *death) step() error {
	if d.steps.Add(1) > d.at {
		d.kill() // the client would wait and try again
		return errDead
	}
	return nil
}

func (d *death) disk(faultfs.Op) error { return d.step() }

func (d *death) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if err := d.step(); err != nil {
			return nil, err
		}
		resp, err := next.RoundTrip(r)
		if err == nil {
			if derr := d.step(); derr != nil {
				_ = resp.Body.Close()
				return nil, derr
			}
		}
		return resp, err
	})
}

// TestDyingAtAnyStepLosesNothing dies at each step in turn, now killed, now by a power cut, and starts again. Every fifth
// step is tried, and with NIGHTJAR_SLOW=1 every one.
func TestDyingAtAnyStepLosesNothing(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	stride := 5
	if os.Getenv("NIGHTJAR_SLOW") != "" {
		stride = 1
	}
	for n := 0; ; n += stride {
		if !dieAt(t, g, n) {
			if n < 40 {
				t.Errorf("only %d steps, the test misses some", n)
			}
			t.Logf("%d steps", n)
			return
		}
		if t.Failed() {
			t.Fatalf("died at step %d", n)
		}
	}
}

// dieAt reports whether there was a step n.
func dieAt(t *testing.T, g *rig, n int) bool {
	t.Helper()
	ctx := t.Context()
	mem := faultfs.NewMem()
	g.lib = openMem(t, mem)
	g.opts.Bucket, g.opts.RetainDays, g.opts.Transport = fmt.Sprintf("step-%d", n), 0, nil
	old := g.record(front, noon().AddDate(0, 0, -20), 3000)
	if err := pass(ctx, g.make()); err != nil || !g.archived(old) {
		t.Fatalf("preparation: %v", err)
	}
	recs := []index.Recording{g.record(front, noon(), 5000), g.record(yard, noon().Add(time.Second), 4000)}
	syncAll(t, mem, "")

	mortal, kill := context.WithCancel(ctx)
	defer kill()
	d := &death{at: int64(n), kill: kill}
	g.opts.RetainDays, g.opts.Transport = 10, d.wrap(http.DefaultTransport)
	lib, err := library.OpenFS(faultfs.Wrap(mem, d.disk), "volume")
	if err == nil {
		g.lib = lib
		err = pass(mortal, g.make())
	}
	died := d.steps.Load() > d.at
	if !died && err != nil {
		t.Fatalf("nothing was to fail, but: %v", err)
	}

	if n%2 == 1 {
		mem = mem.CrashClone(rand.New(rand.NewPCG(uint64(n), 0))) //nolint:gosec // not negative
	}
	g.lib, g.opts.Transport = openMem(t, mem), nil
	for _, r := range append(recs, old) {
		if g.archived(r) && len(g.stored(r.Path)) != int(r.Bytes) {
			t.Errorf("the journal claims a copy of %s that is not there", r.Path)
		}
	}
	if err := pass(ctx, g.make()); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	g.checkCopies(recs...)
	if g.archived(old) || g.stored(old.Path) != nil {
		t.Error("the old copy did not expire")
	}
	if s := g.a.Status(); s.State != OK || s.BacklogFiles != 0 || s.Reason != "" {
		t.Errorf("status %+v", s)
	}
	for o, err := range g.a.bucket.list(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(o.path, library.DayOf(front, old.Start).String()) && strings.HasSuffix(o.path, ".mp4") {
			t.Errorf("%s is left in the bucket", o.path)
		}
	}
	return died
}

func openMem(t *testing.T, mem *faultfs.Mem) *library.Library {
	t.Helper()
	lib, err := library.OpenFS(mem, "volume")
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// syncAll makes everything below dir survive a power cut.
func syncAll(t *testing.T, mem *faultfs.Mem, dir string) {
	t.Helper()
	entries, err := mem.ReadDir(path.Join(".", dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		if e.IsDir() {
			syncAll(t, mem, p)
			continue
		}
		f, err := mem.OpenFile(p, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := mem.SyncDir(path.Join(".", dir)); err != nil {
		t.Fatal(err)
	}
}

// TestCamerasTakeTurnsOldestFirst: a camera with a long backlog holds up no other.
func TestCamerasTakeTurnsOldestFirst(t *testing.T) {
	t.Parallel()
	var order []string
	g := newRig(t, func(o *Options) {
		o.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ".mp4") {
				order = append(order, strings.TrimPrefix(r.URL.Path, "/"+testBucket+"/home/nvr/"))
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
	var a, b []string
	for i := range 6 { // over midnight
		a = append(a, g.record(front, noon().AddDate(0, 0, -1).Add(time.Duration(i)*6*time.Hour), 500).Path)
	}
	for i := range 2 {
		b = append(b, g.record(yard, noon().Add(time.Duration(i)*time.Minute), 500).Path)
	}
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	want := []string{a[0], b[0], a[1], b[1], a[2], a[3], a[4], a[5]}
	if fmt.Sprint(order) != fmt.Sprint(want) {
		t.Errorf("order\n%v, want\n%v", order, want)
	}
}

// TestARestartRepeatsNothing: neither with the cursor, nor without it, nor with a damaged one.
func TestARestartRepeatsNothing(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	recs := []index.Recording{g.record(front, noon(), 900), g.record(front, noon().Add(time.Minute), 901)}
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	g.checkCopies(recs...)
	for _, cursor := range []string{"as it is", "damaged", "of another journal", "absent"} {
		t.Run(cursor, func(t *testing.T) {
			fsys := g.lib.FS()
			var err error
			switch cursor {
			case "damaged":
				err = library.ReplaceFile(fsys, cursorName, []byte("{tor"))
			case "of another journal":
				err = library.ReplaceFile(fsys, cursorName, fmt.Appendf(nil, `{"days":{%q:{"settled":999999,"sent":999999,"remote":true}}}`, library.DayOf(front, noon())))
			case "absent":
				err = fsys.Remove(cursorName)
			}
			if err != nil {
				t.Fatal(err)
			}
			puts := 0
			g.opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ".mp4") {
					puts++
				}
				return http.DefaultTransport.RoundTrip(r)
			})
			if err := pass(t.Context(), g.make()); err != nil {
				t.Fatal(err)
			}
			if n := g.lines(library.DayOf(front, noon()), library.Archived); puts != 0 || n != 2 {
				t.Errorf("%d uploads and %d archive lines, want 0 and 2", puts, n)
			}
		})
	}
}

// TestDeletedWhileItWasCopied: the copy goes too, whatever made the journal give the recording up.
func TestDeletedWhileItWasCopied(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	rec := g.record(front, noon(), 2000)
	hour, err := library.HourOf(rec.Path)
	if err != nil {
		t.Fatal(err)
	}
	g.opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, rec.Path) {
			if err := g.lib.Append(hour.Day, library.Line{Deleted: &hour}); err != nil {
				t.Error(err)
			}
			if err := g.lib.RemoveHour(hour); err != nil {
				t.Error(err)
			}
		}
		return resp, err
	})
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	if g.archived(rec) || g.stored(rec.Path) != nil {
		t.Error("a deleted recording stayed in the archive")
	}
	if s := g.a.Status(); s.State != OK || s.BacklogFiles != 0 {
		t.Errorf("status %+v", s)
	}
}
