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

// session is one ONNX Runtime session with buffers of its own, for one goroutine at a time.
type session struct {
	model   *Model
	canvas  *canvas
	ort     *ort.AdvancedSession
	in, out *ort.Tensor[float32] // in is the canvas's memory
	run     *ort.RunOptions
	decoder *decoder
}

func newSession(m *Model, minScore, iou float32) (*session, error) {
	s := &session{model: m, canvas: newCanvas(m), decoder: newDecoder(m.Layout, m.Width, m.Height, len(m.Labels))}
	s.decoder.minScore, s.decoder.iou = minScore, iou
	if err := s.open(); err != nil {
		s.close()
		return nil, fmt.Errorf("open session of model %s: %w", m.Name, err)
	}
	return s, nil
}

func (s *session) open() error {
	options, err := sessionOptions(s.model.provider)
	if err != nil {
		return err
	}
	defer func() { _ = options.Destroy() }()
	pix, err := s.canvas.input.DataPtrFloat32()
	if err != nil {
		return err
	}
	if s.in, err = ort.NewTensor(ort.NewShape(1, 3, int64(s.model.Height), int64(s.model.Width)), pix); err != nil {
		return err
	}
	if s.out, err = ort.NewEmptyTensor[float32](ort.NewShape(s.decoder.shape()...)); err != nil {
		return err
	}
	if s.run, err = ort.NewRunOptions(); err != nil {
		return err
	}
	s.ort, err = ort.NewAdvancedSessionWithONNXData(s.model.data, []string{s.model.input}, []string{s.model.output},
		[]ort.Value{s.in}, []ort.Value{s.out}, options)
	return err
}

func (s *session) close() {
	var err error
	if s.ort != nil {
		err = errors.Join(err, s.ort.Destroy())
	}
	if s.in != nil {
		err = errors.Join(err, s.in.Destroy())
	}
	if s.out != nil {
		err = errors.Join(err, s.out.Destroy())
	}
	if s.run != nil {
		err = errors.Join(err, s.run.Destroy())
	}
	s.canvas.close()
	_ = err // nothing can be done about memory that does not want to be freed
	*s = session{}
}

// warm runs once on whatever the input holds: the first run of a session plans its memory, and on a graphics card
// compiles the network.
func (s *session) warm() error {
	if err := s.ort.RunWithOptions(s.run); err != nil {
		return fmt.Errorf("run model %s the first time: %w", s.model.Name, err)
	}
	return nil
}

// terminate asks a Run in progress to stop at the next operator. It may be called from another goroutine.
func (s *session) terminate() { _ = s.run.Terminate() }

// infer appends what it finds in the region roi of a BGR picture. Boxes are fractions of the whole picture.
func (s *session) infer(dst []Found, bgr gocv.Mat, roi image.Rectangle, region int) ([]Found, error) {
	if err := s.canvas.load(bgr, roi); err != nil {
		return dst, err
	}
	size := image.Pt(bgr.Cols(), bgr.Rows()) // the picture is not touched after this line
	if err := s.ort.RunWithOptions(s.run); err != nil {
		return dst, fmt.Errorf("run model %s: %w", s.model.Name, err)
	}
	return s.canvas.collect(dst, s.decoder.decode(s.out.GetData()), size, roi, region), nil
}
