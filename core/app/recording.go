package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/camera"
	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/feed"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
	"github.com/nightjar-nvr/nightjar/recorder/retention"
)

// recording owns the recorder and what belongs to it. The recordings directory may be missing or read-only when
// Nightjar starts: everything else runs, and recording begins when the directory can be written.
type recording struct {
	cfg     *config.Config
	streams []recorder.Stream
	index   index.Index
	log     *slog.Logger
	metrics prometheus.Registerer
	tables  <-chan struct{} // closed once the index has its tables

	running atomic.Pointer[running]

	mu     sync.Mutex
	off    map[nvr.CameraID]bool // switches flipped before the recorder was there
	reason string                // why there is none
}

// running is what exists once the directory could be opened.
type running struct {
	manager *recorder.Manager
	player  *playback.Player
}

func newRecording(cfg *config.Config, cams *camera.Manager, idx index.Index, log *slog.Logger, reg prometheus.Registerer) *recording {
	r := &recording{cfg: cfg, index: idx, log: log, metrics: reg, off: make(map[nvr.CameraID]bool)}
	for _, id := range cfg.CameraIDs() {
		main := nvr.StreamID{Camera: id, Role: nvr.Main}
		if hub := cams.Hub(main); hub != nil && enabled(cfg.Cameras[id].Enabled) {
			on, _ := cfg.RecordingFor(id)
			r.off[id] = !on
			r.streams = append(r.streams, recorder.Stream{ID: main, Hub: hub})
		}
	}
	return r
}

// Run opens the directory and records until ctx ends. It returns early only while the directory cannot be opened.
func (r *recording) Run(ctx context.Context) error {
	lib, err := library.Open(r.cfg.RecordingsPath())
	if err != nil {
		r.setReason(err.Error())
		return err
	}
	defer lib.Close()
	parts, err := r.build(lib)
	if err != nil {
		r.setReason(err.Error())
		<-ctx.Done() // a mistake of ours: starting again would register the same metrics twice
		return err
	}
	r.setReason("")
	defer r.running.Store(nil)
	var wg sync.WaitGroup
	for _, p := range parts {
		wg.Go(func() { keep(ctx, r.log, p) })
	}
	wg.Wait()
	return ctx.Err()
}

func (r *recording) build(lib *library.Library) (stage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range r.streams {
		r.streams[i].Disabled = r.off[s.ID.Camera]
	}
	manager, err := recorder.New(recorder.Options{
		Library: lib, File: r.cfg.Record.FileDuration.D, Sync: recorder.Sync(r.cfg.Record.Sync), Logger: r.log, Metrics: r.metrics,
	}, r.streams)
	if err != nil {
		return nil, err
	}
	feeder, err := feed.New(feed.Options{Library: lib, Index: r.index, Logger: r.log, Metrics: r.metrics})
	if err != nil {
		return nil, err
	}
	player, err := playback.New(playback.Options{Library: lib, Index: r.index, Open: manager, Indexed: feeder, Logger: r.log})
	if err != nil {
		return nil, err
	}
	keeper, err := retention.New(r.retention(lib))
	if err != nil {
		return nil, err
	}
	r.running.Store(&running{manager: manager, player: player})
	return stage{
		{name: "recorder", run: manager.Run, once: true},
		{name: "index feeder", run: after(feeder.Run, r.tables, 0)},
		{name: "retention", run: keeper.Run},
	}, nil
}

func (r *recording) setReason(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reason = s
}

// status returns why nothing is recorded, or "".
func (r *recording) status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

func (r *recording) setEnabled(id nvr.CameraID, on bool) {
	r.mu.Lock()
	r.off[id] = !on
	r.mu.Unlock()
	if x := r.running.Load(); x != nil {
		x.manager.SetEnabled(id, on)
	}
}

func (r *recording) player() (*playback.Player, error) {
	if x := r.running.Load(); x != nil {
		return x.player, nil
	}
	return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: "recordings are not there: " + r.status()}
}

// Playlist implements the API's playback.
func (r *recording) Playlist(ctx context.Context, stream nvr.StreamID, span nvr.TimeRange, prefix string) (string, error) {
	p, err := r.player()
	if err != nil {
		return "", err
	}
	list, err := p.Playlist(ctx, stream, span, prefix)
	return list.Text, err
}

// Media implements the API's playback.
func (r *recording) Media(_ context.Context, stream nvr.StreamID, startMS, offset, n int64) (io.ReadCloser, int64, error) {
	p, err := r.player()
	if err != nil {
		return nil, 0, err
	}
	var body *playback.Range
	if n < 0 {
		body, err = p.OpenInit(stream, startMS)
	} else {
		body, err = p.OpenRange(stream, startMS, offset, n)
	}
	if err != nil {
		return nil, 0, err
	}
	return body, body.Size(), nil
}

// Coverage implements the API's playback.
func (r *recording) Coverage(ctx context.Context, stream nvr.StreamID, span nvr.TimeRange) ([]nvr.TimeRange, []httpapi.Gap, error) {
	p, err := r.player()
	if err != nil {
		return nil, nil, err
	}
	c, err := p.Coverage(ctx, stream, span)
	if err != nil {
		return nil, nil, fmt.Errorf("coverage of %s: %w", stream, err)
	}
	gaps := make([]httpapi.Gap, len(c.Gaps))
	for i, g := range c.Gaps {
		gaps[i] = httpapi.Gap{TimeRange: nvr.TimeRange{Start: g.Start, End: g.End}, Reason: string(g.Reason)}
	}
	return c.Runs, gaps, nil
}

// retention turns the configuration into a policy.
func (r *recording) retention(lib *library.Library) retention.Options {
	policy := retention.Policy{
		Days: r.cfg.Record.RetainDays, Camera: make(map[nvr.CameraID]int), TotalBytes: r.cfg.Record.MaxBytes.N, MinFree: r.cfg.Record.MinFree.N,
	}
	if policy.MinFree == 0 {
		policy.MinFree = -1
	}
	for _, id := range r.cfg.CameraIDs() {
		_, policy.Camera[id] = r.cfg.RecordingFor(id)
	}
	return retention.Options{Library: lib, Policy: policy, OpenFor: r.cfg.Record.FileDuration.D, Logger: r.log, Metrics: r.metrics}
}

// snapshotsBefore returns the time before which no camera keeps recordings, or the zero time where one keeps all.
func snapshotsBefore(cfg *config.Config, now time.Time) time.Time {
	days := cfg.Record.RetainDays
	for _, id := range cfg.CameraIDs() {
		_, d := cfg.RecordingFor(id)
		if d == 0 {
			return time.Time{}
		}
		days = max(days, d)
	}
	return now.AddDate(0, 0, -days)
}
