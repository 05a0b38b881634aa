package evidence

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))

// build makes a small package in a file and returns its bytes.
func build(t testing.TB, files map[string]string) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "p.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, key, Manifest{Name: "test", CreatedAt: time.Date(2026, 11, 25, 3, 4, 6, 0, time.UTC), CreatedBy: "ada", Software: "Nightjar"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		crc := crc32.Checksum([]byte(files[name]), crc32.MakeTable(crc32.Castagnoli))
		if _, err := w.Add(File{Name: name, Kind: Original}, strings.NewReader(files[name]), int64(len(files[name])), &crc); err != nil {
			t.Fatal(err)
		}
	}
	n, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil || int64(len(b)) != n {
		t.Fatalf("%d bytes, want %d, %v", len(b), n, err)
	}
	return b
}

func check(t testing.TB, b []byte) (Report, error) {
	t.Helper()
	return Verify(bytes.NewReader(b), int64(len(b)), nil)
}

func TestEveryFlippedByteIsNoticed(t *testing.T) {
	t.Parallel()
	b := build(t, map[string]string{"a.mp4": "first recording", "originals/b.mp4": strings.Repeat("second ", 20)})
	if r, err := check(t, b); err != nil || !r.OK || !r.Intact {
		t.Fatalf("untouched: %+v, %v", r, err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	owner := make([]string, len(b)) // whose content a byte is
	for _, f := range z.File {
		off, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.UncompressedSize64 {
			owner[off+int64(i)] = f.Name
		}
	}
	stride, from := 7, int(time.Now().UnixNano()%7)
	if os.Getenv("NIGHTJAR_SLOW") != "" {
		stride, from = 1, 0
	}
	for i := from; i < len(b); i += stride {
		bad := slices.Clone(b)
		bad[i] ^= 1 << (i % 8)
		r, err := check(t, bad)
		if err != nil {
			if !errors.Is(err, ErrNotPackage) || owner[i] != "" {
				t.Fatalf("byte %d of %q: %v", i, owner[i], err)
			}
			continue
		}
		named := slices.Concat(r.Changed, r.Missing, r.Added)
		switch name := owner[i]; {
		case name == "" && r.OK && r.Intact:
			t.Fatalf("byte %d, of the container: %+v", i, r)
		case name != "" && (r.OK || !slices.Contains(named, name)):
			t.Fatalf("byte %d of %s: named %q, %+v", i, owner[i], named, r.Problems)
		}
	}
}

// repack unpacks a package and packs it again with changes.
func repack(t testing.TB, b []byte, method uint16, change func(name string, data []byte) []byte, add map[string]string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	put := func(name string, data []byte) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			data = change(f.Name, data)
		}
		if data != nil {
			put(f.Name, data)
		}
	}
	for name, data := range add {
		put(name, []byte(data))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPackagesThatWerePackedAgain(t *testing.T) {
	t.Parallel()
	b := build(t, map[string]string{"a.mp4": "first", "b.mp4": "second"})
	r, err := check(t, repack(t, b, zip.Deflate, nil, nil))
	if err != nil || !r.OK || r.Intact {
		t.Errorf("packed again: %+v, %v", r, err)
	}
	drop := func(name string, data []byte) []byte {
		if name == "b.mp4" {
			return nil
		}
		return data
	}
	if r, err = check(t, repack(t, b, zip.Store, drop, map[string]string{"c.mp4": "third", "../../evil": "x"})); err != nil || r.OK ||
		!slices.Equal(r.Missing, []string{"b.mp4"}) || len(r.Added) != 2 || len(r.Changed) != 0 {
		t.Errorf("one dropped, two added: %+v, %v", r, err)
	}
	if r, err = check(t, repack(t, b, zip.Store, nil, map[string]string{"a.mp4": "first"})); err != nil || r.OK || !slices.Equal(r.Added, []string{"a.mp4"}) {
		t.Errorf("one twice: %+v, %v", r, err)
	}
	for _, name := range []string{manifestName, signatureName} {
		gone := func(n string, data []byte) []byte {
			if n == name {
				return nil
			}
			return data
		}
		if r, err = check(t, repack(t, b, zip.Store, gone, nil)); err != nil || r.OK || !slices.Contains(r.Missing, name) {
			t.Errorf("without %s: %+v, %v", name, r, err)
		}
	}
	// An entry that unfolds to far more than it should: no more than a byte too many is read of it.
	bomb := func(name string, data []byte) []byte {
		if name == "a.mp4" || name == manifestName {
			return make([]byte, 16<<20)
		}
		return data
	}
	if r, err = check(t, repack(t, b, zip.Deflate, bomb, nil)); err != nil || r.OK || !slices.Contains(r.Changed, manifestName) {
		t.Errorf("bomb: %+v, %v", r, err)
	}
	// A forged package with a key of its own is consistent, and signed by that key.
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
	public, _ := other.Public().(ed25519.PublicKey)
	if r, err = Verify(bytes.NewReader(b), int64(len(b)), public); err != nil || r.OK || r.Trusted || !r.Signed {
		t.Errorf("with another trusted key: %+v, %v", r, err)
	}
}

func TestHostileContainers(t *testing.T) {
	t.Parallel()
	b := build(t, map[string]string{"a.mp4": "first"})
	end := bytes.LastIndex(b, []byte("PK\x05\x06"))
	huge := slices.Clone(b)
	binary.LittleEndian.PutUint32(huge[end+16:], 0)
	if _, err := Verify(&zeros{tail: huge[end:], size: 1 << 40}, 1<<40, nil); !errors.Is(err, ErrNotPackage) {
		t.Errorf("a directory of a terabyte: %v", err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "no zip": []byte(strings.Repeat("nonsense", 100)), "cut": b[:len(b)/2], "end only": b[end:],
	} {
		if _, err := check(t, bad); !errors.Is(err, ErrNotPackage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, err := NewWriter(&sink{}, key, Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "/a", "../a", "a/../b", "a//b", `a\b`, "c:a", "a\nb", "a/", strings.Repeat("x", 600)} {
		if _, err := w.Add(File{Name: name}, strings.NewReader(""), 0, nil); err == nil {
			t.Errorf("name %q is taken", name)
		}
	}
	if _, err := w.Add(File{Name: "a"}, strings.NewReader("short"), 100, nil); err == nil {
		t.Error("a file that is shorter than it should be is taken")
	}
}

type sink struct{}

func (*sink) Write(b []byte) (int, error)            { return len(b), nil }
func (*sink) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }

// zeros is a huge file of zeros with an end.
type zeros struct {
	tail []byte
	size int64
}

func (z *zeros) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	if from := z.size - int64(len(z.tail)); off+int64(len(b)) > from {
		copy(b[max(0, from-off):], z.tail[max(0, off-from):])
	}
	return len(b), nil
}

// A file of 5 GB is read by other programs, though its headers are of another form.
func TestContainersOverFourGigabytes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)
	e := entry{name: "big.mp4", size: 5 << 30, crc: 1}
	head := localHeader(e, at)
	second := entry{name: "b", size: 3, crc: 2, offset: int64(len(head)) + e.size}
	local := localHeader(second, at)
	end := second.offset + int64(len(local)) + second.size
	dir := directory([]entry{e, second}, end, at)
	size := end + int64(len(dir))
	z, err := zip.NewReader(&zeros{tail: append(append(slices.Clone(local), 0, 0, 0), dir...), size: size}, size)
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 2 || z.File[0].UncompressedSize64 != 5<<30 || z.File[1].Name != "b" || !z.File[1].Modified.Equal(at) {
		t.Errorf("read %+v", z.File)
	}
	if off, err := z.File[1].DataOffset(); err != nil || off != second.offset+int64(len(local)) {
		t.Errorf("offset %d, %v", off, err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(build(f, map[string]string{"a.mp4": "first"}))
	f.Add(build(f, nil))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("PK\x05\x06\x00\x00\x00\x00" + strings.Repeat("\xff", 12) + "\x00\x00")) // more entries than there are bytes
	f.Add(repack(f, build(f, map[string]string{"a": "b"}), zip.Store, nil, map[string]string{"../../etc/passwd": "x", `C:\x`: "y"}))
	f.Add(repack(f, build(f, map[string]string{"a": "b"}), zip.Deflate, func(name string, data []byte) []byte {
		if name == "a" {
			return make([]byte, 1<<20) // unfolds to a thousand times its size
		}
		return data
	}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := check(t, b)
		if err != nil && r.OK {
			t.Error("an error and yet right")
		}
		_ = r.String()
		if r.OK && r.Manifest == nil {
			t.Error("right without a manifest")
		}
	})
}
