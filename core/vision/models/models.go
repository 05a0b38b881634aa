// Package models keeps detector models on disk: a registry of known ones with URL, SHA-256 and licence, and a directory
// that also takes one's own (<name>.onnx with an optional <name>.labels). A file is in place whole and verified, or not
// at all. It never looks into a model; core/vision/detect does.
package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// TestdataEnv names the folder whose models subfolder PullOrCopy may copy from.
const TestdataEnv = "NIGHTJAR_TESTDATA"

// State says how a model stands in the directory.
type State string

// The states of a model.
const (
	Missing  State = "missing"  // known, not here
	Verified State = "verified" // here, and its sum is the known one
	Damaged  State = "damaged"  // here, but with another sum
	Own      State = "own"      // here, and not known: there is nothing to verify it against
)

// Entry is one model as a list shows it.
type Entry struct {
	Known  // only Name is set for State Own
	State  State
	Path   string
	Labels string // path of the labels file, if there is one
}

// Store is a models directory.
type Store struct {
	dir    string
	client *http.Client
	known  []Known
	stall  time.Duration // a download that brings nothing for so long is given up
}

// New returns the store at dir, which need not exist yet. client nil means one of its own; redirects to anything but
// HTTPS are refused either way.
func New(dir string, client *http.Client) *Store {
	c := http.Client{}
	if client != nil {
		c = *client
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if req.URL.Scheme != "https" {
			return fmt.Errorf("redirected to %s://, which is not safe", req.URL.Scheme)
		}
		if len(via) > 10 {
			return errors.New("redirected too often")
		}
		return nil
	}
	return &Store{dir: dir, client: &c, known: Registry(), stall: 15 * time.Second}
}

// Dir returns the directory.
func (s *Store) Dir() string { return s.dir }

// FallbackDir returns the folder with copies for machines without a way out, or "".
func FallbackDir() string {
	if d := os.Getenv(TestdataEnv); d != "" {
		return filepath.Join(d, "models")
	}
	return ""
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

func (s *Store) path(name string) string { return filepath.Join(s.dir, name+".onnx") }

func (s *Store) find(name string) (Known, bool) {
	i := slices.IndexFunc(s.known, func(k Known) bool { return k.Name == name })
	if i < 0 {
		return Known{}, false
	}
	return s.known[i], true
}

// List returns all known models and all others in the directory, each verified where that is possible.
func (s *Store) List() ([]Entry, error) {
	var out []Entry
	for _, k := range s.known {
		e, err := s.Verify(k.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	files, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list models: %w", err)
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".onnx")
		if _, known := s.find(name); !ok || known || f.IsDir() || !namePattern.MatchString(name) {
			continue
		}
		out = append(out, s.entry(Known{Name: name}, Own))
	}
	return out, nil
}

func (s *Store) entry(k Known, state State) Entry {
	e := Entry{Known: k, State: state, Path: s.path(k.Name)}
	if l := strings.TrimSuffix(e.Path, ".onnx") + ".labels"; exists(l) {
		e.Labels = l
	}
	return e
}

// exists reports whether there is a file, and not a folder, at path.
func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Verify reads the file of a model and compares its sum. A missing or damaged file is a state, not an error.
func (s *Store) Verify(name string) (Entry, error) {
	k, known := s.find(name)
	if !known {
		if !namePattern.MatchString(name) || !exists(s.path(name)) {
			return Entry{}, s.unknown(name)
		}
		return s.entry(Known{Name: name}, Own), nil
	}
	sum, err := sumFile(s.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.entry(k, Missing), nil
	case err != nil:
		return Entry{}, fmt.Errorf("verify model %s: %w", name, err)
	case k.accepts(sum):
		return s.entry(k, Verified), nil
	case k.SHA256 == "": // brought by the user: there is no sum to hold it against
		return s.entry(k, Own), nil
	}
	return s.entry(k, Damaged), nil
}

// accepts reports whether sum is that of the released file or of a copy known to be the same.
func (k Known) accepts(sum Sum) bool {
	return (k.SHA256 != "" && sum == Sum{SHA256: k.SHA256, Bytes: k.Bytes}) || slices.Contains(k.Same, sum)
}

func sumFile(path string) (Sum, error) {
	f, err := os.Open(path)
	if err != nil {
		return Sum{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Sum{}, err
	}
	return Sum{SHA256: hex.EncodeToString(h.Sum(nil)), Bytes: n}, nil
}

// Resolve turns the name of a model, or the path of an .onnx file, into a path that exists. It does not verify: an
// operator may have put another file in place.
func (s *Store) Resolve(nameOrPath string) (string, error) {
	if strings.ContainsRune(nameOrPath, filepath.Separator) || strings.HasSuffix(nameOrPath, ".onnx") {
		if !exists(nameOrPath) {
			return "", &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf(
				"there is no model file %s; correct detect.model, or -model of the command", nameOrPath)}
		}
		return nameOrPath, nil
	}
	if !namePattern.MatchString(nameOrPath) {
		return "", s.unknown(nameOrPath)
	}
	if p := s.path(nameOrPath); exists(p) {
		return p, nil
	}
	k, known := s.find(nameOrPath)
	switch {
	case !known:
		return "", s.unknown(nameOrPath)
	case k.URL == "":
		return "", &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf("model %s is not in %s: %s", k.Name, s.dir, k.HowTo)}
	}
	return "", &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf(
		"model %s is not in %s; fetch it with: nightjar models pull %s", k.Name, s.dir, k.Name)}
}

func (s *Store) unknown(name string) error {
	var names []string
	for _, k := range s.known {
		names = append(names, k.Name)
	}
	return &nvr.Error{Code: nvr.CodeNotFound, Message: fmt.Sprintf(
		"there is no model %q: known are %s, and every <name>.onnx in %s", name, strings.Join(names, ", "), s.dir)}
}
