package media

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testDesc = &Description{Tracks: []Track{{Codec: H264, ClockRate: 90000}, {Codec: AAC, ClockRate: 48000}}}

// feed publishes n pictures of a stream with a key frame every gop pictures, 100 ms apart.
func feed(h *Hub, desc *Description, from, n, gop int) {
	for i := from; i < from+n; i++ {
		h.Publish(&AccessUnit{Desc: desc, Track: 0, PTS: int64(i), Key: i%gop == 0, NTP: time.UnixMilli(int64(i) * 100), Payload: [][]byte{make([]byte, 10)}})
	}
}

func drain(t *testing.T, r *Reader) []*AccessUnit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	us, err := r.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return append([]*AccessUnit(nil), us...)
}

func TestBurstBeginsAtTheLastKeyFrame(t *testing.T) {
	h := NewHub()
	feed(h, testDesc, 0, 27, 10)
	r := h.Subscribe(ReaderOptions{Capacity: 100, Burst: true})
	defer r.Close()
	got := drain(t, r)
	if len(got) != 7 || got[0].PTS != 20 || !got[0].Key {
		t.Fatalf("burst of %d units from %d, want 7 from 20", len(got), got[0].PTS)
	}
}

func TestWithoutBurstAReaderWaitsForAKeyFrame(t *testing.T) {
	h := NewHub()
	feed(h, testDesc, 0, 5, 10)
	r := h.Subscribe(ReaderOptions{Capacity: 100})
	defer r.Close()
	feed(h, testDesc, 5, 7, 10)
	if got := drain(t, r); got[0].PTS != 10 || len(got) != 2 {
		t.Fatalf("began at %d with %d units", got[0].PTS, len(got))
	}
}

func TestSlowReaderLosesUpToAKeyFrameAndNobodyElseDoes(t *testing.T) {
	h := NewHub()
	slow, fast := h.Subscribe(ReaderOptions{Capacity: 8}), h.Subscribe(ReaderOptions{Capacity: 1000})
	defer slow.Close()
	defer fast.Close()
	feed(h, testDesc, 0, 35, 10)
	if got := drain(t, fast); len(got) != 35 || fast.Dropped() != 0 {
		t.Errorf("the fast reader got %d units and lost %d", len(got), fast.Dropped())
	}
	if got := drain(t, slow); len(got) != 8 || got[7].PTS != 7 {
		t.Errorf("the slow reader kept %d units", len(got))
	}
	if slow.Dropped() != 27 {
		t.Errorf("lost %d, want 27", slow.Dropped())
	}
	feed(h, testDesc, 35, 10, 10)
	if got := drain(t, slow); got[0].PTS != 40 || !got[0].Key {
		t.Errorf("goes on at %d, want the key frame 40", got[0].PTS)
	}
}

func TestDropQueuedKeepsTheFreshest(t *testing.T) {
	h := NewHub()
	r := h.Subscribe(ReaderOptions{Capacity: 8, DropQueued: true})
	defer r.Close()
	feed(h, testDesc, 0, 42, 10)
	got := drain(t, r)
	if got[0].PTS != 40 || len(got) != 2 {
		t.Errorf("got %d units from %d, want 2 from 40", len(got), got[0].PTS)
	}
}

func TestBatchWakesOncePerSpan(t *testing.T) {
	h := NewHub()
	r := h.Subscribe(ReaderOptions{Capacity: 1000, Batch: time.Second})
	defer r.Close()
	feed(h, testDesc, 0, 1, 1000) // the key frame wakes
	drain(t, r)
	feed(h, testDesc, 1, 9, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if got, err := r.Read(ctx); err == nil && len(got) != 9 {
		t.Errorf("woke for %d units", len(got))
	}
	feed(h, testDesc, 10, 2, 1000)
	if got := drain(t, r); len(got) == 0 {
		t.Error("did not wake after a second of media")
	}
}

func TestEndReachesReadersAndForgetsThePictures(t *testing.T) {
	h := NewHub()
	r := h.Subscribe(ReaderOptions{Capacity: 2})
	defer r.Close()
	feed(h, testDesc, 0, 5, 10)
	h.End("the cable was pulled")
	got := drain(t, r)
	if last := got[len(got)-1]; !last.End() || last.Reason != "the cable was pulled" {
		t.Errorf("last unit %+v", last)
	}
	if h.Description() != nil {
		t.Error("still has a description")
	}
	late := h.Subscribe(ReaderOptions{Capacity: 100, Burst: true})
	defer late.Close()
	next := &Description{Tracks: testDesc.Tracks}
	feed(h, next, 0, 1, 10)
	if got := drain(t, late); got[0].Desc != next {
		t.Error("a burst of the session before")
	}
}

func TestHugeGroupOfPicturesIsNotKept(t *testing.T) {
	h := NewHub()
	feed(h, testDesc, 0, gopLimitUnits+10, 1<<30)
	h.mu.Lock()
	n := len(h.gop)
	h.mu.Unlock()
	if n != 0 {
		t.Errorf("%d units are kept of an endless group", n)
	}
}

func TestCloseWakesReaders(t *testing.T) {
	h := NewHub()
	a, b := h.Subscribe(ReaderOptions{Capacity: 10}), h.Subscribe(ReaderOptions{Capacity: 10})
	var wg sync.WaitGroup
	for _, r := range []*Reader{a, b} {
		wg.Go(func() {
			if _, err := r.Read(t.Context()); !errors.Is(err, ErrReaderClosed) {
				t.Errorf("read ended with %v", err)
			}
		})
	}
	a.Close()
	h.Close()
	wg.Wait()
	if _, err := h.Subscribe(ReaderOptions{Capacity: 1}).Read(t.Context()); !errors.Is(err, ErrReaderClosed) {
		t.Errorf("a late reader: %v", err)
	}
}

func TestReadersAndPublisherRace(t *testing.T) {
	h := NewHub()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r := h.Subscribe(ReaderOptions{Capacity: 4, Burst: true, DropQueued: true})
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				last := int64(-1)
				for {
					us, err := r.Read(ctx)
					if err != nil {
						break
					}
					for _, u := range us {
						if u.PTS <= last {
							t.Errorf("unit %d after %d", u.PTS, last)
						}
						last = u.PTS
					}
				}
				cancel()
				r.Close()
			}
		})
	}
	feed(h, testDesc, 0, 5000, 5)
	wg.Wait()
	if n := h.Readers(); n != 0 {
		t.Errorf("%d readers left", n)
	}
}

func BenchmarkPublish(b *testing.B) {
	h := NewHub()
	for range 3 {
		r := h.Subscribe(ReaderOptions{Capacity: 100, Batch: time.Second})
		defer r.Close()
	}
	u := &AccessUnit{Desc: testDesc, Track: 0, Key: true, NTP: time.Unix(0, 0), Payload: [][]byte{make([]byte, 100)}}
	b.ReportAllocs()
	for b.Loop() {
		h.Publish(u)
	}
}
