package detect

import (
	"errors"
	"fmt"
	"image"
	"math"

	ort "github.com/yalue/onnxruntime_go"
	"gocv.io/x/gocv"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/internal/cv"
)

// padGrey fills what the picture leaves of the input, as in training.
const padGrey = 114

// Found is a detection with the region it was found in.
type Found struct {
	nvr.Detection
	Region int // index into the request's regions
}

// session is one ONNX Runtime session with buffers of its own, for one goroutine at a time.
type session struct {
	model   *Model
	ort     *ort.AdvancedSession
	in, out *ort.Tensor[float32]
	run     *ort.RunOptions
	decoder *decoder

	small  gocv.Mat        // the region at its size in the input
	input  gocv.Mat        // the memory of in: three planes, one below the other
	placed image.Rectangle // where the picture lies in each plane now
	planes [3]gocv.Mat     // views of these places, for blue, green and red
	factor float32         // from byte to input value
	blue   int             // index of blue's plane: 0 BGR, 2 RGB
}

func newSession(m *Model, minScore, iou float32) (*session, error) {
	cv.SingleThread()
	s := &session{
		model: m, small: gocv.NewMat(), factor: 1,
		input:   gocv.NewMatWithSize(3*m.Height, m.Width, gocv.MatTypeCV32FC1),
		decoder: newDecoder(m.Layout, m.Width, m.Height, len(m.Labels)),
	}
	s.decoder.minScore, s.decoder.iou = minScore, iou
	for i := range s.planes {
		s.planes[i] = gocv.NewMat()
	}
	outShape := ort.NewShape(1, int64(s.decoder.anchors), int64(5+len(m.Labels)))
	if m.Layout == LayoutV8 {
		s.blue, s.factor = 2, 1./255
		outShape = ort.NewShape(1, int64(4+len(m.Labels)), int64(s.decoder.anchors))
	}
	if err := s.open(outShape); err != nil {
		s.close()
		return nil, fmt.Errorf("open session of model %s: %w", m.Name, err)
	}
	return s, nil
}

func (s *session) open(outShape ort.Shape) error {
	options, err := sessionOptions()
	if err != nil {
		return err
	}
	defer func() { _ = options.Destroy() }()
	pix, err := s.input.DataPtrFloat32()
	if err != nil {
		return err
	}
	if s.in, err = ort.NewTensor(ort.NewShape(1, 3, int64(s.model.Height), int64(s.model.Width)), pix); err != nil {
		return err
	}
	if s.out, err = ort.NewEmptyTensor[float32](outShape); err != nil {
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
	for _, m := range []*gocv.Mat{&s.planes[0], &s.planes[1], &s.planes[2], &s.input, &s.small} {
		err = errors.Join(err, m.Close())
	}
	_ = err // nothing can be done about memory that does not want to be freed
	*s = session{}
}

// terminate asks a Run in progress to stop at the next operator. It may be called from another goroutine.
func (s *session) terminate() { _ = s.run.Terminate() }

// infer appends what it finds in the region roi of a BGR picture. Boxes are fractions of the whole picture.
func (s *session) infer(dst []Found, bgr gocv.Mat, roi image.Rectangle, region int) ([]Found, error) {
	scale, err := s.load(bgr, roi)
	if err != nil {
		return dst, err
	}
	w, h := float32(bgr.Cols()), float32(bgr.Rows()) // the picture is not touched after this line
	if err := s.ort.RunWithOptions(s.run); err != nil {
		return dst, fmt.Errorf("run model %s: %w", s.model.Name, err)
	}
	left, top := float32(s.placed.Min.X), float32(s.placed.Min.Y)
	back := func(v, offset, low, high float32) float32 { return min(max((v-offset)/scale+low, low), high) }
	x0, y0, x9, y9 := float32(roi.Min.X), float32(roi.Min.Y), float32(roi.Max.X), float32(roi.Max.Y)
	for _, c := range s.decoder.decode(s.out.GetData()) {
		x1, y1 := back(c.x1, left, x0, x9), back(c.y1, top, y0, y9)
		x2, y2 := back(c.x2, left, x0, x9), back(c.y2, top, y0, y9)
		if x2 <= x1 || y2 <= y1 {
			continue // it lay in the border
		}
		dst = append(dst, Found{Region: region, Detection: nvr.Detection{
			Label: s.model.Labels[c.class], Score: c.score,
			Box: nvr.Box{X: x1 / w, Y: y1 / h, W: (x2 - x1) / w, H: (y2 - y1) / h},
		}})
	}
	return dst, nil
}

// load puts the region into the input tensor, scaled to fit, and returns the scale. The border is written only when
// the picture's place changes.
func (s *session) load(bgr gocv.Mat, roi image.Rectangle) (float32, error) {
	if bgr.Empty() || bgr.Type() != gocv.MatTypeCV8UC3 {
		return 0, errors.New("detect: the picture is empty or not BGR")
	}
	view, err := cv.Crop(bgr, roi)
	if err != nil {
		return 0, fmt.Errorf("detect: %w", err)
	}
	defer view.Close()
	scale := min(float64(s.model.Width)/float64(roi.Dx()), float64(s.model.Height)/float64(roi.Dy()))
	size := image.Pt(max(1, int(math.Round(scale*float64(roi.Dx())))), max(1, int(math.Round(scale*float64(roi.Dy())))))
	if err := cv.Resize(view, &s.small, size, gocv.InterpolationLinear); err != nil {
		return 0, fmt.Errorf("detect: %w", err)
	}
	var at image.Point
	if s.model.Layout == LayoutV8 {
		at = image.Pt((s.model.Width-size.X)/2, (s.model.Height-size.Y)/2)
	}
	if place := (image.Rectangle{Min: at, Max: at.Add(size)}); place != s.placed {
		if err := s.place(place); err != nil {
			return 0, fmt.Errorf("detect: %w", err)
		}
	}
	// Split and convert are vectorised; taking the colours apart in one loop of our own costs six times as much.
	for i, colour := range gocv.Split(s.small) {
		colour.ConvertToWithParams(&s.planes[i], gocv.MatTypeCV32F, s.factor, 0) // fits, so it writes in place
		_ = colour.Close()
	}
	return float32(scale), nil
}

// place moves the views to where the picture will lie and fills all with grey, which stays around it.
func (s *session) place(r image.Rectangle) error {
	s.input.SetTo(gocv.NewScalar(float64(padGrey*s.factor), 0, 0, 0))
	for i := range s.planes {
		plane := i
		if s.blue == 2 {
			plane = 2 - i
		}
		view, err := cv.Crop(s.input, r.Add(image.Pt(0, plane*s.model.Height)))
		if err != nil {
			return err
		}
		_ = s.planes[i].Close()
		s.planes[i] = view
	}
	s.placed = r
	return nil
}
