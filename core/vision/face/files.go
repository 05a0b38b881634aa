package face

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// The names under which go-face looks for its models.
const (
	resnetFile    = "dlib_face_recognition_resnet_model_v1.dat"
	landmarksFile = "shape_predictor_5_face_landmarks.dat"
	detectorFile  = "mmod_human_face_detector.dat"

	landmarks68File = "shape_predictor_68_face_landmarks.dat"
	systemDir       = "/usr/share/dlib" // of Debian's libdlib-data, which holds the 68 points
)

// modelFiles maps go-face's names to the files that serve.
type modelFiles map[string]string

// findModels looks for the models in dir. The finder of 68 landmarks does the work of the one of 5, more slowly and
// under a licence that forbids commercial use, so it only steps in: from dir, else from system.
func findModels(dir, system string) (modelFiles, error) {
	files := modelFiles{
		resnetFile:    filepath.Join(dir, resnetFile),
		detectorFile:  filepath.Join(dir, detectorFile),
		landmarksFile: filepath.Join(dir, landmarksFile),
	}
	for _, instead := range []string{filepath.Join(dir, landmarks68File), filepath.Join(system, landmarks68File)} {
		if !isFile(files[landmarksFile]) && isFile(instead) {
			files[landmarksFile] = instead
		}
	}
	for _, name := range []string{resnetFile, landmarksFile, detectorFile} {
		if !isFile(files[name]) {
			return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf(
				"face model %s is not in %s: run nightjar models pull dlib, or make face-models and copy the three .dat files there", name, dir)}
		}
	}
	return files, nil
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// folder returns a folder that holds all files under go-face's names, and how to clean up after loading.
func (f modelFiles) folder() (dir string, cleanup func() error, err error) {
	dir, err = os.MkdirTemp("", "nightjar-face-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for face models: %w", err)
	}
	cleanup = func() error { return os.RemoveAll(dir) }
	for name, path := range f {
		target, err := filepath.Abs(path)
		if err == nil {
			err = os.Symlink(target, filepath.Join(dir, name))
		}
		if err != nil {
			return "", nil, errors.Join(fmt.Errorf("link face model: %w", err), cleanup())
		}
	}
	return dir, cleanup, nil
}
