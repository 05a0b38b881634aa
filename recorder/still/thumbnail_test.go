package still_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/still"
)

func TestThumbnailIsTheKeyPictureAndRemembered(t *testing.T) {
	g := newRig(t)
	g.session(plain(t, 20), epoch, 19*time.Second)
	segment := g.recordings()[0].Segments[1]
	before := g.reads.Load()
	first, at, err := g.maker.Thumbnail(t.Context(), front, epoch.Add(3900*time.Millisecond), 160)
	if err != nil || number(t, first) != 30 || !at.Equal(epoch.Add(2*time.Second)) || picture(t, first).Bounds().Dx() != 160 {
		t.Fatalf("picture %d at %v, %v", number(t, first), at, err)
	}
	if n := g.reads.Load() - before; n >= segment.Bytes {
		t.Errorf("read %d bytes of a segment of %d for its first picture", n, segment.Bytes)
	}
	opens := g.opens.Load()
	again, _, err := g.maker.Thumbnail(t.Context(), front, epoch.Add(2*time.Second), 160)
	if err != nil || !bytes.Equal(first, again) || g.opens.Load() != opens {
		t.Errorf("the same segment again: %v, %d reads", err, g.opens.Load()-opens)
	}
	wide, _, err := g.maker.Thumbnail(t.Context(), front, epoch.Add(2*time.Second), 0)
	if err != nil || picture(t, wide).Bounds().Dx() != 320 {
		t.Errorf("without a width: %v, %v", picture(t, wide).Bounds(), err)
	}
	if _, _, err := g.maker.Thumbnail(t.Context(), front, epoch.Add(time.Minute), 0); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("in a gap: %v", err)
	}
	if _, _, err := g.maker.Thumbnail(t.Context(), front, epoch, 7); nvr.ErrorCode(err) != nvr.CodeInvalid {
		t.Errorf("7 pixels wide: %v", err)
	}
}

func TestThumbnailCacheIsBounded(t *testing.T) {
	g := newRig(t)
	g.session(plain(t, 20), epoch, 19*time.Second)
	one, _, err := g.maker.Thumbnail(t.Context(), front, epoch, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := g.newMaker(still.Options{CacheBytes: 2*int64(len(one)) + 1200})
	ask := func(second int) (made bool) {
		opens := g.opens.Load()
		if _, _, err := m.Thumbnail(t.Context(), front, epoch.Add(time.Duration(second)*time.Second), 0); err != nil {
			t.Fatal(err)
		}
		return g.opens.Load() > opens
	}
	for _, step := range []struct {
		second int
		made   bool
	}{{0, true}, {2, true}, {0, false}, {4, true}, {0, false}, {2, true}, {4, true}} {
		if made := ask(step.second); made != step.made {
			t.Errorf("second %d: made %v, want %v", step.second, made, step.made)
		}
	}
}

func TestThumbnailRequestsShareTheWork(t *testing.T) {
	g := newRig(t)
	g.session(plain(t, 5), epoch, 4*time.Second)
	g.hold = make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			c := t.Context()
			if i < 4 {
				c = ctx
			}
			_, _, errs[i] = g.maker.Thumbnail(c, front, epoch, 0)
		})
	}
	waitFor(t, func() bool { return g.opens.Load() == 1 })
	leave() // four leave, the others get their picture
	waitFor(t, func() bool { return g.opens.Load() == 1 })
	close(g.hold)
	wg.Wait()
	for i, err := range errs {
		if i < 4 && err != nil && !errors.Is(err, context.Canceled) || i >= 4 && err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	// Whoever left may have been the only one for a moment, then the work began anew.
	if n := g.opens.Load(); n > 2 {
		t.Errorf("%d reads of one segment for 8 requests", n)
	}

	g.hold = make(chan struct{})
	ctx, leave = context.WithCancel(t.Context())
	opens := g.opens.Load()
	wg.Go(func() {
		if _, _, err := g.maker.Thumbnail(ctx, front, epoch.Add(2*time.Second), 0); !errors.Is(err, context.Canceled) {
			t.Errorf("left alone: %v", err)
		}
	})
	waitFor(t, func() bool { return g.opens.Load() > opens })
	leave() // nobody wants it any more: the read ends without the channel
	wg.Wait()
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatal("condition did not come true")
		}
		<-tick.C
	}
}

// No more pictures are decoded at the same time than allowed; who waits for a place can leave.
func TestParallelIsBounded(t *testing.T) {
	g := newRig(t)
	g.session(plain(t, 5), epoch, 4*time.Second)
	m := g.newMaker(still.Options{Parallel: 1})
	g.hold = make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := m.Frame(t.Context(), front, epoch, 0); err != nil {
			t.Error(err)
		}
	})
	waitFor(t, func() bool { return g.opens.Load() == 1 })
	ctx, leave := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, _, err := m.Frame(ctx, front, epoch, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting for a place: %v", err)
		}
		close(g.hold)
	})
	leave()
	wg.Wait()
	if n := g.opens.Load(); n != 1 {
		t.Errorf("%d reads, want 1", n)
	}
}

// Damaged files are errors, never panics.
func TestDamagedFiles(t *testing.T) {
	g := newRig(t)
	g.session(plain(t, 5), epoch, 4*time.Second)
	rec := g.recordings()[0]
	name := filepath.Join(g.dir, rec.Path)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < rec.Bytes; at += 97 {
		b := bytes.Clone(whole)
		for i := at; i < min(at+4, rec.Bytes); i++ {
			b[i] ^= 0xff
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, _ = g.maker.Frame(t.Context(), front, epoch.Add(1500*time.Millisecond), 0)
		_, _, _ = g.newMaker(still.Options{}).Thumbnail(t.Context(), front, epoch, 0)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.maker.Frame(t.Context(), front, epoch, 0); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("without the file: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := still.New(still.Options{}); err == nil {
		t.Error("options without a player were taken")
	}
	if _, err := still.New(still.Options{Player: newRig(t), CacheBytes: -1}); err == nil {
		t.Error("a negative cache was taken")
	}
}

func BenchmarkStill(b *testing.B) {
	g := newRig(b)
	clip := fmp4test.Load(b, "-i", fmp4test.Path(b, "videos/parking_main_1080p.mp4"), "-an", "-c:v", "copy", "-t", "10")
	g.session(clip, epoch, 9900*time.Millisecond)
	i := 0
	b.Run("frame", func(b *testing.B) {
		for b.Loop() {
			i += 617
			if _, _, err := g.maker.Frame(b.Context(), front, epoch.Add(time.Duration(i%9900)*time.Millisecond), 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("thumbnail", func(b *testing.B) {
		for b.Loop() {
			i += 617
			m := g.newMaker(still.Options{})
			if _, _, err := m.Thumbnail(b.Context(), front, epoch.Add(time.Duration(i%9900)*time.Millisecond), 320); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("thumbnail_cached", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := g.maker.Thumbnail(b.Context(), front, epoch, 320); err != nil {
				b.Fatal(err)
			}
		}
	})
}
