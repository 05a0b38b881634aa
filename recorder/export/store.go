package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// store is the exports directory:
//
//	<id>/export.json   what was wanted and what came of it; replaced as a whole
//	<id>/<file>        finished files
//	<id>/.tmp-*        files in the making
//
// A directory without export.json is the rest of a deletion or of a creation that a crash cut short.
type store struct {
	root   *os.Root
	logger *slog.Logger
	sync   func(*os.File) error // forces a file's content to the device; tests watch it
}

const (
	recordName = "export.json"
	tempPrefix = ".tmp-"
)

// record is what export.json holds.
type record struct {
	Export
	Need     int64 `json:"need"` // room that the job may take while it runs
	Deleting bool  `json:"deleting,omitempty"`
	// Crashes counts how often the process ended under the job, other than by being told to.
	Crashes int `json:"crashes,omitempty"`
}

func openStore(dir string, logger *slog.Logger) (*store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("exports directory %s cannot be created: %w; create it or choose another in the configuration", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("exports directory %s cannot be opened: %w; make it readable for this user or choose another", dir, err)
	}
	return &store{root: root, logger: logger, sync: (*os.File).Sync}, nil
}

func (s *store) close() error { return s.root.Close() }

// newID returns an id that sorts by time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

func validID(id string) bool {
	u, err := uuid.Parse(id)
	return err == nil && u.String() == id
}

// load reads all exports and removes what no export.json knows. An unreadable record is left alone and reported.
func (s *store) load() ([]record, error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list exports: %w", err)
	}
	var out []record
	for _, d := range entries {
		if !d.IsDir() || !validID(d.Name()) {
			continue
		}
		r, err := s.read(d.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = s.remove(d.Name())
		case err == nil:
			out = append(out, r)
			err = s.clean(&r)
		}
		if err != nil {
			s.logger.Error("export on disk cannot be used", "export", d.Name(), "err", err)
		}
	}
	return out, nil
}

func (s *store) read(id string) (record, error) {
	b, err := s.root.ReadFile(path.Join(id, recordName))
	if err != nil {
		return record{}, err
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, fmt.Errorf("read %s: %w", recordName, err)
	}
	if r.ID != id {
		return record{}, fmt.Errorf("read %s: it belongs to %q", recordName, r.ID)
	}
	if r.State == Running { // the process ended under it
		r.State = Queued
		r.Crashes++
	}
	return r, nil
}

// clean removes all files that r does not list.
func (s *store) clean(r *record) error {
	entries, err := fs.ReadDir(s.root.FS(), r.ID)
	if err != nil {
		return fmt.Errorf("list export: %w", err)
	}
	var errs []error
	for _, d := range entries {
		known := d.Name() == recordName || r.State == Done && slices.ContainsFunc(r.Files, func(f File) bool { return f.Name == d.Name() })
		if !known {
			errs = append(errs, s.root.RemoveAll(path.Join(r.ID, d.Name())))
		}
	}
	return errors.Join(errs...)
}

// create makes the directory of a new export.
func (s *store) create(r *record) error {
	if err := s.root.Mkdir(r.ID, 0o750); err != nil {
		return fmt.Errorf("create directory of export: %w", err)
	}
	if err := s.save(r); err != nil {
		return errors.Join(err, s.root.RemoveAll(r.ID))
	}
	return s.syncDir(".")
}

// save replaces export.json; a crash leaves the old one or the new one.
func (s *store) save(r *record) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", recordName, err)
	}
	temp := path.Join(r.ID, tempPrefix+recordName)
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return fmt.Errorf("write %s: %w", recordName, err)
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, s.sync(f), f.Close()); err == nil {
		err = s.root.Rename(temp, path.Join(r.ID, recordName))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", recordName, errors.Join(err, s.root.Remove(temp)))
	}
	return s.syncDir(r.ID)
}

// temp opens a new file in the making.
func (s *store) temp(id, name string) (*os.File, error) {
	f, err := s.root.OpenFile(path.Join(id, tempPrefix+name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, fmt.Errorf("create file of export: %w", err)
	}
	return f, nil
}

// reopen opens a file in the making for reading.
func (s *store) reopen(id, name string) (*os.File, error) {
	f, err := s.root.Open(path.Join(id, tempPrefix+name))
	if err != nil {
		return nil, fmt.Errorf("open file of export: %w", err)
	}
	return f, nil
}

// keep gives a finished file its name.
func (s *store) keep(id, name string) error {
	if err := s.root.Rename(path.Join(id, tempPrefix+name), path.Join(id, name)); err != nil {
		return fmt.Errorf("name file of export: %w", err)
	}
	return s.syncDir(id)
}

// discard removes a file in the making; that it is gone is no error.
func (s *store) discard(id, name string) {
	if err := s.root.Remove(path.Join(id, tempPrefix+name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.logger.Warn("file of export cannot be removed", "export", id, "err", err)
	}
}

// open opens a finished file. Hidden names are not for download.
func (s *store) open(id, name string) (*os.File, error) {
	if !validID(id) || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return nil, fs.ErrNotExist
	}
	return s.root.Open(path.Join(id, name))
}

// remove deletes an export, its record last, so that a crash in between is noticed.
func (s *store) remove(id string) error {
	entries, err := fs.ReadDir(s.root.FS(), id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove export: %w", err)
	}
	for _, d := range entries {
		if d.Name() != recordName {
			if err := s.root.RemoveAll(path.Join(id, d.Name())); err != nil {
				return fmt.Errorf("remove export: %w", err)
			}
		}
	}
	if err := s.root.RemoveAll(id); err != nil {
		return fmt.Errorf("remove export: %w", err)
	}
	return nil
}

func (s *store) syncDir(name string) error {
	d, err := s.root.Open(name)
	if err != nil {
		return fmt.Errorf("sync directory of export: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
