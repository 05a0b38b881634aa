package export_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/recorder/export"
)

// gate lets ranges be opened one by one.
type gate struct {
	pass    chan struct{}
	waiting chan struct{}
}

func newGate() *gate { return &gate{pass: make(chan struct{}), waiting: make(chan struct{}, 1000)} }

func (g *gate) open(ctx context.Context) error {
	g.waiting <- struct{}{}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-g.pass:
		return nil
	}
}

func TestDeleteCancelsInTheMiddleOfAFile(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 24*time.Second)
	g := newGate()
	p.open = g.open
	l := newLab(t, p)
	var mu sync.Mutex
	var states []export.State
	l.opts.Changed = func(x export.Export) {
		mu.Lock()
		defer mu.Unlock()
		if n := len(states); n == 0 || states[n-1] != x.State {
			states = append(states, x.State)
		}
	}
	l.start()
	x, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 24000), Evidence: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		<-g.waiting
		g.pass <- struct{}{}
	}
	<-g.waiting // in the second recording
	if got, err := l.exp.Get(x.ID); err != nil || got.State != export.Running || got.Progress <= 0 || got.Progress >= 1 {
		t.Errorf("while running: %+v, %v", got, err)
	}
	if l.holds.count() != 1 {
		t.Error("the source is not held")
	}
	if err := l.exp.Delete(t.Context(), x.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := l.exp.Get(x.ID); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("after deletion: %v", err)
	}
	if _, err := os.Stat(filepath.Join(l.opts.Dir, x.ID)); !os.IsNotExist(err) {
		t.Errorf("directory: %v", err)
	}
	if l.holds.count() != 0 || len(l.exp.List()) != 0 {
		t.Error("the hold or the export is still there")
	}
	if err := l.exp.Delete(t.Context(), x.ID); nvr.ErrorCode(err) != nvr.CodeNotFound {
		t.Errorf("deleted twice: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []export.State{export.Queued, export.Running, export.Cancelled}
	if len(states) != 3 || states[0] != want[0] || states[1] != want[1] || states[2] != want[2] {
		t.Errorf("told of %v", states)
	}
}

func TestAJobStartsAgainAfterARestart(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 24*time.Second)
	g := newGate()
	p.open = g.open
	l := newLab(t, p).start()
	x, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 24000)})
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := l.exp.Create(t.Context(), export.Request{Cameras: cameras, Range: between(0, 4000)})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-g.waiting
		g.pass <- struct{}{}
	}
	<-g.waiting
	l.stop()
	// What a kill leaves, on top of that.
	dir := filepath.Join(l.opts.Dir, x.ID)
	orphan := filepath.Join(l.opts.Dir, uuid.Must(uuid.NewV7()).String())
	foreign := filepath.Join(l.opts.Dir, "notes")
	for _, d := range []string{orphan, foreign} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{dir + "/.tmp-x.mp4", dir + "/y.mp4", orphan + "/z.mp4", foreign + "/a.txt"} {
		if err := os.WriteFile(f, []byte("half"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(dir + "/export.json")
	if err != nil {
		t.Fatal(err)
	}
	b = []byte(strings.Replace(string(b), `"state": "queued"`, `"state": "running"`, 1))
	if err := os.WriteFile(dir+"/export.json", b, 0o640); err != nil {
		t.Fatal(err)
	}

	p.open = nil
	l.start()
	for _, id := range []string{x.ID, waiting.ID} {
		if got := l.end(id); got.State != export.Done || len(got.Files) != 1 {
			t.Errorf("after the restart: %+v", got)
		}
	}
	x, _ = l.exp.Get(x.ID)
	sameNumbers(t, numbers(t, l.path(x, 0)), append(count(0, 240), count(0, 120)...))
	file, err := os.ReadFile(l.path(x, 0))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != x.Files[0].SHA256 || int64(len(file)) != x.Files[0].Bytes {
		t.Error("the sum in the record is not the file's")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
	if _, err := os.Stat(orphan); !os.IsNotExist(err) {
		t.Errorf("orphan: %v", err)
	}
	if _, err := os.Stat(foreign + "/a.txt"); err != nil {
		t.Errorf("a stranger's file: %v", err)
	}

	// A third start finds both as they were.
	before := l.exp.List()
	l.stop()
	l.start()
	after := l.exp.List()
	if len(after) != 2 || after[0].ID != before[0].ID || after[0].State != export.Done || after[0].Files[0].SHA256 != before[0].Files[0].SHA256 {
		t.Errorf("list %+v, was %+v", after, before)
	}
}

func TestExportsExpire(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 4*time.Second)
	l := newLab(t, p)
	l.opts.Keep = time.Hour
	l.start()
	x := l.make(export.Request{Cameras: cameras, Range: between(0, 4000), Evidence: true})
	if d := x.ExpiresAt.Sub(x.FinishedAt); d != time.Hour {
		t.Errorf("expires after %v", d)
	}
	l.stop()
	name := filepath.Join(l.opts.Dir, x.ID, "export.json")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	past := strings.Replace(string(b), x.ExpiresAt.Format(time.RFC3339Nano), "2026-01-01T00:00:00Z", 1)
	if err := os.WriteFile(name, []byte(past), 0o640); err != nil {
		t.Fatal(err)
	}
	l.start()
	wait(t, "expiry", func() bool { return len(l.exp.List()) == 0 && l.holds.count() == 0 })
	wait(t, "removal", func() bool { _, err := os.Stat(filepath.Join(l.opts.Dir, x.ID)); return os.IsNotExist(err) })
}

func TestADeletionThatACrashCutShort(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 4*time.Second)
	l := newLab(t, p).start()
	x := l.make(export.Request{Cameras: cameras, Range: between(0, 4000), Evidence: true})
	l.stop()
	name := filepath.Join(l.opts.Dir, x.ID, "export.json")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(b), "{", `{"deleting": true,`, 1)), 0o640); err != nil {
		t.Fatal(err)
	}
	l.start()
	if len(l.exp.List()) != 0 {
		t.Error("it is back")
	}
	wait(t, "end of the deletion", func() bool { _, err := os.Stat(filepath.Dir(name)); return os.IsNotExist(err) && l.holds.count() == 0 })
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	p := newTape(t)
	p.session(front, bars(t, 16, plain...), epoch, 20*time.Second)
	l := newLab(t, p)
	l.opts.MinFree = 1 << 60
	l.start()
	r := export.Request{Cameras: cameras, Range: between(0, 20000)}
	for _, f := range []func() error{
		func() error { _, err := l.exp.Estimate(t.Context(), r); return err },
		func() error { _, err := l.exp.Create(t.Context(), r); return err },
	} {
		if err := f(); nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), "0 kB are free") {
			t.Errorf("full disk: %v", err)
		}
	}
	if left, err := os.ReadDir(l.opts.Dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	l.stop()
	l.opts.MinFree, l.opts.MaxBytes = 0, 400_000
	l.start()
	l.make(r)
	if _, err := l.exp.Create(t.Context(), r); nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), "delete old exports") {
		t.Errorf("over the limit: %v", err)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	l, err := export.NewLinks([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	other, err := export.NewLinks([]byte(strings.Repeat("o", 32)))
	if err != nil {
		t.Fatal(err)
	}
	token := l.Sign("id", "front gate.mp4", epoch)
	if id, name, err := l.Check(token, epoch.Add(-time.Second)); err != nil || id != "id" || name != "front gate.mp4" {
		t.Errorf("%q, %q, %v", id, name, err)
	}
	if _, _, err := l.Check(token, epoch); nvr.ErrorCode(err) != nvr.CodeForbidden || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: %v", err)
	}
	if _, _, err := other.Check(token, epoch.Add(-time.Second)); nvr.ErrorCode(err) != nvr.CodeForbidden {
		t.Errorf("other key: %v", err)
	}
	for i := range token {
		for _, c := range "Ab9-" {
			bad := token[:i] + string(c) + token[i+1:]
			if _, _, err := l.Check(bad, epoch.Add(-time.Second)); bad != token && nvr.ErrorCode(err) != nvr.CodeForbidden {
				t.Errorf("changed at %d: %v", i, err)
			}
		}
	}
	for _, bad := range []string{"", "x", token[:40], token + "A", token + "=", "ü" + token} {
		if _, _, err := l.Check(bad, epoch.Add(-time.Second)); nvr.ErrorCode(err) != nvr.CodeForbidden {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := export.NewLinks([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
	if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("%q needs escaping", token)
	}
}
