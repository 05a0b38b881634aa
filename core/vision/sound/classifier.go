package sound

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect"
)

const (
	// Rate is the sample rate that classifiers take, Hz.
	Rate = 16_000
	// usualWindow is the length of a window where the model leaves it open: one patch of YAMNet, 0.96 s and what its spectrum
	// needs beyond (github.com/tensorflow/models, research/audioset/yamnet).
	usualWindow   = 15_600
	leastWindow   = Rate / 4
	mostWindow    = 10 * Rate
	maxClasses    = 10_000
	maxModelBytes = 256 << 20
)

// Classifier names what is heard in a window of sound. One serves all cameras; its methods may be called from any goroutine.
type Classifier struct {
	Labels []string // by class, lower case
	Window int      // samples at Rate that it takes

	mu      sync.Mutex
	session *ort.DynamicAdvancedSession
	in      *ort.Tensor[float32]
	scores  []float32
}

// OpenClassifier loads ONNX Runtime from library (see detect.FindLibrary), reads the model and runs it once on silence, so
// that a model that cannot work is refused here, in one sentence. It takes mono float32 sound of 16 kHz, [n] or [1 n], and
// gives the scores of its classes, [classes] or [windows classes], each 0..1. The names are in the metadata key "names", else
// one per line in <model>.labels beside it. Close it when nobody uses it any more.
func OpenClassifier(library, path string) (*Classifier, error) {
	data, err := readModel(path)
	if err != nil {
		return nil, err
	}
	if err := detect.LoadRuntime(library); err != nil {
		return nil, err
	}
	ins, outs, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: fmt.Sprintf(
			"sound model %s cannot be read as ONNX; the file may be damaged: fetch or export it again", path)}
	}
	c := &Classifier{}
	if err := c.open(path, data, ins, outs); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	classes, err := c.probe(path)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if c.Labels, err = detect.ClassNames(path, data, classes); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	for i, l := range c.Labels {
		c.Labels[i] = strings.ToLower(strings.TrimSpace(l))
	}
	return c, nil
}

func readModel(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf("sound model %s cannot be opened; correct audio.model", path)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxModelBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read sound model %s: %w", path, err)
	}
	if len(data) == 0 || len(data) > maxModelBytes {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"sound model %s has %d bytes, want 1 to %d; fetch or export it again", path, len(data), maxModelBytes)}
	}
	return data, nil
}

func wrongShape(path string, in, out any) error {
	return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
		"sound model %s takes %v and gives %v; want float32 sound [n] or [1 n] of 16 kHz in, n from %d to %d or open, and scores "+
			"[classes] or [windows classes] out, as YAMNet has", path, in, out, leastWindow, mostWindow)}
}

func (c *Classifier) open(path string, data []byte, ins, outs []ort.InputOutputInfo) error {
	if len(ins) != 1 || len(outs) == 0 {
		return wrongShape(path, fmt.Sprintf("%d inputs", len(ins)), fmt.Sprintf("%d outputs", len(outs)))
	}
	in, out := ins[0], scoresOf(outs)
	d := in.Dimensions
	if in.DataType != ort.TensorElementDataTypeFloat || out.DataType != ort.TensorElementDataTypeFloat ||
		len(d) < 1 || len(d) > 2 || len(d) == 2 && d[0] > 1 {
		return wrongShape(path, in.String(), out.String())
	}
	if c.Window = int(d[len(d)-1]); c.Window <= 0 {
		c.Window = usualWindow
	}
	if c.Window < leastWindow || c.Window > mostWindow {
		return wrongShape(path, in.String(), out.String())
	}
	shape := ort.NewShape(int64(c.Window))
	if len(d) == 2 {
		shape = ort.NewShape(1, int64(c.Window))
	}
	var err error
	if c.in, err = ort.NewEmptyTensor[float32](shape); err != nil {
		return fmt.Errorf("allocate input of sound model %s: %w", path, err)
	}
	options, err := sessionOptions()
	if err != nil {
		return err
	}
	defer func() { _ = options.Destroy() }()
	if c.session, err = ort.NewDynamicAdvancedSessionWithONNXData(data, []string{in.Name}, []string{out.Name}, options); err != nil {
		return fmt.Errorf("open sound model %s: %w", path, err)
	}
	return nil
}

// scoresOf picks the output with the scores: YAMNet gives embeddings and a spectrogram beside them.
func scoresOf(outs []ort.InputOutputInfo) ort.InputOutputInfo {
	if i := slices.IndexFunc(outs, func(o ort.InputOutputInfo) bool { return strings.Contains(strings.ToLower(o.Name), "score") }); i >= 0 {
		return outs[i]
	}
	return outs[0]
}

// sessionOptions: one thread, because listening must not take the cores that detection needs.
func sessionOptions() (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("create session options: %w", err)
	}
	if err := errors.Join(o.SetIntraOpNumThreads(1), o.SetInterOpNumThreads(1)); err != nil {
		return nil, fmt.Errorf("set session options: %w", errors.Join(err, o.Destroy()))
	}
	return o, nil
}

// probe runs the model on silence and returns its number of classes.
func (c *Classifier) probe(path string) (int, error) {
	outs := []ort.Value{nil}
	if err := c.session.Run([]ort.Value{c.in}, outs); err != nil {
		return 0, &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: fmt.Sprintf(
			"sound model %s cannot run on %d samples; export it again", path, c.Window)}
	}
	defer func() { _ = outs[0].Destroy() }()
	shape := outs[0].GetShape()
	if len(shape) < 1 || len(shape) > 2 || shape[len(shape)-1] < 1 || shape[len(shape)-1] > maxClasses {
		return 0, wrongShape(path, c.in.GetShape(), shape)
	}
	return int(shape[len(shape)-1]), nil
}

// Classify returns the score of each class in a window of c.Window samples, the highest where the model looks several
// times. The slice is valid until use returns.
func (c *Classifier) Classify(window []float32, use func(scores []float32)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return errors.New("classify sound: the classifier is closed")
	}
	if copy(c.in.GetData(), window) != c.Window || len(window) != c.Window {
		return fmt.Errorf("classify sound: %d samples, want %d", len(window), c.Window)
	}
	outs := []ort.Value{nil}
	if err := c.session.Run([]ort.Value{c.in}, outs); err != nil {
		return fmt.Errorf("run sound model: %w", err)
	}
	defer func() { _ = outs[0].Destroy() }()
	t, ok := outs[0].(*ort.Tensor[float32])
	if !ok || len(t.GetData()) == 0 || len(t.GetData())%len(c.Labels) != 0 {
		return fmt.Errorf("run sound model: it gave %v, want scores of %d classes", outs[0].GetShape(), len(c.Labels))
	}
	c.scores = append(c.scores[:0], make([]float32, len(c.Labels))...)
	for i, v := range t.GetData() {
		if k := i % len(c.scores); !math.IsNaN(float64(v)) {
			c.scores[k] = max(c.scores[k], min(v, 1))
		}
	}
	use(c.scores)
	return nil
}

// Close frees the model.
func (c *Classifier) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.session != nil {
		err = c.session.Destroy()
	}
	if c.in != nil {
		err = errors.Join(err, c.in.Destroy())
	}
	c.session, c.in = nil, nil
	if err != nil {
		return fmt.Errorf("close sound model: %w", err)
	}
	return nil
}
