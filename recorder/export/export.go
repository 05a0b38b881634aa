// Package export makes files of recorded video for people to keep: MP4 without re-encoding, cut at key pictures or exact
// to the picture, time-lapses, and evidence packages that prove what was recorded. An export is a job that runs in the
// background; its directory is the truth, so jobs outlive a restart. It reads recordings through a port and never
// touches them. docs/export.md describes it.
//
// It does not decide who may export, and serves nothing: the HTTP layer opens finished files through OpenFile.
package export

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/hold"
	"github.com/nightjar-nvr/nightjar/recorder/index"
)

// Player is where exports read recordings. Reading fails with CodeNotFound when a recording was deleted, and with
// CodeUnavailable when it lies in an archive that is away.
type Player interface {
	// Recordings returns what is recorded of stream in r, ordered by start, the files being written included.
	Recordings(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Recording, error)
	// Gaps returns why there is no recording, as far as is known.
	Gaps(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange) ([]index.Gap, error)
	// OpenInit opens ftyp+moov of the recording named fileMS.
	OpenInit(ctx context.Context, stream nvr.StreamID, fileMS int64) (io.ReadCloser, error)
	// OpenRange opens n bytes from offset on of the recording named fileMS.
	OpenRange(ctx context.Context, stream nvr.StreamID, fileMS, offset, n int64) (io.ReadCloser, error)
}

// Holds keeps recordings from being deleted; *hold.Set does.
type Holds interface {
	Add(h hold.Hold) (hold.Hold, error)
	Release(id string) error
}

// Mode says how an export is cut.
type Mode string

// The modes.
const (
	Copy      Mode = "copy"      // from the key picture at or before the start; nothing is re-encoded
	Exact     Mode = "exact"     // from the first picture in the range to the last
	Timelapse Mode = "timelapse" // faster than life, without sound
)

// State is where an export is in its life.
type State string

// The states.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"    // Error says why
	Cancelled State = "cancelled" // deleted; only Changed hears of it
)

// Request is what is wanted.
type Request struct {
	Name     string         // for people; empty: made of cameras and time
	Cameras  []nvr.CameraID // one file each, or more where the stream changed
	Role     nvr.Role       // empty: main
	Range    nvr.TimeRange
	Mode     Mode // empty: Copy
	Speed    int  // Timelapse only: 2 to 3600
	Evidence bool // pack the originals, signed; not with Timelapse
	By       string
	Zone     string // IANA time zone of the times in file names; empty: UTC
}

// Export is one job and what it made.
type Export struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Cameras    []nvr.CameraID `json:"cameras"`
	Role       nvr.Role       `json:"stream"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Mode       Mode           `json:"mode"`
	Speed      int            `json:"speed,omitempty"`
	Evidence   bool           `json:"evidence,omitempty"`
	Zone       string         `json:"zone,omitempty"`
	State      State          `json:"state"`
	Error      string         `json:"error,omitempty"` // a sentence for a person
	Notes      []string       `json:"notes,omitempty"` // sentences: what is not as one would expect
	Bytes      int64          `json:"bytes"`           // of all files; estimated until done
	CreatedAt  time.Time      `json:"created_at"`
	CreatedBy  string         `json:"created_by"`
	FinishedAt time.Time      `json:"finished_at,omitzero"`
	ExpiresAt  time.Time      `json:"expires_at,omitzero"`
	Files      []File         `json:"files"`

	Progress float64       `json:"-"` // 0 to 1
	ETA      time.Duration `json:"-"` // while running, 0 until known
}

// File is one file of a finished export. Its times have microseconds, so that files of several cameras can be put beside
// each other.
type File struct {
	Name   string       `json:"name"`
	Camera nvr.CameraID `json:"camera,omitempty"` // empty for a package
	Bytes  int64        `json:"bytes"`
	SHA256 string       `json:"sha256"`         // hexadecimal
	Start  time.Time    `json:"start,omitzero"` // wall time of the first picture
	End    time.Time    `json:"end,omitzero"`   // of the end of the last
	Pieces []Piece      `json:"pieces,omitempty"`
	Gaps   []Gap        `json:"gaps,omitempty"` // cut out of the file
}

// Piece is a stretch of a file without a hole: which wall time is where.
type Piece struct {
	At       time.Duration `json:"at"` // media time, nanoseconds
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration"` // wall time, nanoseconds
}

// Gap is a part of the range of which a camera has no recording.
type Gap struct {
	Start  time.Time       `json:"start"`
	End    time.Time       `json:"end"`
	Reason index.GapReason `json:"reason"` // empty where nobody knows
	Detail string          `json:"detail,omitempty"`
}

// The limits of a request.
const (
	maxRange   = 24 * time.Hour
	maxCameras = 64
	maxName    = 120 // characters
	minSpeed   = 2
	maxSpeed   = 3600
)

// Options is what an Exporter needs. Dir, Player, Logger and Metrics are required.
type Options struct {
	Dir     string // belongs to the exporter alone
	Player  Player
	Holds   Holds              // nil: sources of evidence are not held
	Key     ed25519.PrivateKey // nil: no evidence packages
	Version string             // of the software, for manifests
	Keep    time.Duration      // finished exports are deleted after it; 0: never
	// MaxBytes bounds all exports together, MinFree is what must stay free on their disk. 0: no bound.
	MaxBytes, MinFree int64
	Workers           int // exports at a time, 1 or 2; 0: 1
	Logger            *slog.Logger
	Metrics           prometheus.Registerer
	// Changed is called, from any goroutine, when an export changed, at most about twice a second for progress. It must
	// not block. May be nil.
	Changed func(Export)
}

// Exporter makes exports. Its methods may be called from any goroutine.
type Exporter struct {
	opts    Options
	store   *store
	metrics metrics
	wake    chan struct{} // one token per worker that could have something to do

	mu   sync.Mutex
	jobs map[string]*job
}

// New checks the options, creates the directory and reads the exports in it. Jobs run while Run does.
func New(o Options) (*Exporter, error) {
	if o.Dir == "" || o.Player == nil || o.Logger == nil || o.Metrics == nil {
		return nil, errors.New("exporter: directory, player, logger and metrics are required")
	}
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.Workers < 1 || o.Workers > 2 || o.Keep < 0 || o.MaxBytes < 0 || o.MinFree < 0 {
		return nil, errors.New("exporter: want 1 or 2 workers, and no negative limits")
	}
	s, err := openStore(o.Dir, o.Logger)
	if err != nil {
		return nil, err
	}
	records, err := s.load()
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	e := &Exporter{opts: o, store: s, wake: make(chan struct{}, 1), jobs: make(map[string]*job)}
	for _, r := range records {
		e.jobs[r.ID] = &job{record: r}
	}
	e.metrics = newMetrics(o.Metrics, e)
	return e, nil
}

// Create checks and enqueues a request. Errors: CodeInvalid, which says what is wrong or how much room is missing,
// CodeNotFound where nothing is recorded, CodeUnavailable.
func (e *Exporter) Create(ctx context.Context, r Request) (Export, error) {
	r, est, err := e.estimate(ctx, r)
	if err != nil {
		return Export{}, err
	}
	if err := e.fits(est); err != nil {
		return Export{}, err
	}
	rec := record{Need: est.need, Export: Export{
		ID: newID(), Name: r.Name, Cameras: slices.Clone(r.Cameras), Role: r.Role, From: r.Range.Start, To: r.Range.End, Mode: r.Mode,
		Speed: r.Speed, Evidence: r.Evidence, Zone: r.Zone, State: Queued, Bytes: est.Bytes,
		CreatedAt: now(), CreatedBy: r.By,
	}}
	// The record comes first: whatever happens next, the hold belongs to an export that is known.
	if err := e.store.create(&rec); err != nil {
		return Export{}, e.storeError(err)
	}
	if err := e.hold(&rec.Export); err != nil {
		return Export{}, errors.Join(err, e.store.remove(rec.ID))
	}
	e.mu.Lock()
	j := &job{record: rec, untold: true}
	e.jobs[rec.ID] = j
	e.mu.Unlock()
	e.tell(rec.Export)
	e.mu.Lock()
	j.untold = false
	e.mu.Unlock()
	e.signal()
	return rec.Export, nil
}

// hold keeps the source of evidence until the export is deleted. The hold has the export's id, so it is never lost and
// placing it twice is harmless.
func (e *Exporter) hold(x *Export) error {
	if !x.Evidence || e.opts.Holds == nil {
		return nil
	}
	_, err := e.opts.Holds.Add(hold.Hold{
		ID: x.ID, Kind: hold.Export, Cameras: x.Cameras, Range: nvr.TimeRange{Start: x.From, End: x.To},
		Note: fmt.Sprintf("Source of the evidence package %q", x.Name), By: x.CreatedBy,
	})
	if err != nil && nvr.ErrorCode(err) != nvr.CodeConflict {
		return err
	}
	return nil
}

// List returns all exports, the newest first.
func (e *Exporter) List() []Export {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]Export, 0, len(e.jobs))
	for _, j := range e.jobs {
		if !j.Deleting {
			out = append(out, j.export())
		}
	}
	slices.SortFunc(out, func(a, b Export) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return 1
		}
		return -1
	})
	return out
}

// Get returns one export. Error: CodeNotFound.
func (e *Exporter) Get(id string) (Export, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	j := e.jobs[id]
	if j == nil || j.Deleting {
		return Export{}, notFound(id)
	}
	return j.export(), nil
}

// Delete cancels the export if it runs, releases its hold and removes its files. When it fails, the export is gone from
// the list and the rest is done at the next start. Error: CodeNotFound, or ctx's while a running job ends.
func (e *Exporter) Delete(ctx context.Context, id string) error {
	e.mu.Lock()
	j := e.jobs[id]
	if j == nil || j.Deleting {
		e.mu.Unlock()
		return notFound(id)
	}
	j.Deleting = true
	rec, done := j.record, j.done
	if j.cancel != nil {
		j.cancel()
	}
	e.mu.Unlock()
	if err := e.store.save(&rec); err != nil { // a crash from here on must not bring it back
		e.opts.Logger.Warn("export could not be marked as deleted", "export", id, "err", err)
	}
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return e.drop(rec)
}

// drop finishes a deletion. Every step can be repeated.
func (e *Exporter) drop(rec record) error {
	if rec.Evidence && e.opts.Holds != nil {
		if err := e.opts.Holds.Release(rec.ID); err != nil && nvr.ErrorCode(err) != nvr.CodeNotFound {
			return fmt.Errorf("release the hold of export %s: %w", rec.ID, err)
		}
	}
	if err := e.store.remove(rec.ID); err != nil {
		return err
	}
	e.mu.Lock()
	delete(e.jobs, rec.ID)
	e.mu.Unlock()
	rec.State = Cancelled
	e.tell(rec.Export)
	return nil
}

// OpenFile opens a file of a finished export by its name. The caller closes it. Error: CodeNotFound.
func (e *Exporter) OpenFile(id, name string) (*os.File, File, error) {
	x, err := e.Get(id)
	if err != nil {
		return nil, File{}, err
	}
	i := slices.IndexFunc(x.Files, func(f File) bool { return f.Name == name })
	if i < 0 || x.State != Done {
		return nil, File{}, &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("export %s has no file %q", id, name)}
	}
	f, err := e.store.open(id, name)
	if err != nil {
		return nil, File{}, &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("file %q of export %s is gone from the disk; export it again", name, id), Err: err}
	}
	return f, x.Files[i], nil
}

func notFound(id string) error {
	return &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf("there is no export %q", id)}
}

func invalid(format string, args ...any) error {
	return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(format, args...)}
}

func (e *Exporter) tell(x Export) {
	if e.opts.Changed != nil {
		e.opts.Changed(x)
	}
}

// now is the time with the precision of everything that is kept.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
