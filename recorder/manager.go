// Package recorder writes the access units of streams to disk: fragmented MP4 in parts of at most a second, a journal
// line per closed file, and gap lines for what is missing. It waits for nobody: not for the index, a viewer or another
// stream. The promises it keeps on disk, and the procedures that keep them, are in docs/recording.md.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Sync says when written video is forced to the device. What is written survives the end of the process at once;
// this is about power cuts.
type Sync string

// The sync policies.
const (
	SyncFile Sync = "file" // at the end of each file: a power cut costs the open file's last seconds to half minute
	SyncPart Sync = "part" // after each part: a power cut costs at most a second, a disk pays one flush per camera-second
	SyncOff  Sync = "off"  // when the kernel likes, about 30 s
)

// Defaults of Options.
const (
	DefaultPart = time.Second
	DefaultFile = 30 * time.Second
)

// Options is what a Manager needs. Zero durations and an empty Sync mean the defaults.
type Options struct {
	Volumes *library.Volumes
	Part    time.Duration // the longest part, 200 ms to 10 s: what a crash can lose
	File    time.Duration // a new file begins at the first key frame after this, 5 s to 1 h
	Sync    Sync
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	// Changed, which may be nil, is called on every change of a stream's Status. It must not block.
	Changed func(Status)
}

// Stream is one stream to record.
type Stream struct {
	ID  nvr.StreamID
	Hub *media.Hub
	// Disabled starts the stream switched off; SetEnabled switches it.
	Disabled bool
}

// Manager records any number of streams.
type Manager struct {
	opts      Options
	metrics   *metrics
	started   time.Time
	recorders map[nvr.StreamID]*Recorder
	ready     chan struct{}
}

// New checks the options and prepares a recorder for each stream. It starts nothing.
func New(o Options, streams []Stream) (*Manager, error) {
	if o.Part == 0 {
		o.Part = DefaultPart
	}
	if o.File == 0 {
		o.File = DefaultFile
	}
	if o.Sync == "" {
		o.Sync = SyncFile
	}
	switch {
	case o.Volumes == nil || o.Logger == nil || o.Metrics == nil:
		return nil, errors.New("recorder: volumes, logger and metrics are required")
	case o.Part < 200*time.Millisecond || o.Part > 10*time.Second:
		return nil, fmt.Errorf("part duration %v: want 200 ms to 10 s", o.Part)
	case o.File < 5*time.Second || o.File > time.Hour:
		return nil, fmt.Errorf("file duration %v: want 5 s to 1 h", o.File)
	case o.Sync != SyncFile && o.Sync != SyncPart && o.Sync != SyncOff:
		return nil, fmt.Errorf("sync policy %q: want file, part or off", o.Sync)
	}
	m := &Manager{opts: o, metrics: newMetrics(o.Metrics), recorders: make(map[nvr.StreamID]*Recorder), ready: make(chan struct{})}
	for _, s := range streams {
		if _, ok := m.recorders[s.ID]; ok {
			return nil, fmt.Errorf("stream %s is listed twice", s.ID)
		}
		m.recorders[s.ID] = newRecorder(&m.opts, m.metrics, s)
	}
	return m, nil
}

// Run recovers what an earlier process left, then records until ctx is done and every file is closed. Trouble with
// one stream never ends it.
func (m *Manager) Run(ctx context.Context) error {
	m.started = time.Now()
	there := m.opts.Volumes.There()
	ends := m.recover(there, nil)
	var wg, streams sync.WaitGroup
	for id, r := range m.recorders {
		r.resumeFrom(ends[id])
		streams.Go(func() { r.run(ctx) })
	}
	close(m.ready)
	wg.Go(func() { m.watch(ctx, there) })
	streams.Wait()
	<-ctx.Done() // all hubs may have closed before: that is the end of the cameras, not of this component
	wg.Wait()
	for _, r := range m.recorders {
		r.note(time.Now(), true)
	}
	return ctx.Err()
}

// recover brings volumes in step and returns where each stream's recordings end. With writing, recorders run already,
// and what they write is left alone.
func (m *Manager) recover(vols []*library.Library, writing func(library.Day, string) bool) map[nvr.StreamID]time.Time {
	start := time.Now()
	found, err := recoverVolumes(vols, start, writing, m.opts.Logger)
	if err != nil {
		// The footage stays where it is and fsck can journal it; new footage matters more than waiting for a person.
		m.opts.Logger.Error("recovery of recordings failed", "err", err)
	}
	if found.aside > 0 {
		m.opts.Logger.Warn("recordings are damaged, what cannot be played of them was moved out of the way", "files", found.aside, "to", library.LostAndFound)
	}
	if found.files > 0 || found.removed > 0 {
		m.opts.Logger.Info("recovered recordings", "files", found.files, "removed_empty", found.removed,
			"truncated_bytes", found.truncated, "took", time.Since(start).Round(time.Millisecond))
	}
	return found.ends
}

// watch notes the gaps that are going on, and recovers volumes whose disks came late.
func (m *Manager) watch(ctx context.Context, recovered []*library.Library) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, r := range m.recorders {
				r.note(now, false)
			}
		}
		for _, lib := range m.opts.Volumes.There() {
			if !slices.Contains(recovered, lib) {
				recovered = append(recovered, lib)
				m.recover([]*library.Library{lib}, m.ours)
			}
		}
	}
}

// ours reports whether this process made the recording at path.
func (m *Manager) ours(day library.Day, path string) bool {
	if _, ms, err := library.ParseFilePath(path); err != nil || ms >= m.started.UnixMilli() {
		return true
	}
	return slices.ContainsFunc(m.Open(day.Stream), func(r index.Recording) bool { return r.Path == path })
}

// OpenGap returns why stream is not being recorded, with the time so far, or false while it is.
func (m *Manager) OpenGap(stream nvr.StreamID) (index.Gap, bool) {
	if r := m.recorders[stream]; r != nil {
		return r.openGap(time.Now())
	}
	return index.Gap{}, false
}

// Ready is closed when recovery is over and recording may begin.
func (m *Manager) Ready() <-chan struct{} { return m.ready }

// SetEnabled switches recording of all streams of camera on or off. The time off becomes a gap of its own reason.
func (m *Manager) SetEnabled(camera nvr.CameraID, on bool) {
	for id, r := range m.recorders {
		if id.Camera == camera {
			r.setEnabled(on)
		}
	}
}

// Statuses returns what each stream's recorder is doing, in no order.
func (m *Manager) Statuses() []Status {
	out := make([]Status, 0, len(m.recorders))
	for _, r := range m.recorders {
		out = append(out, r.Status())
	}
	return out
}

// Open returns what of stream is on disk but not in its journal yet: the open file as far as whole parts are written,
// and closed ones whose line could not be written. The last segment of the open file may still grow; every byte it
// has now stays.
func (m *Manager) Open(stream nvr.StreamID) []index.Recording {
	if r := m.recorders[stream]; r != nil {
		return r.open()
	}
	return nil
}
