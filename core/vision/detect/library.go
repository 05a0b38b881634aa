package detect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// LibraryEnv names the environment variable that holds the path of ONNX Runtime.
const LibraryEnv = "NIGHTJAR_ORT"

const (
	libraryName  = "libonnxruntime.so.1"
	leastRuntime = "1.24" // onnxruntime_go 1.27 asks for C API 24
)

// runtimeEnv is the one ONNX Runtime of the process: the binding keeps it in package variables.
var runtimeEnv struct { //nolint:gochecknoglobals // mirrors the binding's own global
	sync.Mutex
	path string // loaded from here; empty until then
}

// FindLibrary returns the path of ONNX Runtime: the configured one, else $NIGHTJAR_ORT, else beside the binary, else
// in ../lib from there. A path that was asked for and does not exist is an error, not a reason to look further.
func FindLibrary(configured string) (string, error) {
	for _, asked := range []struct{ path, by string }{{configured, "detect.onnxruntime"}, {os.Getenv(LibraryEnv), LibraryEnv}} {
		if asked.path == "" {
			continue
		}
		if _, err := os.Stat(asked.path); err != nil {
			return "", &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf(
				"ONNX Runtime is not at %s, where %s says it is; correct the path or remove the setting", asked.path, asked.by)}
		}
		return asked.path, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the binary: %w", err)
	}
	dir := filepath.Dir(exe)
	places := []string{filepath.Join(dir, libraryName), filepath.Join(dir, "lib", libraryName), filepath.Join(dir, "..", "lib", libraryName)}
	for _, p := range places {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf(
		"ONNX Runtime was not found at %s; run make build, or set detect.onnxruntime to the path of %s",
		strings.Join(places, " or "), libraryName)}
}

// loadLibrary loads ONNX Runtime once per process.
func loadLibrary(path string) error {
	runtimeEnv.Lock()
	defer runtimeEnv.Unlock()
	if runtimeEnv.path != "" {
		return nil // a second library cannot be loaded beside the first, and the first works
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs // dlopen would search the system's folders for a bare name
	}
	ort.SetSharedLibraryPath(path)
	err := ort.InitializeEnvironment(ort.WithLogLevelError())
	switch {
	case err == nil:
		runtimeEnv.path = path
		return nil
	case strings.Contains(err.Error(), "setting ORT API base"):
		return &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: fmt.Sprintf(
			"ONNX Runtime at %s is too old: version %s or newer is needed; replace the file", path, leastRuntime)}
	default:
		return &nvr.Error{Code: nvr.CodeUnavailable, Err: err, Message: path +
			" is not an ONNX Runtime library for this machine; replace the file or set detect.onnxruntime"}
	}
}

// RuntimeVersion returns the version of the loaded ONNX Runtime, empty before a model was opened.
func RuntimeVersion() string {
	runtimeEnv.Lock()
	defer runtimeEnv.Unlock()
	if runtimeEnv.path == "" {
		return ""
	}
	return ort.GetVersion()
}
