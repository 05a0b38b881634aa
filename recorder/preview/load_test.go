package preview

import (
	"bytes"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// pusher decodes a clip as the vision pipeline does, five pictures a second.
type pusher struct {
	g    *rig
	d    *decode.Decoder
	f    decode.Frame
	due  int64
	next func() *media.AccessUnit
}

func newPusher(g *rig, clip *fmp4test.Clip, start time.Time) *pusher {
	g.t.Helper()
	d, err := decode.New(clip.Desc, decode.Config{})
	if err != nil {
		g.t.Fatal(err)
	}
	p := &pusher{g: g, d: d, next: clip.Play(clip.Desc, start)}
	g.t.Cleanup(func() { d.Close(); p.f.Close() })
	return p
}

// push publishes the next unit and pushes its picture if it is one of the five.
func (p *pusher) push() *media.AccessUnit {
	p.g.t.Helper()
	u := p.next()
	got, err := p.d.Decode(u, p.due, &p.f)
	if err != nil {
		p.g.t.Fatal(err)
	}
	if got {
		p.due = p.f.PTS + 18000
		p.g.p.Push("front", &p.f)
	}
	p.g.hub.Publish(u)
	return u
}

// While pictures are pushed nothing is decoded here; when that ends, it is.
func TestPush(t *testing.T) {
	g := newRig(t)
	start := epoch.Truncate(time.Hour)
	clip := video(t, "counter_sub.mp4")
	p := newPusher(g, clip, start)
	for range 30 * 15 {
		p.push()
		g.wait("the picture to be encoded", g.idle)
	}
	if n := g.count("decoded_units_total"); n > 0 {
		t.Errorf("%v units decoded in spite of pushed pictures", n)
	}
	if n := g.count("pictures_total"); n < 29 || n > 31 {
		t.Errorf("%v pictures of 30 s", n)
	}
	last := g.latest()
	for range 8 * 15 { // nobody pushes any more
		g.hub.Publish(p.next())
	}
	g.wait("pictures of our own", func() bool { return g.latest().Sub(last) > 4*time.Second })
	g.end()
	f := probe(t, g.path(start))
	for i := 1; i < len(f.pts); i++ {
		if d := f.pts[i] - f.pts[i-1]; d < 0.95 || d > 7 {
			t.Errorf("picture %d is %.3f s behind the one before", i, d)
		}
	}
	g.p.Push("nobody", &p.f)
}

// A push never waits: not for a file, not for a place to work in, not when nothing runs any more.
func TestPushUnderLoad(t *testing.T) {
	g := newRig(t)
	for range cap(g.p.slots) {
		g.p.slots <- struct{}{} // the machine is busy
	}
	p := newPusher(g, video(t, "counter_sub.mp4"), epoch.Truncate(time.Hour))
	for range 10 * 15 {
		p.push()
	}
	g.wait("dropped pictures", func() bool { return g.count("dropped_total") >= 7 })
	for range cap(g.p.slots) {
		<-g.p.slots
	}
	for range 3 * 15 {
		p.push()
		g.wait("the picture to be encoded", g.idle)
	}
	g.wait("pictures again", func() bool { return g.count("pictures_total") >= 3 })
	g.stop()
	p.push()
	probe(t, g.path(epoch.Truncate(time.Hour)))
}

// Units that come faster than they can be decoded are lost and counted; the hub does not wait.
func TestOverload(t *testing.T) {
	g := newRig(t)
	for range cap(g.p.slots) {
		g.p.slots <- struct{}{}
	}
	next := video(t, "counter_sub.mp4").Play(fmp4test.Copy(video(t, "counter_sub.mp4").Desc), epoch.Truncate(time.Hour))
	for range 3 * queue {
		g.hub.Publish(next())
	}
	g.wait("lost units", func() bool {
		g.hub.Publish(next())
		return g.hub.Readers() == 1
	})
	for range cap(g.p.slots) {
		<-g.p.slots
	}
	g.wait("counted losses and pictures", func() bool {
		g.hub.Publish(next())
		return g.count("dropped_total") > queue && g.count("pictures_total") > 0
	})
	g.end()
	probe(t, g.path(epoch.Truncate(time.Hour)))
}

// Whichever operation on the disk fails: what is in the file is whole, what was there stays, and previews go on.
func TestEveryFailure(t *testing.T) {
	clip := fmp4test.Scene(t, 6, "-c:v", "libx264", "-preset", "ultrafast", "-an")
	start := epoch.Truncate(time.Hour)
	for n := range 40 {
		g := &rig{t: t, dir: t.TempDir()}
		var calls atomic.Int64
		g.now = func() time.Time { return start.Add(time.Duration(calls.Add(1)) * retryAfter) } // each look at the clock is a retry
		var failing *faultfs.FS
		g.wrap = func(f library.FS) library.FS {
			failing = faultfs.Wrap(f, faultfs.FailAt(n, errors.New("disk on strike")))
			return failing
		}
		g.start()
		g.session(clip, start, 6*time.Second)
		g.end()
		before, _ := os.ReadFile(g.path(start))
		g.session(clip, start.Add(30*time.Second), 6*time.Second)
		g.end()
		ops := failing.Ops()
		g.stop()
		b, err := os.ReadFile(g.path(start))
		if err != nil {
			t.Fatalf("operation %d failed, and there is nothing: %v", n, err)
		}
		l, err := fmp4.Scan(bytes.NewReader(b), int64(len(b)))
		if err != nil || l.Size != int64(len(b)) || len(l.Parts) < 1 {
			t.Fatalf("operation %d failed: %v, %+v of %d bytes", n, err, l, len(b))
		}
		if old, err := fmp4.Scan(bytes.NewReader(before), int64(len(before))); err == nil && !bytes.HasPrefix(b, before[:old.Size]) {
			t.Fatalf("operation %d failed: what was there has changed", n)
		}
		if n >= ops {
			t.Logf("%d operations", ops)
			if n < 10 {
				t.Errorf("only %d operations", n)
			}
			return
		}
	}
	t.Error("there is no end of operations")
}
