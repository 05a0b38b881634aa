package vision

import (
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// newTestIngest returns the first half of a pipeline without the second: nobody takes what it picks.
func newTestIngest(t *testing.T, cfg Config, hub *media.Hub) *ingest {
	t.Helper()
	cam, err := New(cfg, hub, Shared{Decoders: make(chan struct{}, 1)}, newRecorder(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	box := newMailbox()
	in, err := newIngest(cam, box)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.close()
		box.close()
	})
	return in
}

func feed(t *testing.T, in *ingest, units ...*media.AccessUnit) {
	t.Helper()
	for _, u := range units {
		if err := in.unit(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
}

// While nothing is analysed one frame waits, the newest; all before it are dropped and counted.
func TestIngestDropsTheOldestAndCounts(t *testing.T) {
	in := newTestIngest(t, Config{Camera: "door"}, media.NewHub())
	units := footage.Load(t, "counter_sub.mp4", 15)[:46]
	feed(t, in, units...) // 3 s at 15 per second, of which 5 per second are picked
	s := in.Stats()
	j := in.box.take()
	if j == nil || s.Skipped != 15 {
		t.Fatalf("%+v waits, %d skipped, want 15", j, s.Skipped)
	}
	if want := footage.Start.Add(3 * time.Second); !j.frame.Time.Equal(want) {
		t.Errorf("the frame of %v waits, want the newest, of %v", j.frame.Time, want)
	}
	if in.box.take() != nil {
		t.Error("a second frame waits")
	}
}

// A reader that fell behind loses units, which the camera's figures tell.
func TestIngestTellsWhatTheReaderLost(t *testing.T) {
	pool := startPool(t, "yolox_nano.onnx")
	units := footage.Load(t, "counter_sub.mp4", 15)
	hub, sink := media.NewHub(), newRecorder()
	slots := make(chan struct{}, 1)
	cam, err := New(Config{Camera: "door"}, hub, Shared{Decoders: slots, Pool: pool}, sink, quiet())
	if err != nil {
		t.Fatal(err)
	}
	slots <- struct{}{} // all cores decode for others
	ended := make(chan error, 1)
	go func() { ended <- cam.Run(t.Context()) }()
	defer func() {
		hub.Close()
		<-ended
	}()
	sink.wait(t, "the reader", func([]nvr.Observation) bool { return hub.Readers() == 1 })
	hub.Publish(units[0])
	for len(units) < 4*readerUnits {
		units = append(units, units[:len(units):len(units)]...)
	}
	for _, u := range units[1 : 3*readerUnits] {
		hub.Publish(u)
	}
	<-slots
	for _, u := range units[:60] {
		c := *u
		c.NTP = c.NTP.Add(time.Hour)
		hub.Publish(&c)
	}
	sink.wait(t, "lost units are told", func([]nvr.Observation) bool { return cam.Stats().Dropped > 0 })
}

// A camera that sends four times as fast as it can be decoded is never looked at with more than the lag that is allowed: what is
// older is left out up to a key picture that is fresh, and counted. Only the queue bounded it before, to 16 s.
func TestIngestBoundsItsLag(t *testing.T) {
	clip := footage.Load(t, "counter_sub.mp4", 15)
	gop := 1
	for !clip[gop].Key {
		gop++
	}
	const total = 15 * 120
	hub := media.NewHub()
	var newest time.Time
	published := 0
	publish := func(n int) {
		for range n {
			u := *clip[published%len(clip)]
			lap := time.Duration(published/len(clip)) * time.Duration(len(clip)) * time.Second / 15
			u.NTP, u.PTS = u.NTP.Add(lap), u.PTS+int64(lap.Seconds()*90000)
			hub.Publish(&u)
			published, newest = published+1, u.NTP
		}
	}
	var first, last time.Time
	var worst time.Duration
	shown, jumps, burst := 0, 0, false
	in := newTestIngest(t, Config{Camera: "door", FPS: 15, Frames: func(f *decode.Frame) { // a picture took as long as four come
		worst = max(worst, newest.Sub(f.Time))
		if shown++; !last.IsZero() && f.Time.Sub(last) > time.Second/2 {
			jumps++
		}
		if first.IsZero() {
			first = f.Time
		}
		if last = f.Time; published < total {
			publish(4)
		}
	}}, hub)
	publish(gop) // the reader's burst, which is there to be caught up with
	reader := hub.Subscribe(media.ReaderOptions{Capacity: readerUnits, Burst: true, DropQueued: true, MaxLag: in.cfg.MaxLag})
	defer reader.Close()
	in.late, in.now = reader.Late, func() time.Time { return newest } // what is published comes as time goes by
	publish(45)
	for {
		units, err := reader.Read(t.Context())
		if err != nil {
			break
		}
		feed(t, in, units...)
		in.countLost(reader.Dropped() + in.passed)
		switch {
		case !first.Equal(footage.Start):
			t.Fatalf("the burst is left out: the first picture is of %v", first.Sub(footage.Start))
		case !burst:
			burst, worst = true, 0 // what the burst had in it may be older
		}
		if published < total {
			publish(1)
		} else {
			hub.Close()
		}
	}
	if worst > maxLag+catchUp || worst < maxLag {
		t.Errorf("a picture was looked at %v late", worst)
	}
	if behind := newest.Sub(last); jumps < 5 || shown < 100 || behind > 10*time.Second {
		t.Errorf("%d pictures with %d jumps, the last %v before the end", shown, jumps, behind)
	}
	if lost, want := in.Stats().Dropped, published-shown; lost == 0 || int(lost) != want { //nolint:gosec // a few thousand
		t.Errorf("%d lost by the figures, %d were not shown", lost, want)
	}
}

// What comes in one go after the network stalled is decoded, every picture of it: that is not what being slow means.
func TestIngestCatchesUpAfterAStall(t *testing.T) {
	in := newTestIngest(t, Config{Camera: "door"}, media.NewHub())
	hub := media.NewHub()
	reader := hub.Subscribe(media.ReaderOptions{Capacity: readerUnits, DropQueued: true, MaxLag: in.cfg.MaxLag})
	defer reader.Close()
	stands := time.Now()
	in.late, in.now = reader.Late, func() time.Time { return stands }
	units := footage.Load(t, "counter_sub.mp4", 15)[:90]
	for _, u := range units {
		hub.Publish(u)
	}
	got, err := reader.Read(t.Context())
	if err != nil || len(got) != len(units) || !reader.Late(got[0]) || reader.Late(got[89]) {
		t.Fatalf("%d units, %v", len(got), err)
	}
	feed(t, in, got...)
	if in.countLost(reader.Dropped() + in.passed); in.Stats().Dropped != 0 || in.Stats().Skipped != 29 {
		t.Errorf("%+v", in.Stats())
	}
}

// After units were left out nothing is decoded until the next key frame; pictures from broken references are never shown.
func TestIngestWaitsForAKeyFrameAfterAPause(t *testing.T) {
	in := newTestIngest(t, Config{Camera: "door"}, media.NewHub())
	units := footage.Load(t, "counter_sub.mp4", 15)
	next := 1
	for !units[next].Key {
		next++
	}
	if next < 20 || len(units) < next+5 {
		t.Fatalf("the group has %d pictures", next)
	}
	in.enabled.Store(false)
	feed(t, in, units[:5]...)
	in.enabled.Store(true)
	feed(t, in, units[5:next]...)
	if in.box.take() != nil || in.Stats().DecodeErrors != 0 {
		t.Errorf("a picture, or one of %d errors, of the group that was left out", in.Stats().DecodeErrors)
	}
	feed(t, in, units[next])
	if in.box.take() == nil {
		t.Error("no picture at the key frame")
	}
}

// A camera whose clock jumps back by an hour goes on being watched.
func TestIngestFollowsAClockThatJumpsBack(t *testing.T) {
	in := newTestIngest(t, Config{Camera: "door"}, media.NewHub())
	units := footage.Load(t, "counter_sub.mp4", 15)[:30]
	const hour = 3600 * 90000
	for _, jump := range []int64{2 * hour, hour, 3 * hour} {
		for _, u := range units {
			c := *u
			c.PTS, c.DTS = u.PTS+jump, u.DTS+jump
			feed(t, in, &c)
		}
		j := in.box.take()
		if j == nil || j.frame.PTS < jump || j.frame.PTS > jump+hour/2 {
			t.Fatalf("after a jump to %d: %+v", jump, j)
		}
		in.box.free <- j
	}
}
