package vision

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
	"github.com/nightjar-nvr/nightjar/core/vision/motion"
	"github.com/nightjar-nvr/nightjar/core/vision/zone"
)

// trackSummary is what the sink heard about one track.
type trackSummary struct {
	nvr.TrackedObject
	hits  []float64 // seconds in which it was detected
	bests []*nvr.Snapshot
	ended bool
}

func summarise(t testing.TB, all []nvr.Observation) map[uint64]*trackSummary {
	t.Helper()
	out := make(map[uint64]*trackSummary)
	for _, o := range all {
		for _, x := range o.Objects {
			s := out[x.TrackID]
			if s == nil {
				s = &trackSummary{}
				out[x.TrackID] = s
			}
			if s.ended {
				t.Errorf("track %d lives after its end", x.TrackID)
			}
			if s.Confirmed && !x.Confirmed {
				t.Errorf("track %d is not confirmed any more", x.TrackID)
			}
			if b := x.Box; b.X < 0 || b.Y < 0 || b.X+b.W > 1.0001 || b.Y+b.H > 1.0001 || b.W <= 0 || b.H <= 0 {
				t.Errorf("track %d: box %v", x.TrackID, b)
			}
			s.TrackedObject = x
			if x.Score > 0 {
				s.hits = append(s.hits, o.Time.Sub(footage.Start).Seconds())
			}
			if x.Best != nil {
				s.bests = append(s.bests, x.Best)
			}
		}
		for _, id := range o.Ended {
			if out[id] == nil || out[id].ended {
				t.Errorf("track %d ended twice, or was never seen", id)
				continue
			}
			out[id].ended = true
		}
	}
	return out
}

// The acceptance test of the pipeline: on real clips, with the default model and the default labels, every person that
// the reference sees for more than a moment becomes one confirmed track, in time, and nobody else does.
func TestPersonsOnRealVideo(t *testing.T) {
	pool := startPool(t, "yolox_nano.onnx")
	for _, c := range []struct {
		clip   string
		tracks [2]int // least and most confirmed persons
	}{{"parking_sub.mp4", [2]int{3, 3}}, {"counter_sub.mp4", [2]int{3, 4}}, {"pedestrians_sub.mp4", [2]int{10, 24}}} {
		t.Run(c.clip, func(t *testing.T) {
			everywhere := nvr.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0, Y: 1}}
			sky := nvr.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 0.01}, {X: 0, Y: 0.01}}
			r := newRig(t, Config{
				Labels: []string{"person", "bicycle", "car"},
				Zones:  zone.Config{Zones: []zone.Zone{{Name: "everywhere", Area: everywhere}, {Name: "sky", Area: sky}}},
			}, pool)
			r.play(footage.Load(t, c.clip, 15), 3)
			if err := r.stop(); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			all := r.sink.seen()
			if all[len(all)-1].Motion || len(all[len(all)-1].Objects) > 0 {
				t.Error("the last word is not that all has ended")
			}
			persons := 0
			var hits []float64
			for id, s := range summarise(t, all) {
				if !s.ended {
					t.Errorf("track %d did not end", id)
				}
				if s.Label != "person" || !s.Confirmed {
					continue
				}
				persons++
				hits = append(hits, s.hits...)
				if len(s.hits) > 5 && (!slices.Equal(s.EnteredZones, []string{"everywhere"}) || len(s.Path) == 0) {
					t.Errorf("track %d entered %v on a path of %d points", id, s.EnteredZones, len(s.Path))
				}
				checkSnapshots(t, s)
			}
			if persons < c.tracks[0] || persons > c.tracks[1] {
				t.Errorf("%d confirmed persons, want %v", persons, c.tracks)
			}
			checkRanges(t, hits, expected(t, c.clip, "person"))
			checkStills(t, all)
			s := r.cam.Stats()
			t.Logf("%d persons; %+v", persons, s)
			if s.Skipped > 0 || s.Dropped > 0 || s.DecodeErrors > 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// checkRanges demands detections in nine of ten seconds of every range, and none more than 2 s away from all of them.
func checkRanges(t *testing.T, hits []float64, ranges [][2]int) {
	t.Helper()
	in := func(from, to float64) bool {
		return slices.ContainsFunc(hits, func(h float64) bool { return h >= from && h < to })
	}
	for _, r := range ranges {
		missed := 0
		for s := r[0]; s <= r[1]; s++ {
			// A person who stands still is looked for every 10 s only.
			if !in(float64(s)-1, float64(s)+2) && !in(float64(s)-10, float64(s)+10) {
				missed++
			}
		}
		if missed*10 > r[1]-r[0]+1 {
			t.Errorf("persons in seconds %v: none seen in %d of them", r, missed)
		}
		if first := float64(r[0]); !in(first-2, first+1.5) {
			t.Errorf("persons from second %d: not seen when they came", r[0])
		}
	}
	for _, h := range hits {
		if !slices.ContainsFunc(ranges, func(r [2]int) bool { return h > float64(r[0])-2.5 && h < float64(r[1])+3 }) {
			t.Errorf("a confirmed person at %.1f s, expected in %v", h, ranges)
		}
	}
}

func checkSnapshots(t *testing.T, s *trackSummary) {
	t.Helper()
	if len(s.bests) == 0 {
		t.Errorf("track %d has no snapshot", s.TrackID)
		return
	}
	for i, b := range s.bests {
		img, err := jpeg.Decode(bytes.NewReader(b.JPEG))
		if err != nil {
			t.Fatalf("snapshot of track %d: %v", s.TrackID, err)
		}
		if img.Bounds().Dx() > 1280 || img.Bounds().Dy() != 360 || b.Score <= 0 || b.Box.W <= 0 {
			t.Errorf("snapshot of track %d: %v, score %v, box %v", s.TrackID, img.Bounds(), b.Score, b.Box)
		}
		if i > 0 && b.Time.Sub(s.bests[i-1].Time) < time.Second {
			t.Errorf("track %d: two snapshots within %v", s.TrackID, b.Time.Sub(s.bests[i-1].Time))
		}
	}
	if dir := os.Getenv("VISION_SNAPSHOTS"); dir != "" {
		_ = os.WriteFile(dir+"/"+s.bests[0].Time.Format("150405.000")+".jpg", s.bests[len(s.bests)-1].JPEG, 0o600)
	}
}

// checkStills: one when motion begins, at most one a second, none without motion.
func checkStills(t *testing.T, all []nvr.Observation) {
	t.Helper()
	var last time.Time
	motion, stills := false, 0
	for _, o := range all {
		if o.Motion && !motion && o.Still == nil {
			t.Errorf("no still when motion began at %v", o.Time)
		}
		if o.Still != nil {
			stills++
			if !o.Motion || (motion && o.Time.Sub(last) < time.Second) || !o.Still.Time.Equal(o.Time) {
				t.Errorf("still at %v, motion %v, the last at %v", o.Time, o.Motion, last)
			}
			last = o.Time
		}
		motion = o.Motion
	}
	if stills == 0 {
		t.Error("no stills")
	}
}

// Several cameras at a time share one pool and two decoder slots.
func TestCamerasShareOnePool(t *testing.T) {
	pool := startPool(t, "yolox_nano.onnx")
	decoders := make(chan struct{}, 2)
	t.Run("cameras", func(t *testing.T) {
		for _, name := range []string{"a", "b", "c"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRigWith(t, Config{Labels: []string{"person"}}, Shared{Decoders: decoders, Pool: pool})
				r.play(footage.Load(t, "counter_sub.mp4", 15)[:255], 3)
				persons := 0
				for _, s := range summarise(t, r.sink.seen()) {
					if s.Confirmed {
						persons++
					}
				}
				if persons != 1 {
					t.Errorf("%d persons", persons)
				}
			})
		}
	})
}

func TestStillSceneInfersNothing(t *testing.T) {
	r := newRig(t, Config{}, startPool(t, "yolox_nano.onnx"))
	r.play(stillClip(t, 12), 3)
	s := r.cam.Stats()
	if s.Frames != 60 || s.Inferences > 6 || s.Motion {
		t.Fatalf("%+v", s)
	}
	if s.DetectFPS < 4.9 || s.DetectFPS > 5.1 || s.InferenceTime <= 0 || s.Width != 640 {
		t.Fatalf("%+v", s)
	}
}

func TestMotionOnlyWithoutDetector(t *testing.T) {
	r := newRig(t, Config{}, nil)
	r.play(footage.Load(t, "parking_sub.mp4", 15)[:300], 3)
	motion, stills := 0, 0
	for _, o := range r.sink.seen() {
		if len(o.Objects) > 0 {
			t.Fatal("objects without a detector")
		}
		if o.Motion {
			motion++
		}
		if o.Still != nil {
			stills++
		}
	}
	if motion < 15 || stills < 3 {
		t.Fatalf("%d frames with motion, %d stills", motion, stills)
	}
}

func TestSwitchingOffEndsAllAndDecodesKeyFramesOnly(t *testing.T) {
	units := footage.Load(t, "counter_sub.mp4", 15)
	r := newRig(t, Config{}, startPool(t, "yolox_nano.onnx"))
	r.play(units[:180], 3) // a person stands there
	if s := r.cam.Stats(); s.Tracks == 0 || !s.Motion {
		t.Fatalf("nothing to end: %+v", s)
	}
	r.cam.SetEnabled(false)
	r.sink.wait(t, "the end of all tracks", func(all []nvr.Observation) bool {
		last := all[len(all)-1]
		return len(last.Ended) > 0 && !last.Motion && len(last.Objects) == 0
	})
	before := len(r.sink.seen())
	still := r.cam.LatestStill()
	for _, u := range units[180:300] {
		r.hub.Publish(u)
	}
	deadline := time.Now().Add(10 * time.Second)
	for s := r.cam.LatestStill(); s == nil || s.Time.Before(units[270].NTP); s = r.cam.LatestStill() {
		if time.Now().After(deadline) {
			t.Fatalf("no newer still while switched off: %v", s.Time)
		}
		<-time.After(5 * time.Millisecond)
	}
	if still == nil || len(r.sink.seen()) != before {
		t.Fatal("observations while switched off")
	}
	r.cam.SetEnabled(true)
	at := slices.IndexFunc(units[300:], func(u *media.AccessUnit) bool { return u.Key }) + 300
	for _, u := range units[300:at] {
		r.hub.Publish(u)
	}
	for i, u := range units[at : at+90] {
		r.hub.Publish(u)
		if i%15 == 14 {
			r.sink.waitFor(t, u.NTP.Add(-200*time.Millisecond))
		}
	}
	if s := r.cam.Stats(); s.DecodeErrors > 0 || !s.Enabled {
		t.Fatalf("%+v", s)
	}
}

func TestLatestStill(t *testing.T) {
	r := newRig(t, Config{}, nil)
	if r.cam.LatestStill() != nil {
		t.Fatal("a still before the first frame")
	}
	units := footage.Load(t, "parking_sub.mp4", 15)
	r.play(units[:30], 3)
	a := r.cam.LatestStill()
	if a == nil || r.cam.LatestStill() != a {
		t.Fatal("a still is encoded twice")
	}
	if img, err := jpeg.Decode(bytes.NewReader(a.JPEG)); err != nil || img.Bounds().Dx() != 640 {
		t.Fatal(err)
	}
	r.play(units[30:60], 3)
	if b := r.cam.LatestStill(); b == a || b.Time.Sub(a.Time) < time.Second {
		t.Fatalf("still of %v after that of %v", b.Time, a.Time)
	}
	_ = r.stop()
	if r.cam.LatestStill() == nil {
		t.Fatal("the last still is gone with the stream")
	}
}

// A session that ends, one with another picture size, and a gap: tracks end once, and life goes on.
func TestSessionsComeAndGo(t *testing.T) {
	pool := startPool(t, "yolox_nano.onnx")
	r := newRig(t, Config{Labels: []string{"person"}}, pool)
	first := footage.Load(t, "counter_sub.mp4", 15)
	r.play(first[:180], 3)
	r.hub.End("connection lost")
	second := footage.Load(t, "pedestrians_sub.mp4", 15)
	shifted := make([]*media.AccessUnit, 60)
	for i, u := range second[:60] {
		c := *u
		c.NTP = u.NTP.Add(time.Hour)
		shifted[i] = &c
	}
	r.play(shifted, 3)
	if s := r.cam.Stats(); s.Width != 480 || s.Tracks < 2 {
		t.Fatalf("%+v", s)
	}
	summarise(t, r.sink.seen())
	r.hub.Close()
	if err := r.stop(); !errors.Is(err, media.ErrReaderClosed) && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestTracksEndWhenTheStreamStalls(t *testing.T) {
	pool := startPool(t, "yolox_nano.onnx")
	hub, sink := media.NewHub(), newRecorder()
	cam, err := New(Config{Camera: "x"}, hub, Shared{Decoders: make(chan struct{}, 1), Pool: pool}, sink, quiet())
	if err != nil {
		t.Fatal(err)
	}
	cam.idle = 300 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cam.Run(ctx) }()
	r := &rig{t: t, hub: hub, cam: cam, sink: sink}
	sink.wait(t, "the pipeline reads", func([]nvr.Observation) bool { return hub.Readers() == 1 })
	r.play(footage.Load(t, "counter_sub.mp4", 15)[:150], 3)
	sink.wait(t, "the end of all tracks", func(all []nvr.Observation) bool {
		last := all[len(all)-1]
		return len(last.Ended) > 0 && len(last.Objects) == 0 && !last.Motion
	})
	if err := cam.Run(ctx); err == nil {
		t.Error("the pipeline ran twice at a time")
	}
	cancel()
	<-ended
}

// Damaged and forged units must cost pictures, not the process.
func TestPipelineSurvivesGarbage(t *testing.T) {
	units := footage.Load(t, "counter_sub.mp4", 15)[:300]
	r := newRig(t, Config{}, startPool(t, "yolox_nano.onnx"))
	rnd := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // reproducible
	r.play(units[:30], 3)
	for i, u := range units[30:240] {
		c := *u
		switch {
		case i%40 == 10:
			c.Desc = &media.Description{Tracks: []media.Track{{Codec: media.H264, ClockRate: rnd.IntN(3) * 90000, SPS: []byte{0x67, 1, 2}}}}
		case i%40 == 11:
			c.Desc = &media.Description{Tracks: []media.Track{{Codec: media.AAC, ClockRate: 48000}}}
		case rnd.IntN(3) == 0:
			nal := append([]byte(nil), u.Payload[0]...)
			for range 10 {
				nal[rnd.IntN(len(nal))] = byte(rnd.Uint32())
			}
			c.Payload = [][]byte{nal}
		case rnd.IntN(3) == 0: //nolint:gocritic // drawn anew
			c.PTS, c.NTP = int64(rnd.Uint64()), u.NTP.Add(time.Duration(rnd.Int64N(int64(2*time.Hour)))-time.Hour) //nolint:gosec // nonsense
		}
		r.hub.Publish(&c)
	}
	r.hub.End("garbage")
	for i, u := range units[240:] {
		r.hub.Publish(u)
		if i%3 == 0 {
			r.sink.wait(t, "a frame after the garbage", func(all []nvr.Observation) bool {
				return slices.ContainsFunc(all, func(o nvr.Observation) bool { return o.Time.Equal(u.NTP) })
			})
		}
	}
	if s := r.cam.Stats(); s.DecodeErrors == 0 {
		t.Fatalf("no errors counted: %+v", s)
	}
}

// A detector that does not answer costs detections, never the motion.
func TestDetectorAwayKeepsMotion(t *testing.T) {
	idle := detect.NewPool(openModel(t, "yolox_nano.onnx"), detect.PoolConfig{}, quiet(), nil) // Run is not called
	units := footage.Load(t, "parking_sub.mp4", 15)
	r := newRig(t, Config{MaxLag: time.Hour}, idle)
	for _, u := range units[:200] {
		r.hub.Publish(u)
	}
	r.sink.wait(t, "a frame with motion", func(all []nvr.Observation) bool {
		return slices.ContainsFunc(all, func(o nvr.Observation) bool { return o.Motion })
	})
	if s := r.cam.Stats(); s.Skipped == 0 || s.Tracks > 0 {
		t.Fatalf("%+v", s)
	}
}

func TestNewChecksItsConfig(t *testing.T) {
	ok := Shared{Decoders: make(chan struct{}, 1)}
	for _, c := range []struct {
		cfg    Config
		shared Shared
	}{
		{Config{FPS: -1}, ok},
		{Config{FPS: 100}, ok},
		{Config{MaxSide: 3}, ok},
		{Config{MotionOff: -1}, ok},
		{Config{}, Shared{}},
		{Config{MinScore: 3}, ok},
		{Config{Motion: motion.Config{Threshold: 999}}, ok},
	} {
		if _, err := New(c.cfg, media.NewHub(), c.shared, newRecorder(), quiet()); err == nil {
			t.Errorf("%+v accepted", c.cfg)
		}
	}
}
