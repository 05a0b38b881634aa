package detect

import (
	"errors"
	"fmt"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Provider is what ONNX Runtime calculates on. What a provider cannot do of a model runs on the CPU.
type Provider string

// The execution providers that can be asked for; empty means ProviderCPU.
const (
	ProviderCPU      Provider = "cpu"
	ProviderCUDA     Provider = "cuda"
	ProviderTensorRT Provider = "tensorrt"
	ProviderOpenVINO Provider = "openvino"
	ProviderCoreML   Provider = "coreml"
)

func allProviders() []Provider {
	return []Provider{ProviderCPU, ProviderCUDA, ProviderTensorRT, ProviderOpenVINO, ProviderCoreML}
}

// ProviderState says whether the loaded ONNX Runtime can use a provider on this machine.
type ProviderState struct {
	Provider  Provider
	Available bool
	Reason    string // why not, in ONNX Runtime's words; empty when available
}

// Providers loads ONNX Runtime from library (see FindLibrary) and tries every provider. A provider counts only when it
// can be used: a library with CUDA on a machine without its driver does not offer CUDA.
func Providers(library string) ([]ProviderState, error) {
	if err := loadLibrary(library); err != nil {
		return nil, err
	}
	var states []ProviderState
	for _, p := range allProviders() {
		s := ProviderState{Provider: p, Available: true}
		if err := tryProvider(p); err != nil {
			s.Available, s.Reason = false, err.Error()
		}
		states = append(states, s)
	}
	return states, nil
}

func tryProvider(p Provider) error {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return fmt.Errorf("create session options: %w", err)
	}
	_ = ort.SetEnvironmentLogLevel(ort.LoggingLevelFatal) // what is missing comes back as an error; the log need not tell it too
	defer func() { _ = ort.SetEnvironmentLogLevel(ort.LoggingLevelError) }()
	return errors.Join(appendProvider(o, p), o.Destroy())
}

// useProvider makes sessions with these options calculate on p, or says what else there is.
func useProvider(o *ort.SessionOptions, p Provider) error {
	if p == "" || p == ProviderCPU {
		return nil
	}
	err := tryProvider(p)
	if err == nil {
		return appendProvider(o, p)
	}
	var offered, known []string
	for _, other := range allProviders() {
		known = append(known, string(other))
		if other != p && tryProvider(other) == nil {
			offered = append(offered, string(other))
		}
	}
	if errors.Is(err, errUnknownProvider) {
		return &nvr.Error{Code: nvr.CodeInvalid, Err: err, Message: fmt.Sprintf(
			"execution provider %q is not known; set detect.provider to one of %s", p, strings.Join(known, ", "))}
	}
	return &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf(
		"execution provider %s cannot be used: the loaded ONNX Runtime %s offers %s on this machine; set detect.provider to "+
			"one of these, or set detect.onnxruntime to a library built with %s and install its drivers",
		p, ort.GetVersion(), strings.Join(offered, ", "), p)}
}

var errUnknownProvider = errors.New("unknown execution provider")

func appendProvider(o *ort.SessionOptions, p Provider) error {
	switch p {
	case "", ProviderCPU:
		return nil // always there, and last in line
	case ProviderCUDA:
		return appendCUDA(o)
	case ProviderTensorRT:
		if err := appendTensorRT(o); err != nil {
			return err
		}
		return appendCUDA(o) // for what TensorRT leaves, before the CPU
	case ProviderOpenVINO:
		return o.AppendExecutionProviderOpenVINO(nil)
	case ProviderCoreML:
		return o.AppendExecutionProviderCoreMLV2(nil)
	}
	return errUnknownProvider
}

func appendCUDA(o *ort.SessionOptions) error {
	c, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return fmt.Errorf("create CUDA options: %w", err)
	}
	return errors.Join(o.AppendExecutionProviderCUDA(c), c.Destroy())
}

func appendTensorRT(o *ort.SessionOptions) error {
	c, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return fmt.Errorf("create TensorRT options: %w", err)
	}
	return errors.Join(o.AppendExecutionProviderTensorRT(c), c.Destroy())
}
