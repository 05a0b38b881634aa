package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // the zones of the tables below
)

// TestBandwidthBoundsEverySecond: two uploads share the rate, in every window of a second, and use it.
func TestBandwidthBoundsEverySecond(t *testing.T) {
	t.Parallel()
	for _, rate := range []int64{500, 20_000, 1_000_000, 50_000_000} {
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(rate)
			type moved struct {
				at time.Time
				n  int64
			}
			var mu sync.Mutex
			var log []moved
			size := 5 * rate
			start := time.Now()
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					r := p.reader(t.Context(), io.LimitReader(zeros{}, size))
					buf := make([]byte, 32<<10)
					for {
						n, err := r.Read(buf)
						mu.Lock()
						log = append(log, moved{time.Now(), int64(n)})
						mu.Unlock()
						if err != nil {
							return
						}
					}
				})
			}
			wg.Wait()
			slack := 2 * int64(p.chunk)
			first, sum := 0, int64(0)
			for i, m := range log {
				sum += m.n
				for m.at.Sub(log[first].at) >= time.Second {
					sum -= log[first].n
					first++
				}
				if sum > rate+slack {
					t.Fatalf("rate %d: %d bytes within a second, at entry %d", rate, sum, i)
				}
			}
			if took, want := time.Since(start), 10*time.Second; took < want || took > want+want/10 {
				t.Errorf("rate %d: %s for ten seconds' worth of bytes", rate, took)
			}
		})
	}
}

func TestPacedReadingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := newPacer(1000).reader(ctx, zeros{})
		time.AfterFunc(10*time.Second, cancel)
		n, err := io.Copy(io.Discard, r)
		if !errors.Is(err, context.Canceled) || n < 8_000 || n > 11_000 {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

func TestWithoutALimitNothingIsPaced(t *testing.T) {
	t.Parallel()
	b, err := io.ReadAll(newPacer(0).reader(t.Context(), bytes.NewReader([]byte("abc"))))
	if err != nil || string(b) != "abc" {
		t.Errorf("%q, %v", b, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestWindow(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	local := func(s string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04:05 -0700", s, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return at.In(berlin)
	}
	for _, c := range []struct {
		window, at string
		open       bool
		next       string // when it is not open
	}{
		{"", "2026-06-01 12:00:00 +0200", true, ""},
		{"01:00-06:00", "2026-06-01 00:59:59 +0200", false, "2026-06-01 01:00:00 +0200"},
		{"01:00-06:00", "2026-06-01 01:00:00 +0200", true, ""},
		{"01:00-06:00", "2026-06-01 05:59:59 +0200", true, ""},
		{"01:00-06:00", "2026-06-01 06:00:00 +0200", false, "2026-06-02 01:00:00 +0200"},
		{"22:30-04:15", "2026-06-01 22:29:00 +0200", false, "2026-06-01 22:30:00 +0200"},
		{"22:30-04:15", "2026-06-01 23:59:59 +0200", true, ""},
		{"22:30-04:15", "2026-06-02 00:00:00 +0200", true, ""},
		{"22:30-04:15", "2026-06-02 04:15:00 +0200", false, "2026-06-02 22:30:00 +0200"},
		// 29 March 2026: 02:00 becomes 03:00. A window in the hour that is not there does not open that night.
		{"02:15-02:45", "2026-03-29 01:59:00 +0100", false, "2026-03-30 02:15:00 +0200"},
		{"02:30-04:00", "2026-03-29 01:59:59 +0100", false, "2026-03-29 03:00:00 +0200"},
		{"01:00-06:00", "2026-03-29 03:00:00 +0200", true, ""},
		{"23:00-02:30", "2026-03-29 03:00:00 +0200", false, "2026-03-29 23:00:00 +0200"},
		// 25 October 2026: 03:00 becomes 02:00. The hour that is there twice counts twice.
		{"02:00-02:30", "2026-10-25 02:10:00 +0200", true, ""},
		{"02:00-02:30", "2026-10-25 02:40:00 +0200", false, "2026-10-25 02:00:00 +0100"},
		{"02:00-02:30", "2026-10-25 02:10:00 +0100", true, ""},
		{"02:00-02:30", "2026-10-25 02:40:00 +0100", false, "2026-10-26 02:00:00 +0100"},
	} {
		w, err := ParseWindow(c.window)
		if err != nil {
			t.Errorf("%q: %v", c.window, err)
			continue
		}
		at := local(c.at)
		if got := w.Open(at); got != c.open {
			t.Errorf("%q at %s: open %t", c.window, c.at, got)
		}
		want := at
		if c.next != "" {
			want = local(c.next)
		}
		if got := w.Next(at); !got.Equal(want) {
			t.Errorf("%q at %s: next %s, want %s", c.window, c.at, got, want)
		}
	}
	for _, bad := range []string{"1:00-6:00", "01:00", "01:00-01:00", "25:00-26:00", "01:00-06:60", "01:00 06:00", "01:00-06:00 "} {
		if _, err := ParseWindow(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestUploadsWaitForTheWindow, and say since when they may run.
func TestUploadsWaitForTheWindow(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	w, err := ParseWindow("22:00-04:00")
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(o *Options) {
		o.Window = w
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	rec := g.record(front, noon(), 1000)
	a := g.start()
	waitFor(t, "waiting", func() bool { s := a.Status(); return s.State == Waiting && s.Reason == "uploads may run from 22:00 on" })
	if g.archived(rec) || a.Status().BacklogFiles != 1 {
		t.Error("it was copied outside of the window")
	}
	mu.Lock()
	now = now.Add(11 * time.Hour)
	mu.Unlock()
	waitFor(t, "a copy", func() bool { return g.archived(rec) && a.Status().State == OK })
}
