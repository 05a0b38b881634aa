package face

/*
#cgo LDFLAGS: -L${SRCDIR}/lib -ldl
#define _GNU_SOURCE
#include <dlfcn.h>

// Two threads nearly double the CPU time of a try for a tenth of its duration. OPENBLAS_NUM_THREADS is read before main,
// too early for us to set it, so OpenBLAS is asked by its function; another BLAS does not have it.
static void nj_blas_single_thread(void) {
	void (*set)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "openblas_set_num_threads");
	if (set) set(1);
}
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"runtime"
	"sync"
	"time"

	goface "github.com/Kagami/go-face"
	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Errors of Find besides its context's.
var (
	ErrBusy    = errors.New("face queue is full")
	ErrStopped = errors.New("face engine is not running")
)

// Options configure an Engine. Zero values mean the defaults given.
type Options struct {
	Queue    int // tries that may wait; more are refused with ErrBusy; 8
	Gate     Gate
	Log      *slog.Logger          // required
	Registry prometheus.Registerer // nil: no metrics
}

// Engine finds faces. One thread does all of it: dlib's own locks would let no second one in.
type Engine struct {
	files   modelFiles
	gate    Gate
	log     *slog.Logger
	metrics *metrics
	queue   chan *request

	mu      sync.Mutex
	running bool
}

// request is one scaled picture on its way through the engine.
type request struct {
	ctx   context.Context //nolint:containedctx // so that the worker can leave out what nobody waits for
	jpeg  []byte
	faces []goface.Face
	err   error
	done  chan struct{}
}

// Open checks that the models are in dir and returns an engine that works while Run runs.
func Open(dir string, o Options) (*Engine, error) {
	files, err := findModels(dir, systemDir)
	if err != nil {
		return nil, err
	}
	if o.Queue <= 0 {
		o.Queue = 8
	}
	e := &Engine{files: files, gate: o.Gate.withDefaults(), log: o.Log, queue: make(chan *request, o.Queue)}
	e.metrics = newMetrics(e, o.Registry)
	return e, nil
}

// Run loads the models, which takes about a second, and serves Find until ctx ends. The memory of the models is held only meanwhile.
func (e *Engine) Run(ctx context.Context) error {
	if !e.setRunning(true) {
		return errors.New("face engine runs already")
	}
	defer e.stop()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	rec, err := e.load()
	if err != nil {
		return err
	}
	defer rec.Close()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-e.queue:
			e.serve(rec, r)
		}
	}
}

func (e *Engine) setRunning(on bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.running
	e.running = on
	return was != on
}

// stop answers what waits. Under the lock nothing can join the queue meanwhile.
func (e *Engine) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = false
	for {
		select {
		case r := <-e.queue:
			r.err = ErrStopped
			close(r.done)
		default:
			return
		}
	}
}

func (e *Engine) load() (*goface.Recognizer, error) {
	C.nj_blas_single_thread()
	dir, cleanup, err := e.files.folder()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	rec, err := goface.NewRecognizer(dir)
	if err := errors.Join(err, cleanup()); err != nil {
		return nil, &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf(
			"the face models in %s cannot be read: fetch them again with make face-models", e.files[resnetFile])}
	}
	e.log.Info("face models loaded", "landmarks", e.files[landmarksFile], "took", time.Since(started).Round(time.Millisecond))
	return rec, nil
}

func (e *Engine) serve(rec *goface.Recognizer, r *request) {
	defer close(r.done)
	if r.err = r.ctx.Err(); r.err != nil {
		return
	}
	started := time.Now()
	r.faces, r.err = rec.Recognize(r.jpeg)
	e.metrics.seconds.Observe(time.Since(started).Seconds())
}

// Find looks for the face of a person in the crop of that person (BGR, at the camera's best resolution): only in its
// upper part, scaled so that a head is large enough. The crop is not used any more when Find returns. A full queue is
// ErrBusy at once; a camera tries again with a later picture.
func (e *Engine) Find(ctx context.Context, crop gocv.Mat) ([]Face, error) {
	return e.find(ctx, crop, personView)
}

// FindInPicture looks for all faces in a photograph, say one that a user uploaded. It takes several times as long as Find.
func (e *Engine) FindInPicture(ctx context.Context, bgr gocv.Mat) ([]Face, error) {
	return e.find(ctx, bgr, photoView)
}

func (e *Engine) find(ctx context.Context, bgr gocv.Mat, view func(w, h int) view) ([]Face, error) {
	if bgr.Empty() || bgr.Type() != gocv.MatTypeCV8UC3 || bgr.Cols() < minSide || bgr.Rows() < minSide {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"a picture of %dx%d cannot hold a face: a colour picture of at least %dx%d is needed", bgr.Cols(), bgr.Rows(), minSide, minSide)}
	}
	v := view(bgr.Cols(), bgr.Rows())
	jpeg, err := v.jpeg(bgr)
	if err != nil {
		return nil, fmt.Errorf("find face: %w", err)
	}
	found, err := e.ask(ctx, jpeg)
	e.metrics.count(found, err)
	if err != nil {
		return nil, err
	}
	faces := make([]Face, 0, len(found))
	for i := range found {
		f, err := e.describe(bgr, v, &found[i])
		if err != nil {
			return nil, err
		}
		faces = append(faces, f)
	}
	return faces, nil
}

// ask puts a picture into the queue and waits for the answer.
func (e *Engine) ask(ctx context.Context, jpeg []byte) ([]goface.Face, error) {
	r := &request{ctx: ctx, jpeg: jpeg, done: make(chan struct{})}
	if err := e.enqueue(r); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.done:
	}
	if r.err != nil {
		return nil, fmt.Errorf("find face: %w", r.err)
	}
	return r.faces, nil
}

func (e *Engine) enqueue(r *request) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.running {
		return ErrStopped
	}
	select {
	case e.queue <- r:
		return nil
	default:
		return ErrBusy
	}
}

// describe turns what go-face found in the view into a face of the whole picture.
func (e *Engine) describe(bgr gocv.Mat, v view, found *goface.Face) (Face, error) {
	box := v.back(found.Rectangle)
	q, err := measure(bgr, box)
	if err != nil {
		return Face{}, err
	}
	q.Yaw = yaw(found.Shapes)
	size := max(box.Dx(), 1)
	inside := box.Intersect(image.Rect(0, 0, bgr.Cols(), bgr.Rows()))
	e.gate.judge(&q, size, float64(inside.Dx()*inside.Dy())/float64(max(1, box.Dx()*box.Dy())))
	w, h := float32(bgr.Cols()), float32(bgr.Rows())
	return Face{
		Box:       nvr.Box{X: float32(inside.Min.X) / w, Y: float32(inside.Min.Y) / h, W: float32(inside.Dx()) / w, H: float32(inside.Dy()) / h},
		Embedding: Embedding(found.Descriptor), Size: size, Quality: q,
	}, nil
}
