package export

import (
	"errors"
	"log/slog"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAFileGetsItsNameWhenItIsOnTheDevice watches the order of sync and rename: a file with a name is one that a power cut
// leaves whole.
func TestAFileGetsItsNameWhenItIsOnTheDevice(t *testing.T) {
	const name, content = "clip.mp4", "all that the file has"
	s, err := openStore(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	id := newID()
	named := func() bool { _, err := s.root.Stat(path.Join(id, name)); return err == nil }
	var failure error
	synced := ""
	s.sync = func(f *os.File) error {
		if !strings.HasSuffix(f.Name(), tempPrefix+name) {
			return f.Sync()
		}
		b, err := s.root.ReadFile(path.Join(id, tempPrefix+name))
		if err != nil || named() {
			t.Errorf("synced when it had its name already, error %v", err)
		}
		synced = string(b)
		return errors.Join(failure, f.Sync())
	}
	if err := s.create(&record{Export: Export{ID: id}}); err != nil {
		t.Fatal(err)
	}
	f, err := s.temp(id, name)
	if err == nil {
		_, err = f.WriteString(content)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	e := &Exporter{store: s}
	w := &work{e: e, x: Export{ID: id}, progress: progress{e: e, j: &job{told: time.Now()}}}
	failure = syscall.EIO
	if err := w.seal(t.Context(), &File{Name: name}); !errors.Is(err, syscall.EIO) || named() {
		t.Errorf("the device refused, and the file was sealed: %v", err)
	}
	failure, synced = nil, ""
	if err := w.seal(t.Context(), &File{Name: name}); err != nil || !named() {
		t.Errorf("not sealed: %v", err)
	}
	if synced != content {
		t.Errorf("%q was synced", synced)
	}
}
