package detect

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

const (
	maxModelBytes = 512 << 20
	maxInputSide  = 2048
)

// Model is a checked detector network: what it takes, what it gives, and its bytes. It is immutable; sessions are made
// from it.
type Model struct {
	Name   string // file name without .onnx
	Path   string
	Layout Layout
	Width  int // of the input, pixels
	Height int
	Labels []string // by class

	data          []byte
	batch         int // first dimension of the input: pictures at once; 0: any number
	input, output string
	provider      Provider
}

// OpenModel loads ONNX Runtime from library (see FindLibrary), reads the model and runs it once on an empty picture, so
// that a model that cannot work is refused here, in one sentence. labels is a file with one class name per line; empty:
// the names in the model, else <model>.labels beside it, else COCO's.
func OpenModel(library, path, labels string) (*Model, error) {
	return OpenModelOn(ProviderCPU, library, path, labels)
}

// OpenModelOn is OpenModel for sessions that calculate on the given provider.
func OpenModelOn(provider Provider, library, path, labels string) (*Model, error) {
	data, err := readModel(path)
	if err != nil {
		return nil, err
	}
	if err := loadLibrary(library); err != nil {
		return nil, err
	}
	m := &Model{Name: strings.TrimSuffix(filepath.Base(path), ".onnx"), Path: path, data: data, provider: provider}
	ins, outs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: fmt.Sprintf(
			"model %s cannot be read as ONNX; the file may be damaged: fetch or export it again", path)}
	}
	meta := modelMetadata(data)
	if err := m.readShapes(ins, outs, meta["imgsz"]); err != nil {
		return nil, err
	}
	classes, err := m.probe()
	if err != nil {
		return nil, err
	}
	if m.Labels, err = m.findLabels(labels, meta["names"], classes); err != nil {
		return nil, err
	}
	return m, nil
}

func readModel(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		next := "run nightjar models list to see what there is"
		if errors.Is(err, os.ErrNotExist) {
			next = "fetch it with nightjar models pull, or correct detect.model"
		}
		return nil, &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf("model %s cannot be opened; %s", path, next)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxModelBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read model %s: %w", path, err)
	}
	if len(data) == 0 || len(data) > maxModelBytes {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"model %s has %d bytes, want 1 to %d; fetch or export it again", path, len(data), maxModelBytes)}
	}
	return data, nil
}

func modelMetadata(data []byte) map[string]string {
	out := make(map[string]string)
	md, err := ort.GetModelMetadataWithONNXData(data)
	if err != nil {
		return out // names and sizes have other sources
	}
	defer func() { _ = md.Destroy() }()
	for _, key := range []string{"names", "imgsz"} {
		if v, ok, err := md.LookupCustomMetadataMap(key); err == nil && ok {
			out[key] = v
		}
	}
	return out
}

func (m *Model) wrongShape(in, out any) error {
	return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
		"model %s takes %v and gives %v; want a float32 picture [1 3 H W], or several, in and [1 4+classes n] (YOLOv8, v9, 11) or "+
			"[1 n 5+classes] (YOLOX) out, with strides 8, 16 and 32: export such a model", m.Path, in, out)}
}

func (m *Model) readShapes(ins, outs []ort.InputOutputInfo, imgsz string) error {
	if len(ins) != 1 || len(outs) != 1 {
		return m.wrongShape(fmt.Sprintf("%d inputs", len(ins)), fmt.Sprintf("%d outputs", len(outs)))
	}
	in, out := ins[0], outs[0]
	d := in.Dimensions
	if in.DataType != ort.TensorElementDataTypeFloat || out.DataType != ort.TensorElementDataTypeFloat ||
		len(d) != 4 || d[0] > BatchMost || len(out.Dimensions) != 3 {
		return m.wrongShape(in.String(), out.String())
	}
	h, w := d[2], d[3]
	if h <= 0 || w <= 0 { // a dynamic export: the size it was trained for is in the metadata
		h, w = parseSize(imgsz)
	}
	if !m.setInput(d[1], h, w) {
		return m.wrongShape(in.String(), out.String())
	}
	m.input, m.output, m.batch = in.Name, out.Name, int(max(d[0], 0))
	return nil
}

// setInput takes over the input's size and reports whether a detector can have it.
func (m *Model) setInput(channels, h, w int64) bool {
	if channels != 3 || h < 32 || w < 32 || h > maxInputSide || w > maxInputSide || h%32 != 0 || w%32 != 0 {
		return false
	}
	m.Width, m.Height = int(w), int(h)
	return true
}

// parseSize reads "[384, 640]", height first; anything else is the usual 640 by 640.
func parseSize(s string) (h, w int64) {
	a, b, ok := strings.Cut(strings.Trim(s, "[] "), ",")
	if ok {
		h, errH := strconv.ParseInt(strings.TrimSpace(a), 10, 32)
		w, errW := strconv.ParseInt(strings.TrimSpace(b), 10, 32)
		if errH == nil && errW == nil {
			return h, w
		}
	}
	return 640, 640
}

// probe runs the model once and finds its layout and number of classes from what comes out.
func (m *Model) probe() (classes int, err error) {
	options, err := sessionOptions(m.provider)
	if err != nil {
		return 0, err
	}
	defer func() { _ = options.Destroy() }()
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(m.data, []string{m.input}, []string{m.output}, options)
	if err != nil {
		return 0, fmt.Errorf("open model %s: %w", m.Path, err)
	}
	defer func() { _ = s.Destroy() }()
	in, err := ort.NewEmptyTensor[float32](ort.NewShape(int64(max(m.batch, 1)), 3, int64(m.Height), int64(m.Width)))
	if err != nil {
		return 0, fmt.Errorf("allocate input of model %s: %w", m.Path, err)
	}
	defer func() { _ = in.Destroy() }()
	outs := []ort.Value{nil}
	if err := s.Run([]ort.Value{in}, outs); err != nil {
		return 0, &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: fmt.Sprintf(
			"model %s cannot run on a picture of %dx%d; export it again", m.Path, m.Width, m.Height)}
	}
	defer func() { _ = outs[0].Destroy() }()
	shape := outs[0].GetShape().Clone()
	if m.batch > 1 && len(shape) > 0 && shape[0] == int64(m.batch) {
		shape[0] = 1 // an answer for each picture
	}
	if classes, ok := m.setLayout(shape); ok {
		return classes, nil
	}
	return 0, m.wrongShape(in.GetShape(), shape)
}

// setLayout finds the layout and the number of classes from the shape of the output. The first dimension may be free.
func (m *Model) setLayout(shape []int64) (classes int, ok bool) {
	if len(shape) != 3 || shape[0] != 1 && shape[0] != -1 {
		return 0, false
	}
	n := int64(anchorsFor(m.Width, m.Height))
	const most = 10000 // classes
	switch {
	case shape[2] == n && shape[1] > 4 && shape[1] < most:
		m.Layout = LayoutV8
		return int(shape[1] - 4), true
	case shape[1] == n && shape[2] > 5 && shape[2] < most:
		m.Layout = LayoutYOLOX
		return int(shape[2] - 5), true
	}
	return 0, false
}

func (m *Model) findLabels(file, names string, classes int) ([]string, error) {
	if file == "" {
		if l := parseNames(names, classes); l != nil {
			return l, nil
		}
		beside := strings.TrimSuffix(m.Path, ".onnx") + ".labels"
		if _, err := os.Stat(beside); err == nil {
			file = beside
		}
	}
	if file == "" {
		if coco := COCO(); len(coco) == classes {
			return coco, nil
		}
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"model %s has %d classes without names; write them, one per line, into %s.labels", m.Path, classes,
			strings.TrimSuffix(m.Path, ".onnx"))}
	}
	labels, err := readLabels(file)
	if err != nil {
		return nil, err
	}
	if len(labels) != classes {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"labels file %s has %d lines but model %s has %d classes; correct the file", file, len(labels), m.Path, classes)}
	}
	return labels, nil
}

// sessionOptions: one thread per session, because the pool runs one session per core.
func sessionOptions(p Provider) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("create session options: %w", err)
	}
	err = errors.Join(o.SetIntraOpNumThreads(1), o.SetInterOpNumThreads(1), o.SetExecutionMode(ort.ExecutionModeSequential),
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"))
	if err != nil {
		return nil, fmt.Errorf("set session options: %w", errors.Join(err, o.Destroy()))
	}
	if err := useProvider(o, p); err != nil {
		_ = o.Destroy()
		return nil, err
	}
	return o, nil
}

// exp is e^x, bounded so that a wild value stays a number.
func exp(x float32) float32 { return float32(math.Exp(float64(min(x, 20)))) }
