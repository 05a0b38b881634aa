package recorder

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/media"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/index"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// State says what a stream's recorder is doing.
type State string

// The states of a stream's recorder.
const (
	Waiting   State = "waiting"   // no pictures arrive
	Recording State = "recording" // parts are being written
	Failing   State = "failing"   // the disk or the stream's codec refuses; Reason says which
	Disabled  State = "disabled"  // switched off
)

// Status is what a stream's recorder is doing, for display.
type Status struct {
	Stream nvr.StreamID
	State  State
	Reason string // one sentence for a person, only while Failing
	Since  time.Time
}

// retry is how a failed disk is tried again: soon, and at the latest 10 s after there is room.
var retry = lifecycle.Backoff{Min: time.Second, Max: 8 * time.Second, Factor: 2, Jitter: 0.2, Reset: 30 * time.Second}

// maxUnjournaled bounds what is remembered of closed files whose journal line could not be written. Beyond it the
// oldest are left to the recovery of the next start.
const maxUnjournaled = 1000

// minGap is the shortest interval that gets a gap line.
const minGap = time.Second

// Recorder is the wish to record one stream. Each attempt is an instance, which is thrown away when it fails.
type Recorder struct {
	stream  Stream
	opts    *Options
	metrics streamMetrics
	logger  *slog.Logger
	files   fileMaker

	mu          sync.Mutex
	status      Status
	enabled     bool
	toggled     chan struct{} // closed and replaced when enabled changes
	current     *openFile
	unjournaled []index.Recording

	// What follows belongs to the goroutine of run.
	started time.Time
	lastEnd time.Time // of the latest recording, ever
	missing index.Gap // Reason and Detail of the gap that begins at lastEnd; no Reason while recording
	delayed index.Gap // the same for the time from started on, while missing tells of the restart before
}

func newRecorder(o *Options, m *metrics, s Stream) *Recorder {
	r := &Recorder{
		stream: s, opts: o, metrics: m.of(s.ID),
		logger:  o.Logger.With("camera_id", string(s.ID.Camera), "stream", string(s.ID.Role)),
		files:   diskFiles{o.Library},
		enabled: !s.Disabled, toggled: make(chan struct{}),
	}
	r.status = Status{Stream: s.ID, State: Waiting, Since: time.Now()}
	if s.Disabled {
		r.status.State = Disabled
	}
	return r
}

// resumeFrom tells where the recordings of an earlier process end, before run.
func (r *Recorder) resumeFrom(end time.Time) {
	r.started, r.lastEnd = time.Now(), end
	r.missing = index.Gap{Reason: index.GapRestart, Detail: "Nightjar was not running."}
}

func (r *Recorder) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.mu.Lock()
		enabled, toggled := r.enabled, r.toggled
		r.mu.Unlock()
		if !enabled {
			r.setStatus(Disabled, "")
			r.lost(index.GapDisabled, "Recording was switched off.")
			select {
			case <-ctx.Done():
			case <-toggled:
			}
			continue
		}
		if r.record(ctx, toggled) {
			return
		}
	}
}

// record makes attempts until ctx is done or the switch is thrown. It reports whether the hub closed for good.
func (r *Recorder) record(ctx context.Context, toggled <-chan struct{}) (closed bool) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		select {
		case <-ctx.Done():
		case <-toggled:
		}
	})
	defer wg.Wait()
	defer cancel()
	r.setStatus(Waiting, "")
	logged := ""
	_ = lifecycle.Keepalive(ctx, retry, func(ctx context.Context) error {
		err := newInstance(r).run(ctx)
		if errors.Is(err, media.ErrReaderClosed) {
			closed = true
			cancel()
		}
		return err
	}, func(f lifecycle.Failure) {
		reason := explain(f.Err)
		r.metrics.errors.Inc()
		r.setStatus(Failing, reason)
		r.lost(index.GapDisk, reason)
		if reason != logged || f.Lived > time.Minute { // once per cause, not once per attempt
			r.logger.Error("recording failed, trying again", "reason", reason, "err", f.Err)
			logged = reason
		}
	})
	return closed
}

// explain says what a person can do about err.
func explain(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "The disk with the recordings is full; free some space or lower the retention."
	case errors.Is(err, syscall.EROFS):
		return "The disk with the recordings became read-only; check the disk and remount it."
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "The recordings directory refuses writing; check its owner and permissions."
	case errors.Is(err, syscall.EIO):
		return "The disk with the recordings reports errors; check the disk."
	default:
		return "Writing recordings fails: " + err.Error() + "."
	}
}

func (r *Recorder) setEnabled(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.enabled != on {
		r.enabled = on
		close(r.toggled)
		r.toggled = make(chan struct{})
	}
}

// Status returns what the recorder is doing.
func (r *Recorder) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

func (r *Recorder) setStatus(s State, reason string) {
	r.mu.Lock()
	if r.status.State == s && r.status.Reason == reason {
		r.mu.Unlock()
		return
	}
	before := r.status.State
	r.status = Status{Stream: r.stream.ID, State: s, Reason: reason, Since: time.Now()}
	now := r.status
	r.mu.Unlock()
	if before == Failing && s == Recording {
		r.logger.Info("recording again")
	}
	if r.opts.Changed != nil {
		r.opts.Changed(now)
	}
}

// open returns copies of the recordings that no journal has yet.
func (r *Recorder) open() []index.Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.unjournaled)
	if f := r.current; f != nil && f.rec.Duration > 0 {
		rec := f.rec
		rec.Segments = slices.Clone(rec.Segments)
		out = append(out, rec)
	}
	return out
}

// lost remembers why nothing is recorded from lastEnd on. The first reason stands until recording resumes.
func (r *Recorder) lost(reason index.GapReason, detail string) {
	switch {
	case r.missing.Reason == "":
		r.missing.Reason, r.missing.Detail = reason, detail
	case r.missing.Reason == index.GapRestart && r.delayed.Reason == "":
		r.delayed.Reason, r.delayed.Detail = reason, detail
	}
}

// startOf returns the start of a run whose first picture has the wall time t. It is never exactly where the last
// recording ended, because that is how continuous recordings are told from others (docs/recording.md, invariant 5).
func (r *Recorder) startOf(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Equal(r.lastEnd) {
		t = t.Add(time.Microsecond)
	}
	return t
}

// resumed journals the gap between the last recording and a run that began at start and has its first part on disk.
func (r *Recorder) resumed(start time.Time) {
	if !r.lastEnd.IsZero() && start.Sub(r.lastEnd) >= minGap {
		for _, g := range r.gaps(start) {
			r.metrics.gaps.WithLabelValues(string(g.Reason)).Inc()
			if err := r.opts.Library.Append(library.DayOf(r.stream.ID, g.Start), library.Line{Gap: &g}); err != nil {
				r.logger.Warn("gap could not be journaled", "err", err)
			}
		}
	}
	r.missing, r.delayed = index.Gap{}, index.Gap{}
	r.setStatus(Recording, "")
}

// gaps splits the time of a restart from what then kept the camera from being recorded.
func (r *Recorder) gaps(end time.Time) []index.Gap {
	g := index.Gap{Stream: r.stream.ID, Start: r.lastEnd, End: end, Reason: r.missing.Reason, Detail: r.missing.Detail}
	if g.Reason == "" {
		g.Reason, g.Detail = index.GapLoss, "Pictures were missing."
	}
	const patience = 10 * time.Second
	started := r.started.UTC().Truncate(time.Microsecond)
	if g.Reason != index.GapRestart || end.Sub(started) < patience || !started.After(r.lastEnd) {
		return []index.Gap{g}
	}
	g.End = started
	late := index.Gap{Stream: r.stream.ID, Start: started, End: end, Reason: r.delayed.Reason, Detail: r.delayed.Detail}
	if late.Reason == "" {
		late.Reason, late.Detail = index.GapOffline, "The camera could not be reached after the start."
	}
	return []index.Gap{g, late}
}

// journal writes the line of rec, and those that failed before.
func (r *Recorder) journal(rec index.Recording) {
	r.mu.Lock()
	r.unjournaled = append(r.unjournaled, rec)
	if over := len(r.unjournaled) - maxUnjournaled; over > 0 {
		r.unjournaled = r.unjournaled[over:]
	}
	waiting := r.unjournaled
	r.mu.Unlock()
	r.metrics.files.Inc()
	for i := range waiting {
		day := library.DayOf(rec.Stream, waiting[i].Start)
		if h, err := library.HourOf(waiting[i].Path); err == nil {
			day = h.Day
		}
		if err := r.opts.Library.Append(day, library.Line{Recording: &waiting[i]}); err != nil {
			r.logger.Warn("recording could not be journaled, trying again with the next", "path", waiting[i].Path, "err", err)
			return
		}
		r.mu.Lock()
		r.unjournaled = r.unjournaled[1:]
		r.mu.Unlock()
	}
	r.mu.Lock()
	r.unjournaled = nil
	r.mu.Unlock()
}
