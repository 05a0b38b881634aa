package archive

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// events is an Interest of which a test decides how far it is known.
type events struct {
	mu     sync.Mutex
	ranges []nvr.TimeRange
	known  time.Time
	err    error
	asked  int
}

func (e *events) Interest(_ context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.TimeRange, bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if camera != front.Camera {
		return nil, true, nil
	}
	return e.ranges, !r.End.After(e.known), e.err
}

func (e *events) set(f func(*events)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e)
}

func TestOnlyWhatIsOfInterestIsCopied(t *testing.T) {
	t.Parallel()
	e := &events{err: errors.New("the database is away")}
	g := newRig(t, func(o *Options) { o.Only, o.Interest = "events", e })
	var recs []index.Recording
	for i := range 12 { // two hours, ten minutes apart
		recs = append(recs, g.record(front, noon().Add(time.Duration(i)*10*time.Minute), 1000))
	}
	g.record(yard, noon(), 1000) // of which nothing is of interest
	a := g.start()
	waitFor(t, "waiting to know", func() bool { s := a.Status(); return s.State == Waiting && strings.Contains(s.Reason, "not known") })
	e.set(func(e *events) {
		e.err = nil
		e.ranges = []nvr.TimeRange{{Start: recs[2].Start.Add(5 * time.Second), End: recs[3].Start.Add(time.Second)}, {Start: recs[9].Start, End: recs[9].End()}}
		e.known = recs[6].End().Add(time.Second)
	})
	waitFor(t, "copies of the first hour", func() bool { return g.archived(recs[2]) && g.archived(recs[3]) })
	waitFor(t, "waiting to know more", func() bool { return a.Status().State == Waiting })
	if g.archived(recs[9]) {
		t.Error("something is decided that is not known")
	}
	e.set(func(e *events) { e.known = recs[11].End().Add(time.Hour) })
	waitFor(t, "the last copy", func() bool { return g.archived(recs[9]) && a.Status().State == OK })
	if n := g.lines(library.DayOf(front, noon()), library.Archived); n != 3 {
		t.Errorf("%d copies, want 3", n)
	}
	g.stop()

	// Asked for everything, the rest follows.
	g.opts.Only, g.opts.Interest = "all", nil
	a = g.start()
	waitFor(t, "copies of all", func() bool { return g.archived(recs[0]) && a.Status().State == OK && a.Status().BacklogFiles == 0 })
	g.checkCopies(recs...)
}

// TestCopiesExpire, held ones and those of younger days do not, and what a crash left goes.
func TestCopiesExpire(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	at := func(days int, d time.Duration) time.Time { return noon().AddDate(0, 0, -days).Add(d) }
	old, held, young := g.record(front, at(20, 0), 1000), g.record(front, at(20, time.Hour), 1000), g.record(front, at(5, 0), 1000)
	alone := g.record(yard, at(20, 0), 1000)
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	orphan := library.FilePath(yard, at(20, time.Hour).UnixMilli())
	fresh := library.FilePath(yard, at(2, 0).UnixMilli())
	wanted := library.FilePath(front, at(20, 2*time.Hour).UnixMilli()) // an orphan in a time that is held
	for _, p := range []string{orphan, fresh, wanted} {
		if err := g.a.bucket.put(t.Context(), p, strings.NewReader("abc"), 3, [32]byte{}, false); err == nil {
			t.Fatal("a wrong checksum was accepted")
		}
		b := content(p, 300)
		if err := g.a.bucket.put(t.Context(), p, strings.NewReader(string(b)), 300, [32]byte(mustHex(t, hexSum(b))), false); err != nil {
			t.Fatal(err)
		}
	}
	g.opts.RetainDays = 10
	g.opts.Held = func(s nvr.StreamID, start, end time.Time) bool {
		return s == front && (start.Equal(held.Start) && end.Equal(held.End()) || start.Equal(at(20, 2*time.Hour)))
	}
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	g.checkCopies(held, young)
	for _, r := range []index.Recording{old, alone} {
		if g.archived(r) || g.stored(r.Path) != nil {
			t.Errorf("%s did not expire", r.Path)
		}
	}
	if g.stored(orphan) != nil {
		t.Error("an old object that no journal names is still there")
	}
	if g.stored(wanted) == nil {
		t.Error("an object that no journal names was swept up, though its time is held")
	}
	if g.stored(fresh) == nil {
		t.Error("a young object was deleted")
	}
	id := g.a.snapshot()[0].id
	if g.stored(journalKey(library.DayOf(yard, alone.Start), id)) != nil {
		t.Error("the journal of a day without copies is still in the bucket")
	}
	if g.stored(journalKey(library.DayOf(front, held.Start), id)) == nil {
		t.Error("the journal of a held recording is gone")
	}
	puts := 0
	g.opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ".mp4") {
			puts++
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	if err := g.lib.FS().Remove(cursorName); err != nil {
		t.Fatal(err)
	}
	if err := pass(t.Context(), g.make()); err != nil || puts > 0 {
		t.Errorf("%d expired recordings were uploaded again, %v", puts, err)
	}
}

// TestAWrongClockExpiresNothing: the server's clock is the witness.
func TestAWrongClockExpiresNothing(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	rec := g.record(front, noon(), 1000)
	if err := pass(t.Context(), g.make()); err != nil {
		t.Fatal(err)
	}
	g.opts.RetainDays = 10
	g.opts.Now = func() time.Time { return time.Now().AddDate(5, 0, 0) }
	err := pass(t.Context(), g.make())
	if err == nil || !strings.Contains(g.a.bucket.explain(err).message, "clocks") {
		t.Errorf("expired with a wrong clock: %v", err)
	}
	g.checkCopies(rec)
}
