package vision

import (
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// newTestIngest returns the first half of a pipeline without the second: nobody takes what it picks.
func newTestIngest(t *testing.T) *ingest {
	t.Helper()
	cam, err := New(Config{Camera: "door"}, media.NewHub(), Shared{Decoders: make(chan struct{}, 1)}, newRecorder(), quiet())
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
	in := newTestIngest(t)
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

// After units were left out nothing is decoded until the next key frame; pictures from broken references are never shown.
func TestIngestWaitsForAKeyFrameAfterAPause(t *testing.T) {
	in := newTestIngest(t)
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
	in := newTestIngest(t)
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
