package faultfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/nightjar-nvr/nightjar/recorder/internal/faultfs"
	"github.com/nightjar-nvr/nightjar/recorder/library"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMemBehavesLikeADisk does the same random operations in memory and on disk and demands the same outcomes.
func TestMemBehavesLikeADisk(t *testing.T) {
	t.Parallel()
	lib, err := library.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	for seed := range uint64(20) {
		disk, mem := lib.FS(), library.FS(faultfs.NewMem())
		base := fmt.Sprintf("seed%d", seed)
		for _, fsys := range []library.FS{disk, mem} {
			if err := fsys.MkdirAll(base, 0o750); err != nil {
				t.Fatal(err)
			}
		}
		a, b := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 1))
		for step := range 300 {
			on, in := randomOp(disk, base, a), randomOp(mem, base, b)
			if on != in {
				t.Fatalf("seed %d step %d: disk says %s, memory %s", seed, step, on, in)
			}
		}
		if on, in := tree(t, disk, base), tree(t, mem, base); on != in {
			t.Fatalf("seed %d: disk has\n%s\nmemory\n%s", seed, on, in)
		}
	}
}

// randomOp does something to one of a few names and returns what came of it.
func randomOp(fsys library.FS, base string, rng *rand.Rand) string {
	names := []string{"a", "b", "d", "d/a", "d/b", "d/e/f", "a/x"}
	name := path.Join(base, names[rng.IntN(len(names))])
	other := path.Join(base, names[rng.IntN(len(names))])
	flags := []int{os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL, os.O_RDWR | os.O_TRUNC, os.O_RDONLY}[rng.IntN(5)]
	at, size := rng.Int64N(6000), rng.IntN(9000)
	switch op := rng.IntN(9); op {
	case 0, 1, 2, 3:
		return "open " + fileOps(fsys, name, flags, at, size)
	case 4:
		return "remove " + kind(fsys.Remove(name))
	case 5:
		if rng.IntN(3) > 0 {
			return "nothing"
		}
		return "removeall " + kind(fsys.RemoveAll(name))
	case 6:
		if info, err := fsys.Stat(name); err != nil || info.IsDir() {
			return "no file to rename"
		}
		if info, err := fsys.Stat(other); err == nil && info.IsDir() {
			return "no rename over a directory"
		}
		return "rename " + kind(fsys.Rename(name, other))
	case 7:
		return "mkdir " + kind(fsys.MkdirAll(name, 0o750))
	default:
		entries, err := fsys.ReadDir(name)
		return fmt.Sprintf("list %d %s", len(entries), kind(err))
	}
}

func fileOps(fsys library.FS, name string, flags int, at int64, size int) string {
	if info, err := fsys.Stat(name); err == nil && info.IsDir() {
		return "no directory"
	}
	f, err := fsys.OpenFile(name, flags, 0o640)
	if err != nil {
		return kind(err)
	}
	defer f.Close()
	if flags&os.O_RDWR != 0 {
		if _, err := f.Seek(0, io.SeekEnd); err != nil {
			return err.Error()
		}
		n, err := f.Writev([][]byte{bytes.Repeat([]byte{1}, size/3), nil, bytes.Repeat([]byte{2}, size)})
		if err != nil || n != size+size/3 {
			return fmt.Sprint(n, err)
		}
		if _, err := f.WriteAt([]byte("here"), at); err != nil {
			return err.Error()
		}
		if at%3 == 0 {
			if err := f.Truncate(at); err != nil {
				return err.Error()
			}
		}
	}
	if err := f.Sync(); err != nil {
		return err.Error()
	}
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	b := make([]byte, 10)
	n, err := f.ReadAt(b, at)
	return fmt.Sprint(info.Size(), string(b[:n]), errors.Is(err, io.EOF))
}

// kind names an error by what callers tell apart.
func kind(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, fs.ErrNotExist):
		return "absent"
	default:
		return "refused"
	}
}

func tree(t *testing.T, fsys library.FS, dir string) (out string) {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		p := dir + "/" + e.Name()
		out += p + "\n"
		if e.IsDir() {
			out += tree(t, fsys, p)
			continue
		}
		out += fmt.Sprintf("  %x\n", read(t, fsys, p))
	}
	return out
}

func read(t *testing.T, fsys library.FS, name string) []byte {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func create(t *testing.T, fsys library.FS, name string, b []byte, sync bool) library.File {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Writev([][]byte{b}); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCrashCloneKeepsWhatWasSynced(t *testing.T) {
	t.Parallel()
	full := bytes.Repeat([]byte{7}, 50_000)
	lengths := make(map[int]bool)
	seen := make(map[string]int)
	for seed := range uint64(400) {
		m := faultfs.NewMem()
		must(t, m.MkdirAll("d/e", 0o750))
		must(t, m.SyncDir("."))
		must(t, m.SyncDir("d"))
		f := create(t, m, "d/e/kept", full[:10_000], true)
		must(t, m.SyncDir("d/e"))
		if _, err := f.Writev([][]byte{full[10_000:]}); err != nil {
			t.Fatal(err)
		}
		create(t, m, "d/e/unnamed", full, true)
		create(t, m, "d/old", []byte("old"), true)
		must(t, m.SyncDir("d"))
		create(t, m, "d/old.tmp", []byte("new"), true)
		must(t, m.Rename("d/old.tmp", "d/old"))
		c := m.CrashClone(rand.New(rand.NewPCG(seed, 2)))

		b := read(t, c, "d/e/kept")
		if len(b) < 10_000 || !bytes.Equal(b[:10_000], full[:10_000]) {
			t.Fatalf("seed %d: synced bytes are gone", seed)
		}
		if torn := len(b) % 4096; torn != 0 && len(b) != 50_000 && len(b) != 10_000 {
			t.Fatalf("seed %d: %d bytes are no whole blocks", seed, len(b))
		}
		lengths[len(b)] = true
		if bytes.HasSuffix(b, make([]byte, 100)) {
			seen["zeros"]++
		}
		if _, err := c.Stat("d/e/unnamed"); err == nil {
			seen["unsynced name kept"]++
		} else {
			seen["unsynced name lost"]++
		}
		seen[string(read(t, c, "d/old"))]++
		if again := c.CrashClone(rand.New(rand.NewPCG(seed, 3))); tree(t, again, ".") != tree(t, c, ".") {
			t.Fatalf("seed %d: what survived a power cut did not survive the next", seed)
		}
		if same := m.CrashClone(rand.New(rand.NewPCG(seed, 2))); tree(t, same, ".") != tree(t, c, ".") {
			t.Fatalf("seed %d: two clones of one seed differ", seed)
		}
	}
	for _, what := range []string{"zeros", "unsynced name kept", "unsynced name lost", "old", "new"} {
		if seen[what] < 10 {
			t.Errorf("%q came %d times in 400 cuts", what, seen[what])
		}
	}
	if len(lengths) < 8 {
		t.Errorf("only the lengths %v", lengths)
	}
}

func TestCrashCloneOfOverwrittenBytes(t *testing.T) {
	t.Parallel()
	seen := make(map[string]int)
	for seed := range uint64(200) {
		m := faultfs.NewMem()
		f := create(t, m, "f", []byte("whole line\ntor"), true)
		must(t, m.SyncDir("."))
		must(t, f.Truncate(11))
		if _, err := f.WriteAt([]byte("next line\n"), 11); err != nil {
			t.Fatal(err)
		}
		seen[string(read(t, m.CrashClone(rand.New(rand.NewPCG(seed, 1))), "f"))]++
	}
	for _, want := range []string{"whole line\ntor", "whole line\n", "whole line\nnext line\n"} {
		if seen[want] < 5 {
			t.Errorf("%q came %d times: %v", want, seen[want], seen)
		}
	}
}

func TestEveryOperationFailsOnce(t *testing.T) {
	t.Parallel()
	kinds := make(map[faultfs.Kind]bool)
	for n := 0; ; n++ {
		mem := faultfs.NewMem()
		f := faultfs.Wrap(mem, func(op faultfs.Op) error {
			kinds[op.Kind] = true
			return faultfs.FailAt(n, syscall.EIO)(op)
		})
		err := everything(f)
		if f.Ops() <= n {
			must(t, err)
			break
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatalf("operation %d: error %v", n, err)
		}
		if info, err := mem.Stat("d/f"); err == nil && info.Size() == 3 {
			kinds["half"] = true
		}
	}
	if len(kinds) != 13 {
		t.Errorf("saw %v", kinds)
	}
}

func everything(f *faultfs.FS) error {
	if err := f.MkdirAll("d", 0o750); err != nil {
		return err
	}
	file, err := f.OpenFile("d/f", os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	buf := make([]byte, 2)
	for _, do := range []func() error{
		func() error { _, err := file.Writev([][]byte{[]byte("ab"), []byte("cdef")}); return err },
		func() error { _, err := file.WriteAt([]byte("xy"), 0); return err },
		func() error { _, err := file.ReadAt(buf, 0); return err },
		func() error { return file.Truncate(4) },
		file.Sync,
		func() error { _, err := file.Stat(); return err },
		func() error { _, err := file.Seek(0, io.SeekStart); return err },
		func() error { _, err := file.Read(buf); return err },
		func() error { return f.SyncDir("d") },
		func() error { _, err := f.Stat("d/f"); return err },
		func() error { _, err := f.ReadDir("d"); return err },
		func() error { return f.Rename("d/f", "d/g") },
		func() error { return f.Remove("d/g") },
		func() error { return f.RemoveAll("d") },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}
