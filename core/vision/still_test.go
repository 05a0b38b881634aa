package vision

import (
	"bytes"
	"context"
	"image/jpeg"
	"testing"
	"time"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
)

func TestStillOfAnUnwatchedStream(t *testing.T) {
	units := footage.Load(t, "parking_sub.mp4", 15)
	hub := media.NewHub()
	for _, u := range units[:40] { // one group of pictures and a third
		hub.Publish(u)
	}
	s, err := Still(t.Context(), hub)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(s.JPEG))
	if err != nil || img.Bounds().Dx() != 640 {
		t.Errorf("still %v, %v", img, err)
	}
	if !s.Time.Equal(units[39].NTP) {
		t.Errorf("still of %s, want the newest picture, %s", s.Time, units[39].NTP)
	}
	if n := hub.Readers(); n != 0 {
		t.Errorf("%d readers left", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Still(ctx, media.NewHub()); err == nil {
		t.Error("a still of a camera that sends nothing")
	}
}
