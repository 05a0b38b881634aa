package detect

import (
	"errors"
	"fmt"
	"image"

	ort "github.com/yalue/onnxruntime_go"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Found is a detection with the region it was found in.
type Found struct {
	nvr.Detection
	Region int // index into the request's regions
}

// session is one ONNX Runtime session with buffers of its own for a batch of pictures, for one goroutine at a time.
type session struct {
	model    *Model
	input    gocv.Mat  // of all pictures
	pix      []float32 // its memory
	canvases []*canvas // one for each picture
	answers  []float32 // of all pictures
	run      *ort.RunOptions
	decoder  *decoder

	fixed *ort.AdvancedSession        // always takes all pictures
	free  *ort.DynamicAdvancedSession // takes as many as there are
	bound []binding                   // by number of pictures less one; the last alone for fixed

	one  [1]job // for infer
	task task
}

// binding is the first n pictures and their answers as ONNX Runtime wants them.
type binding struct {
	in, out *ort.Tensor[float32]
	ins     []ort.Value
	outs    []ort.Value
	io      *ort.IoBinding // of a free session on the processor; nil elsewhere
}

// newSession returns a session for up to n pictures at once. A model with a fixed number of pictures has its own way.
func newSession(m *Model, n int, minScore, iou float32) (*session, error) {
	if m.batch > 0 {
		n = m.batch
	}
	n = max(n, 1)
	s := &session{model: m, input: newInput(m, n), decoder: newDecoder(m.Layout, m.Width, m.Height, len(m.Labels))}
	for i := range n {
		s.canvases = append(s.canvases, newCanvas(m, s.input, i))
	}
	s.decoder.minScore, s.decoder.iou = minScore, iou
	if err := s.open(n); err != nil {
		s.close()
		return nil, fmt.Errorf("open session of model %s: %w", m.Name, err)
	}
	return s, nil
}

func (s *session) open(n int) error {
	options, err := sessionOptions(s.model.provider)
	if err != nil {
		return err
	}
	defer func() { _ = options.Destroy() }()
	if s.pix, err = s.input.DataPtrFloat32(); err != nil {
		return err
	}
	s.answers = make([]float32, n*s.answerSize())
	s.bound = make([]binding, n)
	first := 1
	if n == 1 || s.model.batch > 0 {
		first = n
	}
	for i := first; i <= n; i++ {
		if err := s.bind(i); err != nil {
			return err
		}
	}
	if s.run, err = ort.NewRunOptions(); err != nil {
		return err
	}
	in, out, all := []string{s.model.input}, []string{s.model.output}, s.bound[n-1]
	if first == n {
		s.fixed, err = ort.NewAdvancedSessionWithONNXData(s.model.data, in, out, all.ins, all.outs, options)
		return err
	}
	if s.free, err = ort.NewDynamicAdvancedSessionWithONNXData(s.model.data, in, out, options); err != nil || !s.model.onCPU() {
		return err
	}
	for i := range s.bound {
		if err := s.tie(&s.bound[i]); err != nil {
			return err
		}
	}
	return nil
}

// tie names the tensors to ONNX Runtime once and for all, so that a run allocates nothing. Only on the processor: elsewhere
// the input would be copied to the device now and not when it runs.
func (s *session) tie(b *binding) (err error) {
	if b.io, err = s.free.CreateIoBinding(); err != nil {
		return err
	}
	return errors.Join(b.io.BindInput(s.model.input, b.in), b.io.BindOutput(s.model.output, b.out))
}

// bind makes tensors of the first n pictures and answers.
func (s *session) bind(n int) (err error) {
	b, shape := &s.bound[n-1], s.decoder.shape()
	shape[0] = int64(n)
	width, height := s.model.Width, s.model.Height
	if b.in, err = ort.NewTensor(ort.NewShape(int64(n), 3, int64(height), int64(width)), s.pix[:n*3*height*width]); err != nil {
		return err
	}
	if b.out, err = ort.NewTensor(ort.NewShape(shape...), s.answers[:n*s.answerSize()]); err != nil {
		return err
	}
	b.ins, b.outs = []ort.Value{b.in}, []ort.Value{b.out}
	return nil
}

func (s *session) answerSize() int {
	shape := s.decoder.shape()
	return int(shape[1] * shape[2])
}

// answer is what the last run gave for the picture at index slot.
func (s *session) answer(slot int) []float32 { return s.answers[slot*s.answerSize():][:s.answerSize()] }

func (s *session) close() {
	var err error
	for _, b := range s.bound {
		if b.io != nil {
			err = errors.Join(err, b.io.Destroy())
		}
	}
	if s.fixed != nil {
		err = errors.Join(err, s.fixed.Destroy())
	}
	if s.free != nil {
		err = errors.Join(err, s.free.Destroy())
	}
	for _, b := range s.bound {
		if b.in != nil {
			err = errors.Join(err, b.in.Destroy())
		}
		if b.out != nil {
			err = errors.Join(err, b.out.Destroy())
		}
	}
	if s.run != nil {
		err = errors.Join(err, s.run.Destroy())
	}
	for _, c := range s.canvases {
		c.close()
	}
	err = errors.Join(err, s.input.Close())
	_ = err // nothing can be done about memory that does not want to be freed
	*s = session{}
}

// warm runs every number of pictures once, on whatever the input holds: the first run plans its memory, and a graphics
// card compiles the network for its size. The largest comes first, because the others then fit in its memory.
func (s *session) warm() error {
	n := len(s.canvases)
	for i := n; i > 0; i-- {
		if i > 1 && i < n && s.model.onCPU() {
			continue // nothing is compiled for a size
		}
		if err := s.runOn(i); err != nil {
			return fmt.Errorf("run model %s the first time: %w", s.model.Name, err)
		}
	}
	return nil
}

// runOn runs the model on the first n pictures.
func (s *session) runOn(n int) error {
	if s.fixed != nil {
		return s.fixed.RunWithOptions(s.run)
	}
	b := &s.bound[n-1]
	if b.io != nil {
		return s.free.RunWithBinding(b.io)
	}
	return s.free.RunWithOptions(b.ins, b.outs, s.run)
}

// terminate asks a run in progress to stop at the next operator; one of a free session on the processor, which takes no
// options, ends by itself. It may be called from another goroutine.
func (s *session) terminate() { _ = s.run.Terminate() }

// infer appends what it finds in the region roi of a BGR picture. Boxes are fractions of the whole picture.
func (s *session) infer(dst []Found, bgr gocv.Mat, roi image.Rectangle, region int) ([]Found, error) {
	s.task = task{bgr: bgr, found: dst}
	s.one[0] = job{task: &s.task, roi: roi, region: region}
	err := s.look(s.one[:])
	if err == nil {
		err = s.task.err
	}
	return s.task.found, err
}

// look runs the model once on the regions of the jobs and gives each task what was found in its own. A region that is no
// picture fails its task alone; an error fails them all. Once the model runs, the pictures are not touched.
func (s *session) look(jobs []job) error {
	n := 0
	for i := range jobs {
		j := &jobs[i]
		if j.slot = -1; j.task.err != nil {
			continue
		}
		if err := s.canvases[n].load(j.task.bgr, j.roi); err != nil {
			j.task.err = err
			continue
		}
		j.size, j.slot = image.Pt(j.task.bgr.Cols(), j.task.bgr.Rows()), n
		n++
	}
	if n == 0 {
		return nil
	}
	if err := s.runOn(n); err != nil {
		return fmt.Errorf("run model %s: %w", s.model.Name, err)
	}
	for i := range jobs {
		if j := &jobs[i]; j.slot >= 0 && j.task.err == nil {
			found := s.decoder.decode(s.answer(j.slot))
			j.task.found = s.canvases[j.slot].collect(j.task.found, found, j.size, j.roi, j.region)
		}
	}
	return nil
}
