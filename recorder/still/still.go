// Package still makes single pictures of recordings: the exact one that was shown at a time, and thumbnails. It reads
// only the segment that a picture lies in, decodes no further than the picture, and bounds how much it does at once
// and how much it remembers. It finds recordings through playback and keeps nothing on disk.
package still

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// Player is what a Maker needs of playback: what is recorded, and bytes of it.
type Player interface {
	Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error)
	OpenInit(ctx context.Context, stream nvr.StreamID, fileMS int64) (io.ReadCloser, error)
	OpenRange(ctx context.Context, stream nvr.StreamID, fileMS, offset, n int64) (io.ReadCloser, error)
}

const (
	qualityFrame     = 88 // of JPEG; what the recording holds, without visible loss
	qualityThumbnail = 80
	defaultThumbnail = 320 // pixels wide
	maxWidth         = 16384
	defaultCache     = 32 << 20
)

// Options is what a Maker needs. Player, Logger and Metrics are required.
type Options struct {
	Player     Player
	CacheBytes int64 // what thumbnails may take in memory; 0 means 32 MiB
	Parallel   int   // pictures decoded at the same time; 0 means as many as there are cores
	Logger     *slog.Logger
	Metrics    prometheus.Registerer
	Now        func() time.Time // nil means time.Now
}

// Maker makes pictures. Its methods may be called from any goroutine.
type Maker struct {
	player  Player
	slots   chan struct{}
	cache   *cache
	flights flights
	logger  *slog.Logger
	metrics *metrics
	now     func() time.Time
}

// New checks the options.
func New(o Options) (*Maker, error) {
	if o.Player == nil || o.Logger == nil || o.Metrics == nil {
		return nil, errors.New("stills: player, logger and metrics are required")
	}
	if o.CacheBytes < 0 || o.Parallel < 0 {
		return nil, errors.New("stills: cache bytes and parallel pictures must not be negative")
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCache
	}
	if o.Parallel == 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Maker{player: o.Player, slots: make(chan struct{}, o.Parallel), cache: newCache(o.CacheBytes), logger: o.Logger, now: o.Now}
	m.metrics = newMetrics(o.Metrics, m.cache)
	return m, nil
}

// Frame returns the picture of stream that is shown at t as JPEG, and the time it begins to be shown. It is at most width
// pixels wide, 0 for as wide as recorded. Between the newest picture and now there is the newest. In a gap the error
// is CodeNotFound, and its sentence names the nearest recorded time.
func (m *Maker) Frame(ctx context.Context, stream nvr.StreamID, t time.Time, width int) (jpeg []byte, at time.Time, err error) {
	defer m.measure("frame", time.Now(), &err)
	if err := checkWidth(width); err != nil {
		return nil, time.Time{}, err
	}
	p, err := m.locate(ctx, stream, t)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := m.acquire(ctx); err != nil {
		return nil, time.Time{}, err
	}
	defer m.release()
	shot, err := m.shot(ctx, p)
	if err != nil {
		return nil, time.Time{}, err
	}
	return m.render(ctx, shot, width, qualityFrame)
}

// Thumbnail returns the first picture of the segment of stream that t lies in: a key picture, at most a segment before
// t. width is in pixels, 0 for 320. Thumbnails are remembered, and asked for several times at once they are made once.
// Errors are those of Frame.
func (m *Maker) Thumbnail(ctx context.Context, stream nvr.StreamID, t time.Time, width int) (jpeg []byte, at time.Time, err error) {
	defer m.measure("thumbnail", time.Now(), &err)
	if err := checkWidth(width); err != nil {
		return nil, time.Time{}, err
	}
	if width == 0 {
		width = defaultThumbnail
	}
	p, err := m.locate(ctx, stream, t)
	if err != nil {
		return nil, time.Time{}, err
	}
	key := cacheKey{path: p.rec.Path, segment: p.segment, width: width}
	if pic, ok := m.cache.get(key); ok {
		m.metrics.hits.Inc()
		return pic.jpeg, pic.at, nil
	}
	pic, err := m.flights.do(ctx, key, func(ctx context.Context) (picture, error) {
		if err := m.acquire(ctx); err != nil {
			return picture{}, err
		}
		defer m.release()
		shot, err := m.keyShot(ctx, p)
		if err != nil {
			return picture{}, err
		}
		var pic picture
		if pic.jpeg, pic.at, err = m.render(ctx, shot, width, qualityThumbnail); err == nil {
			m.cache.put(key, pic)
		}
		return pic, err
	})
	return pic.jpeg, pic.at, err
}

func checkWidth(width int) error {
	if width == 0 || width >= 16 && width <= maxWidth {
		return nil
	}
	return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("the width of a picture must be 16 to %d pixels, or 0 for its own", maxWidth)}
}

// render decodes what was found and makes a JPEG of it.
func (m *Maker) render(ctx context.Context, s *shot, width, quality int) ([]byte, time.Time, error) {
	var f decode.Frame
	defer f.Close()
	track := s.track()
	got, err := decode.Still(ctx, s.units, decode.Config{MaxSide: maxSide(track, width)}, s.pts, &f)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !got {
		return nil, time.Time{}, &nvr.Error{
			Code:    nvr.CodeNotFound,
			Message: fmt.Sprintf("the picture of %s at %s cannot be decoded, it was damaged before it was recorded; ask for another time", s.place.stream, text(s.place.t)),
		}
	}
	b, err := toJPEG(&f, colorsOf(track), quality)
	if err != nil {
		return nil, time.Time{}, err
	}
	return b, s.at(f.PTS), nil
}

func (m *Maker) acquire(ctx context.Context) error {
	select {
	case m.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *Maker) release() { <-m.slots }

// text is a time as sentences for people have it.
func text(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }
