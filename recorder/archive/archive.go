// Package archive is the S3 tier: it copies closed recordings into a bucket, verifies the copies, notes them in the
// journals, expires them, and reads them back for playback when the local file is gone. recorder/docs/archive.md has the
// layout and the procedures.
//
// It promises that a journal's archive line is written only after the copy was verified, that every step can be repeated
// after a crash, and that nothing local waits for the server. It never deletes a local file: that is retention's.
package archive

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/nightjar-nvr/nightjar/core/lifecycle"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

// Interest says which footage is worth copying. The index of events implements it.
type Interest interface {
	// Interest returns the parts of r that are, for one camera. known is false as long as more may be added to r, for
	// instance because an event in it still goes on; then it is asked again.
	Interest(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) (ranges []nvr.TimeRange, known bool, err error)
}

// Options is what an Archive needs. Libraries, Endpoint, Bucket, the keys, Logger and Metrics are required.
type Options struct {
	Libraries func() []*library.Library // all volumes that are there at the moment
	Endpoint  string                    // http or https address of the server
	Region    string                    // "" is us-east-1, which servers of one's own expect
	Bucket    string
	Prefix    string // of all keys; no two installations may share one
	AccessKey string
	SecretKey string

	Only     string   // names what Interest selects; when it changes, all recordings are considered again
	Interest Interest // nil: everything is copied
	// Held reports whether someone keeps footage of the span. It must say yes when it does not know. nil: nothing is held.
	Held func(stream nvr.StreamID, start, end time.Time) bool

	RetainDays int    // how long copies are kept; 0 for ever
	Bandwidth  int64  // of uploads, bytes per second; 0 for no limit
	Window     Window // when uploads may run, on the clock of Now's location

	JournalEvery time.Duration     // how often a changing journal is copied; 0 is ten minutes
	Poll         time.Duration     // how often journals are looked at; 0 is five seconds
	Retry        lifecycle.Backoff // after failures; the zero value is 1 s to 1 min
	Transport    http.RoundTripper // to the server; nil for the usual one
	Now          func() time.Time  // nil is time.Now
	Logger       *slog.Logger      //
	Metrics      prometheus.Registerer
}

// State is how the archive does.
type State string

// The states.
const (
	OK       State = "ok"
	Waiting  State = "waiting"  // for its window, or to know what is worth copying
	Failing  State = "failing"  // Reason says why; local files are kept, it goes on by itself
	Disabled State = "disabled" // there is no archive
)

// Status is the archive at a moment.
type Status struct {
	State         State
	Reason        string    // one sentence for a person; may be there in every state
	BacklogFiles  int       // closed recordings that are to be copied
	BacklogBytes  int64     // their size
	UploadedBytes int64     // since the start of the process
	LastUpload    time.Time // zero when there was none since the start of the process
}

const (
	uploads       = 2 // at a time
	defaultPoll   = 5 * time.Second
	sweepJournals = 5 * time.Minute // how often journals of past days are looked at
	journalEvery  = 10 * time.Minute
)

// Archive is the S3 tier. Its methods may be called from any goroutine.
type Archive struct {
	opts    Options
	logger  *slog.Logger
	bucket  *bucket
	pace    *pacer
	metrics *metrics
	cache   *cache
	wake    chan struct{} // something changed that the dispatcher waits for

	mu       sync.Mutex
	volumes  map[*library.Library]*volume
	lanes    []lane
	served   string          // name of the lane that was served last
	inflight map[string]bool // paths being copied; true once the journal's line for it was read
	trouble  trouble
	upkeep   fault // why journals are not copied or nothing expires; empty label when they do
	unknown  bool  // Interest did not know yet
	uploaded int64
	last     time.Time
	scanned  bool // all journals were read once
}

// trouble is the failures in a row.
type trouble struct {
	failures int
	until    time.Time // no attempt before
	fault    fault
	probe    bool // the bucket is to be looked at before anything else
}

// New checks the options. It starts nothing and does not speak to the server.
func New(o Options) (*Archive, error) {
	if o.Libraries == nil || o.Bucket == "" || o.AccessKey == "" || o.SecretKey == "" || o.Logger == nil || o.Metrics == nil {
		return nil, errors.New("archive: libraries, bucket, keys, logger and metrics are required")
	}
	if o.RetainDays < 0 || o.Bandwidth < 0 {
		return nil, errors.New("archive: days and bandwidth must not be negative")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	if o.JournalEvery == 0 {
		o.JournalEvery = journalEvery
	}
	if o.Retry.Min == 0 {
		o.Retry = lifecycle.Backoff{Min: time.Second, Max: time.Minute, Factor: 2, Jitter: 0.2}
	}
	b, err := openBucket(o)
	if err != nil {
		return nil, err
	}
	a := &Archive{
		opts: o, logger: o.Logger, bucket: b, pace: newPacer(o.Bandwidth), cache: newCache(), wake: make(chan struct{}, 1),
		volumes: make(map[*library.Library]*volume), inflight: make(map[string]bool), trouble: trouble{probe: true},
	}
	a.metrics = newMetrics(o.Metrics, a)
	return a, nil
}

// Run copies and expires until ctx is done.
func (a *Archive) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.watch(ctx) })
	g.Go(func() error { return a.dispatch(ctx) })
	g.Go(func() error { return a.maintain(ctx) })
	err := g.Wait()
	a.saveAll()
	a.bucket.transport.idle()
	return err
}

// Status tells how the archive does. A nil Archive is disabled.
func (a *Archive) Status() Status {
	if a == nil {
		return Status{State: Disabled}
	}
	now := a.opts.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.count()
	s := Status{State: OK, BacklogFiles: q.files, BacklogBytes: q.bytes, UploadedBytes: a.uploaded, LastUpload: a.last}
	switch {
	case a.trouble.failures > 0:
		s.State, s.Reason = Failing, a.trouble.fault.message
	case a.upkeep.label != "":
		s.State, s.Reason = Failing, a.upkeep.message
	case !a.scanned || a.trouble.probe:
		s.State, s.Reason = Waiting, "it is starting"
	case !a.opts.Window.Open(now):
		s.State, s.Reason = Waiting, "uploads may run from "+a.opts.Window.Next(now).Format("15:04")+" on"
	case a.unknown && q.files == 0:
		s.State, s.Reason = Waiting, "it is not known yet which of the latest recordings are to be copied"
	case q.refused > 0:
		s.Reason = "some recordings cannot be copied: their files are damaged or missing, or the bucket holds other files under their names; " +
			"the log names them, nightjar fsck examines them"
	}
	return s
}

func (a *Archive) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}
