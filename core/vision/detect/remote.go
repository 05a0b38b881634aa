package detect

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve"
)

// ErrRemote means that the inference server gave no answer to use and there is no local model: the frame is skipped.
var ErrRemote = errors.New("inference server did not answer and there is no local model")

// OpenRemoteModel describes the model of an inference server by what the server says about it. Such a model has no
// local copy: it can only be run through PoolConfig.Remote. labels is a file with one class name per line, empty: COCO's.
func OpenRemoteModel(ctx context.Context, client *kserve.Client, labels string) (*Model, error) {
	if err := client.Ready(ctx); err != nil {
		return nil, unreachable(client, err)
	}
	md, err := client.Metadata(ctx)
	if err != nil {
		return nil, unreachable(client, err)
	}
	m := &Model{Name: client.Model(), Path: client.Model() + " of " + client.URL()}
	if len(md.Inputs) != 1 || len(md.Outputs) != 1 {
		return nil, m.wrongShape(fmt.Sprintf("%d inputs", len(md.Inputs)), fmt.Sprintf("%d outputs", len(md.Outputs)))
	}
	in, out := md.Inputs[0], md.Outputs[0]
	d := in.Shape
	if in.Datatype != kserve.FP32 || out.Datatype != kserve.FP32 || len(d) != 4 || d[0] > 1 || !m.setInput(d[1], d[2], d[3]) {
		return nil, m.wrongShape(in, out)
	}
	m.input, m.output = in.Name, out.Name
	classes, ok := m.setLayout(out.Shape)
	if !ok {
		return nil, m.wrongShape(in, out)
	}
	if labels == "" && classes != len(COCO()) {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"model %s has %d classes without names; set detect.remote.labels to a file with one name per line", m.Path, classes)}
	}
	m.Labels, err = m.findLabels(labels, "", classes)
	return m, err
}

func unreachable(client *kserve.Client, err error) error {
	var e *nvr.Error
	if errors.As(err, &e) {
		return err
	}
	return &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf(
		"inference server %s does not serve model %s: %v; check detect.remote and the server", client.URL(), client.Model(), err)}
}

type remoteMetrics struct {
	failures, local, skipped prometheus.Counter
}

func newRemoteMetrics(client *kserve.Client, reg prometheus.Registerer) *remoteMetrics {
	m := &remoteMetrics{
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_vision_remote_failures_total", Help: "Inferences that the inference server failed, late and unusable answers included.",
		}),
		local: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_vision_remote_local_total", Help: "Inferences that the local model made in place of the inference server.",
		}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nvr_vision_remote_skipped_total", Help: "Inferences skipped because the inference server failed and there is no local model.",
		}),
	}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nvr_vision_remote_breaker_open", Help: "1 while the inference server is left alone because it kept failing.",
	}, func() float64 {
		if client.Open() {
			return 1
		}
		return 0
	})
	if reg != nil {
		reg.MustRegister(m.failures, m.local, m.skipped, open)
	}
	return m
}

// remote is what a worker runs in place of a session when there is an inference server. Where the model has a local
// copy, a session of it steps in whenever the server fails.
type remote struct {
	client  *kserve.Client
	metrics *remoteMetrics
	input   gocv.Mat // the canvas's memory
	canvas  *canvas
	decoder *decoder
	call    kserve.Call
	limit   time.Duration // of one call
	ctx     context.Context
	cancel  context.CancelFunc

	mu    sync.Mutex
	local *session
}

func newRemote(client *kserve.Client, m *Model, cfg PoolConfig, metrics *remoteMetrics) (*remote, error) {
	r := &remote{
		client: client, metrics: metrics, input: newInput(m, 1), limit: cfg.HangAfter / 2,
		decoder: newDecoder(m.Layout, m.Width, m.Height, len(m.Labels)),
	}
	r.canvas = newCanvas(m, r.input, 0)
	r.decoder.minScore, r.decoder.iou = cfg.MinScore, cfg.IoU
	pix, err := r.input.DataPtrFloat32()
	if err != nil {
		r.canvas.close()
		_ = r.input.Close() // nothing can be done about memory that does not want to be freed
		return nil, fmt.Errorf("detect: %w", err)
	}
	out := r.decoder.shape()
	r.call = kserve.Call{
		In:  kserve.Tensor{Name: m.input, Datatype: kserve.FP32, Shape: []int64{1, 3, int64(m.Height), int64(m.Width)}},
		Out: kserve.Tensor{Name: m.output, Datatype: kserve.FP32, Shape: out}, Data: pix, Answer: make([]float32, out[1]*out[2]),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// warm does not ask the server: one that is down must not keep the pool from starting. The local model is opened now where
// that may take longer than the watchdog gives an inference; on the processor it is opened when it is first needed.
func (r *remote) warm() error {
	if r.canvas.model.onCPU() {
		return nil
	}
	local, err := r.fallBack()
	if local == nil || err != nil {
		return err
	}
	return local.warm()
}

func (r *remote) terminate() {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.local != nil {
		r.local.terminate()
	}
}

func (r *remote) close() {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.local != nil {
		r.local.close()
		r.local = nil
	}
	r.canvas.close()
	_ = r.input.Close() // nothing can be done about memory that does not want to be freed
}

func (r *remote) look(jobs []job) error {
	for _, j := range jobs {
		if t := j.task; t.err == nil {
			t.found, t.err = r.infer(t.found, t.bgr, j.roi, j.region)
		}
	}
	return nil
}

func (r *remote) infer(dst []Found, bgr gocv.Mat, roi image.Rectangle, region int) ([]Found, error) {
	if err := r.canvas.load(bgr, roi); err != nil {
		return dst, err
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.limit)
	defer cancel()
	err := r.client.Infer(ctx, &r.call)
	switch {
	case err == nil:
		return r.canvas.collect(dst, r.decoder.decode(r.call.Answer), image.Pt(bgr.Cols(), bgr.Rows()), roi, region), nil
	case r.ctx.Err() != nil:
		return dst, ErrStopped
	case !errors.Is(err, kserve.ErrOpen):
		r.metrics.failures.Inc()
	}
	local, openErr := r.fallBack()
	if openErr != nil {
		return dst, errors.Join(err, openErr)
	}
	if local == nil {
		r.metrics.skipped.Inc()
		return dst, fmt.Errorf("%w: %w", ErrRemote, err)
	}
	r.metrics.local.Inc()
	return local.infer(dst, bgr, roi, region)
}

// fallBack returns the local session, nil when the model has no local copy.
func (r *remote) fallBack() (*session, error) {
	m := r.canvas.model
	if len(m.data) == 0 || r.local != nil { // written by this goroutine alone
		return r.local, nil
	}
	s, err := newSession(m, 1, r.decoder.minScore, r.decoder.iou)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.local = s
	r.mu.Unlock()
	return s, nil
}
