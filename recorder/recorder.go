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

// Recorder is the wish to record one stream. Each attempt is an instance, which is thrown away when it fails.
type Recorder struct {
	stream  Stream
	opts    *Options
	metrics streamMetrics
	logger  *slog.Logger

	flushing sync.Mutex // serialises the writing of what is pending

	mu      sync.Mutex
	status  Status
	enabled bool
	toggled chan struct{} // closed and replaced when enabled changes
	current *openFile
	pending []pending
	started time.Time
	lastEnd time.Time // of the latest recording, ever
	missing absence
}

func newRecorder(o *Options, m *metrics, s Stream) *Recorder {
	r := &Recorder{
		stream: s, opts: o, metrics: m.of(s.ID),
		logger:  o.Logger.With("camera_id", string(s.ID.Camera), "stream", string(s.ID.Role)),
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
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started, r.lastEnd = time.Now().UTC().Truncate(time.Microsecond), end
	if !end.IsZero() {
		r.missing = absence{reason: index.GapRestart, detail: "Nightjar was not running."}
	}
}

func (r *Recorder) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.mu.Lock()
		enabled, toggled := r.enabled, r.toggled
		r.mu.Unlock()
		if !enabled {
			r.setStatus(Disabled, "")
			r.lost(time.Now(), index.GapDisabled, "Recording was switched off.")
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
		r.lost(time.Now(), index.GapDisk, reason)
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
	case errors.Is(err, library.ErrMissing):
		return "No volume for recordings is there; mount its disk, or see the storage page."
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
	var out []index.Recording
	for _, p := range r.pending {
		if p.line.Recording != nil {
			out = append(out, *p.line.Recording)
		}
	}
	if f := r.current; f != nil && f.rec.Duration > 0 {
		rec := f.rec
		rec.Segments = slices.Clone(rec.Segments)
		out = append(out, rec)
	}
	return out
}
