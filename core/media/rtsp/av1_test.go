package rtsp_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
)

// TestAV1PassesThrough restreams AV1 and reads it back: every temporal unit arrives as it was, key frames with their
// sequence header, and the track is described.
func TestAV1PassesThrough(t *testing.T) {
	c := fmp4test.Scene(t, 3, "-c:v", "libsvtav1", "-preset", "12", "-b:v", "300k", "-an")
	hub := media.NewHub()
	s, err := rtsp.NewServer(rtsp.ServerConfig{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Hub: func(string) *media.Hub { return hub }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	next := c.Play(c.Desc, time.Now())
	sent := map[string]bool{}
	publish := func() {
		u := next()
		sent[string(bytes.Join(u.Payload, nil))] = true
		hub.Publish(u)
	}
	publish()
	v := start(t, rtsp.SourceConfig{URL: "rtsp://" + s.Addr().String() + "/front/main"})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				publish()
			}
		}
	}()
	var got []*media.AccessUnit
	keys := 0
	for keys < 3 {
		u := v.next()
		if u.Key {
			keys++
		}
		got = append(got, u)
	}
	close(stop)
	<-done
	for i, u := range got {
		if !sent[string(bytes.Join(u.Payload, nil))] {
			t.Fatalf("unit %d is none that was sent", i)
		}
		if u.Key != (u.Payload[0][0]>>3&0xF == 1) {
			t.Errorf("unit %d: key %v, first OBU of type %d", i, u.Key, u.Payload[0][0]>>3&0xF)
		}
	}
	if tr := got[0].Desc.Tracks[0]; tr.Codec != media.AV1 || tr.Width != 320 || tr.Height != 240 || !bytes.Equal(tr.SPS, got[0].Payload[0]) {
		t.Errorf("track %+v, first OBU % x", tr, got[0].Payload[0])
	}
}
