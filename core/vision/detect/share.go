package detect

import (
	"fmt"
	"os"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// LoadRuntime loads ONNX Runtime from library (see FindLibrary) for models that are no detectors. There is one per process.
func LoadRuntime(library string) error { return loadLibrary(library) }

// ClassNames returns the names of a model's classes: those in its metadata key "names", else the lines of <model>.labels
// beside path.
func ClassNames(path string, data []byte, count int) ([]string, error) {
	if names := parseNames(modelMetadata(data)["names"], count); names != nil {
		return names, nil
	}
	beside := strings.TrimSuffix(path, ".onnx") + ".labels"
	if _, err := os.Stat(beside); err != nil {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"model %s has %d classes without names; write them, one per line, into %s", path, count, beside)}
	}
	names, err := readLabels(beside)
	if err != nil {
		return nil, err
	}
	if len(names) != count {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
			"labels file %s has %d lines but model %s has %d classes; correct the file", beside, len(names), path, count)}
	}
	return names, nil
}
