package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/config"
	"github.com/nightjar-nvr/nightjar/core/httpapi"
	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/media/encode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder"
	"github.com/nightjar-nvr/nightjar/recorder/archive"
	"github.com/nightjar-nvr/nightjar/recorder/export"
	"github.com/nightjar-nvr/nightjar/recorder/feed"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
	"github.com/nightjar-nvr/nightjar/recorder/playback"
	"github.com/nightjar-nvr/nightjar/recorder/preview"
	"github.com/nightjar-nvr/nightjar/recorder/retention"
	"github.com/nightjar-nvr/nightjar/recorder/still"
)

// recording owns the recorder and what belongs to it: volumes, index feeders, playback, retention, holds, archive, previews
// and exports. Disks may be missing when Nightjar starts: everything else runs, and recording begins when one is there.
type recording struct {
	cfg     *config.Config
	version string
	streams []recorder.Stream
	small   []preview.Stream
	index   index.Index
	motion  *motionLog
	log     *slog.Logger
	metrics prometheus.Registerer
	tables  <-chan struct{} // closed once the index has its tables
	keys    evidenceKeys
	links   *export.Links

	running atomic.Pointer[running]

	mu     sync.Mutex
	off    map[nvr.CameraID]bool // switches flipped before the recorder was there
	reason string                // why there is none
}

// running is what exists once the parts could be built.
type running struct {
	volumes  *library.Volumes
	manager  *recorder.Manager
	player   *playback.Player
	keeper   *retention.Keeper
	holds    *hold.Set
	archive  *archive.Archive // nil when it is switched off
	stills   *still.Maker
	previews *preview.Previews // nil when they are switched off or cannot be made
	exports  *export.Exporter
}

func newRecording(a *App) (*recording, error) {
	r := &recording{
		cfg: a.cfg, version: a.version, index: a.store, motion: a.motion, log: a.log, metrics: a.metrics, tables: a.tables,
		off: make(map[nvr.CameraID]bool),
	}
	var err error
	if r.keys, err = loadEvidenceKeys(a.cfg.DataDir); err != nil {
		return nil, err
	}
	if r.links, err = export.NewLinks(r.keys.links); err != nil {
		return nil, err
	}
	for _, id := range a.cfg.CameraIDs() {
		main := nvr.StreamID{Camera: id, Role: nvr.Main}
		hub := a.cameras.Hub(main)
		if hub == nil || !enabled(a.cfg.Cameras[id].Enabled) {
			continue
		}
		on, _ := a.cfg.RecordingFor(id)
		r.off[id] = !on
		r.streams = append(r.streams, recorder.Stream{ID: main, Hub: hub})
		if sub, ok := a.cameras.Resolve(id, nvr.Sub); ok {
			r.small = append(r.small, preview.Stream{Camera: id, Hub: a.cameras.Hub(sub)})
		}
	}
	return r, nil
}

// Run records until ctx ends. It returns early only while the parts cannot be built.
func (r *recording) Run(ctx context.Context) (err error) {
	volumes, err := library.OpenVolumes(library.VolumesOptions{
		Dirs: r.cfg.VolumePaths(), MemoryFile: r.cfg.VolumeMemory(), Logger: r.log,
	})
	if err != nil {
		r.setReason(err.Error())
		return err
	}
	defer func() { err = errors.Join(err, volumes.Close()) }()
	x, parts, err := r.build(volumes)
	if err != nil {
		r.setReason(err.Error())
		<-ctx.Done() // a mistake of ours: starting again would register the same metrics twice
		return err
	}
	defer func() { err = errors.Join(err, x.exports.Close()) }()
	r.setReason("")
	defer r.running.Store(nil)
	var wg sync.WaitGroup
	for _, p := range parts {
		wg.Go(func() { keep(ctx, r.log, p) })
	}
	wg.Wait()
	return ctx.Err()
}

func (r *recording) build(volumes *library.Volumes) (x *running, parts stage, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range r.streams {
		r.streams[i].Disabled = r.off[s.ID.Camera]
	}
	x = &running{volumes: volumes}
	x.manager, err = recorder.New(recorder.Options{
		Volumes: volumes, File: r.cfg.Record.FileDuration.D, Sync: recorder.Sync(r.cfg.Record.Sync), Logger: r.log, Metrics: r.metrics,
	}, r.streams)
	if err != nil {
		return nil, nil, err
	}
	parts = stage{{name: "volumes", run: volumes.Run}, {name: "recorder", run: x.manager.Run, once: true}}
	if x.holds, err = hold.Open(hold.Options{Libraries: volumes.All, Logger: r.log}); err != nil {
		return nil, nil, err
	}
	for _, build := range []func(*running, *stage) error{r.buildPlayer, r.buildPreviews, r.buildKeeper, r.buildExports} {
		if err := build(x, &parts); err != nil {
			return nil, nil, err
		}
	}
	r.running.Store(x)
	return x, parts, nil
}

// buildPlayer builds the archive, the feeders of all volumes, and what plays from them.
func (r *recording) buildPlayer(x *running, parts *stage) (err error) {
	opts := playback.Options{Volumes: x.volumes, Index: r.index, Open: x.manager, Logger: r.log}
	if r.cfg.Archive.Enabled {
		if x.archive, err = archive.New(r.archiveOptions(x)); err != nil {
			return err
		}
		opts.Remote = x.archive
		*parts = append(*parts, part{name: "archive", run: x.archive.Run})
	}
	for i, lib := range x.volumes.All() {
		reg := prometheus.WrapRegistererWith(prometheus.Labels{"volume": strconv.Itoa(i)}, r.metrics)
		feeder, err := feed.New(feed.Options{Library: lib, Index: r.index, Logger: r.log, Metrics: reg})
		if err != nil {
			return err
		}
		opts.Indexed = append(opts.Indexed, feeder)
		*parts = append(*parts, part{name: "index feeder", run: after(feeder.Run, r.tables, 0)})
	}
	if x.player, err = playback.New(opts); err != nil {
		return err
	}
	x.stills, err = still.New(still.Options{Player: export.FromPlayback(x.player), Logger: r.log, Metrics: r.metrics})
	return err
}

func (r *recording) archiveOptions(x *running) archive.Options {
	a := r.cfg.Archive
	window, _ := archive.ParseWindow(a.Window) // the configuration was checked
	o := archive.Options{
		Libraries: x.volumes.There, Endpoint: a.Endpoint, Region: a.Region, Bucket: a.Bucket, Prefix: a.Prefix,
		AccessKey: a.AccessKey, SecretKey: a.SecretKey.Reveal(), Only: a.Only, RetainDays: a.RetainDays, Bandwidth: a.Bandwidth.N, Window: window,
		Held: func(stream nvr.StreamID, start, end time.Time) bool {
			return x.holds.Err() != nil || x.holds.Covers(stream, start, end)
		},
		Logger: r.log, Metrics: r.metrics,
	}
	if a.Only != "all" {
		o.Interest = &archiveInterest{motion: r.motion, cfg: r.cfg}
	}
	return o
}

// buildPreviews builds the previews. Without an encoder there are none, which is told once.
func (r *recording) buildPreviews(x *running, parts *stage) (err error) {
	if !r.cfg.Record.Previews {
		return nil
	}
	x.previews, err = preview.New(preview.Options{FS: x.volumes.All()[0].FS(), Streams: r.small, Logger: r.log, Metrics: r.metrics})
	if errors.Is(err, encode.ErrUnavailable) {
		r.log.Warn("no previews for scrubbing, libavcodec has no H.264 encoder", "err", err)
		return nil
	}
	if err == nil {
		*parts = append(*parts, part{name: "previews", run: x.previews.Run})
	}
	return err
}

func (r *recording) buildKeeper(x *running, parts *stage) (err error) {
	x.keeper, err = retention.New(r.retention(x))
	*parts = append(*parts, part{name: "retention", run: func(ctx context.Context) error { return x.keeper.Run(ctx) }})
	return err
}

func (r *recording) buildExports(x *running, parts *stage) (err error) {
	x.exports, err = export.New(export.Options{
		Dir: filepath.Join(r.cfg.DataDir, "exports"), Player: export.FromPlayback(x.player), Holds: x.holds, Key: r.keys.evidence,
		Version: r.version, Keep: time.Duration(r.cfg.Record.ExportDays) * 24 * time.Hour, MinFree: r.cfg.Record.MinFree.N,
		Logger: r.log, Metrics: r.metrics,
	})
	*parts = append(*parts, part{name: "exports", run: func(ctx context.Context) error { return x.exports.Run(ctx) }})
	return err
}

func (r *recording) setReason(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reason = s
}

// status returns why nothing is recorded, or "".
func (r *recording) status() string {
	if x := r.running.Load(); x != nil {
		if x.volumes.Active() != nil {
			return ""
		}
		for _, v := range x.volumes.Status() {
			if v.Reason != "" {
				return v.Reason
			}
		}
	}
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

// pushFrame offers a picture that vision decoded to the previews.
func (r *recording) pushFrame(id nvr.CameraID, f *decode.Frame) {
	if x := r.running.Load(); x != nil && x.previews != nil {
		x.previews.Push(id, f)
	}
}

func (r *recording) get() (*running, error) {
	if x := r.running.Load(); x != nil {
		return x, nil
	}
	return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: "recordings are not there: " + r.status()}
}

// Playlist implements the API's playback.
func (r *recording) Playlist(ctx context.Context, stream nvr.StreamID, span nvr.TimeRange, prefix string) (string, error) {
	x, err := r.get()
	if err != nil {
		return "", err
	}
	list, err := x.player.Playlist(ctx, stream, span, prefix)
	return list.Text, err
}

// Media implements the API's playback.
func (r *recording) Media(ctx context.Context, stream nvr.StreamID, startMS, offset, n int64) (io.ReadCloser, int64, error) {
	x, err := r.get()
	if err != nil {
		return nil, 0, err
	}
	var body *playback.Range
	if n < 0 {
		body, err = x.player.OpenInit(ctx, stream, startMS)
	} else {
		body, err = x.player.OpenRange(ctx, stream, startMS, offset, n)
	}
	if err != nil {
		return nil, 0, err
	}
	return body, body.Size(), nil
}

// Coverage implements the API's playback.
func (r *recording) Coverage(ctx context.Context, streams []nvr.StreamID, span nvr.TimeRange) (map[nvr.StreamID]httpapi.Coverage, error) {
	x, err := r.get()
	if err != nil {
		return nil, err
	}
	all, err := x.player.CoverageOf(ctx, streams, span)
	if err != nil {
		return nil, fmt.Errorf("coverage: %w", err)
	}
	out := make(map[nvr.StreamID]httpapi.Coverage, len(all))
	for id, c := range all {
		gaps := make([]httpapi.Gap, len(c.Gaps))
		for i, g := range c.Gaps {
			gaps[i] = httpapi.Gap{TimeRange: nvr.TimeRange{Start: g.Start, End: g.End}, Reason: string(g.Reason), Detail: g.Detail}
		}
		out[id] = httpapi.Coverage{Runs: c.Runs, Exact: c.Exact, Gaps: gaps}
	}
	return out, nil
}

// Frame implements the API's stills.
func (r *recording) Frame(ctx context.Context, stream nvr.StreamID, t time.Time, width int) ([]byte, time.Time, error) {
	x, err := r.get()
	if err != nil {
		return nil, time.Time{}, err
	}
	return x.stills.Frame(ctx, stream, t, width)
}

// Thumbnail implements the API's stills.
func (r *recording) Thumbnail(ctx context.Context, stream nvr.StreamID, t time.Time, width int) ([]byte, time.Time, error) {
	x, err := r.get()
	if err != nil {
		return nil, time.Time{}, err
	}
	return x.stills.Thumbnail(ctx, stream, t, width)
}

// List implements the API's previews.
func (r *recording) List(id nvr.CameraID, span nvr.TimeRange) []httpapi.PreviewHour {
	x := r.running.Load()
	if x == nil || x.previews == nil {
		return nil
	}
	hours, err := x.previews.List(id, span)
	if err != nil {
		r.log.Warn("previews cannot be listed", "camera_id", string(id), "err", err)
	}
	out := make([]httpapi.PreviewHour, len(hours))
	for i, h := range hours {
		out[i] = httpapi.PreviewHour{TimeRange: nvr.TimeRange{Start: h.Start, End: h.End}, Open: h.Open}
	}
	return out
}

// Open implements the API's previews.
func (r *recording) Open(id nvr.CameraID, hour time.Time) (io.ReadSeekCloser, int64, bool, error) {
	x, err := r.get()
	if err != nil {
		return nil, 0, false, err
	}
	if x.previews == nil {
		return nil, 0, false, &nvr.Error{Code: nvr.CodeNotFound, Message: "there are no previews; switch record.previews on"}
	}
	return x.previews.Open(id, hour)
}

// retention turns the configuration into a policy.
func (r *recording) retention(x *running) retention.Options {
	policy := retention.Policy{
		Default: ruleOf(r.cfg.Record), Cameras: make(map[nvr.CameraID]retention.Rule), MaxBytes: r.cfg.Record.MaxBytes.N, MinFree: r.cfg.Record.MinFree.N,
		Evict: r.cfg.Archive.Enabled && r.cfg.Archive.Evict, EvictAfter: r.cfg.Archive.EvictAfter.D,
	}
	policy.Default.MaxBytes = 0 // that is the limit of all together
	if policy.MinFree == 0 {
		policy.MinFree = -1
	}
	for _, id := range r.cfg.CameraIDs() {
		_, set := r.cfg.RecordingFor(id)
		policy.Cameras[id] = ruleOf(set)
	}
	o := retention.Options{
		Libraries: x.volumes.All, Policy: policy, OpenFor: r.cfg.Record.FileDuration.D, Interest: r.motion, Holds: x.holds,
		Logger: r.log, Metrics: r.metrics,
	}
	if x.previews != nil {
		o.Previews = x.previews
	}
	return o
}

func ruleOf(r config.Record) retention.Rule {
	return retention.Rule{
		Continuous: r.Continuous, RetainDays: r.RetainDays, MotionDays: r.MotionDays, EventDays: r.EventDays,
		PreCapture: r.PreCapture.D, PostCapture: r.PostCapture.D, MaxBytes: r.MaxBytes.N,
	}
}

// snapshotsBefore returns the time before which no camera keeps recordings, or the zero time where one keeps all.
func snapshotsBefore(cfg *config.Config, now time.Time) time.Time {
	days := 0
	for _, id := range cfg.CameraIDs() {
		_, set := cfg.RecordingFor(id)
		if set.KeptDays() == 0 {
			return time.Time{}
		}
		days = max(days, set.KeptDays())
	}
	return now.AddDate(0, 0, -max(days, cfg.Record.KeptDays()))
}
