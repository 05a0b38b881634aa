package evidence

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is what Verify found.
type Report struct {
	// OK: the manifest's signature is right, by the trusted key if one was given, and every file is as it says.
	OK bool
	// Signed: the signature over the manifest is right. SignedBy is the fingerprint of the key, empty otherwise.
	Signed   bool
	SignedBy string
	// Trusted: the key that signed is the one that was given to Verify.
	Trusted bool
	// Intact: the zip file itself is, byte for byte, as Nightjar wrote it. A package that was unpacked and packed again
	// is not, though its files may all be right.
	Intact bool

	Changed []string // files whose bytes are not those of the manifest
	Missing []string // named by the manifest, not in the package
	Added   []string // in the package, not named by the manifest, or there twice
	// Problems are sentences about everything else that is wrong.
	Problems []string
	// Manifest is nil where it could not be read. It is to be believed only when Signed.
	Manifest *Manifest
}

// Limits of what a package may claim; a year of one camera fits.
const (
	maxDirectory = 256 << 20
	maxManifest  = 256 << 20
	maxFiles     = 2_000_000
)

// ErrNotPackage is returned for a file that is no zip file at all, or one that cannot be an evidence package.
var ErrNotPackage = errors.New("not an evidence package")

// Verify checks the package of the given size in r. Without a trusted key it can tell that the files belong together
// and which key signed them, not whose that is. Reading r may fail; everything else ends up in the report.
func Verify(r io.ReaderAt, size int64, trusted ed25519.PublicKey) (Report, error) {
	if err := checkDirectory(r, size); err != nil {
		return Report{}, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrNotPackage, err)
	}
	v := verifier{z: z, files: make(map[string]*zip.File, len(z.File)), listed: make(map[string]bool)}
	v.collect()
	if err := v.manifest(trusted); err != nil {
		return v.Report, err
	}
	if err := v.contents(); err != nil {
		return v.Report, err
	}
	v.added()
	if v.Intact, err = v.intact(r, size); err != nil {
		return v.Report, err
	}
	if !v.Intact {
		v.problem("The zip file is not byte for byte as Nightjar wrote it: it was packed again, or bytes between the files were changed.")
	}
	v.OK = v.Signed && (len(trusted) == 0 || v.Trusted) && v.Manifest != nil && len(v.Changed)+len(v.Missing)+len(v.Added) == 0
	return v.Report, nil
}

type verifier struct {
	Report
	z      *zip.Reader
	files  map[string]*zip.File
	listed map[string]bool
}

func (v *verifier) problem(format string, args ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}

// checkDirectory bounds the memory that the directory of a zip file may take before it is read.
func checkDirectory(r io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 66<<10))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read package: %w", err)
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < 22 {
		return fmt.Errorf("%w: it is no whole zip file", ErrNotPackage)
	}
	// All of it could be directory: the distance from its start to the end of the file is what can be read as one.
	start := int64(binary.LittleEndian.Uint32(tail[i+16:]))
	if j := bytes.LastIndex(tail[:i], []byte("PK\x06\x06")); j >= 0 && i-j >= 56 {
		start = int64(binary.LittleEndian.Uint64(tail[j+48:]))
	}
	if start < 0 || start > size || size-start > maxDirectory {
		return fmt.Errorf("%w: its directory is damaged or too long", ErrNotPackage)
	}
	return nil
}

func (v *verifier) collect() {
	for _, f := range v.z.File {
		if v.files[f.Name] != nil {
			v.Added = append(v.Added, f.Name)
			continue
		}
		v.files[f.Name] = f
	}
}

// manifest reads and checks the manifest and its signature.
func (v *verifier) manifest(trusted ed25519.PublicKey) error {
	data, ok, err := v.read(manifestName, maxManifest)
	if err != nil || !ok {
		return err
	}
	sig, _, err := v.read(signatureName, ed25519.SignatureSize)
	if err != nil {
		return err
	}
	var m Manifest
	readable := json.Unmarshal(data, &m) == nil
	if !readable || m.Format != Format || len(m.Files) > maxFiles {
		v.Changed = append(v.Changed, manifestName)
		v.problem("manifest.json cannot be read: it is damaged, or of a newer Nightjar.")
		return nil
	}
	v.Manifest = &m
	v.signature(data, sig, trusted)
	return nil
}

func (v *verifier) signature(manifest, sig []byte, trusted ed25519.PublicKey) {
	if len(trusted) == ed25519.PublicKeySize && ed25519.Verify(trusted, manifest, sig) {
		v.Signed, v.Trusted, v.SignedBy = true, true, Fingerprint(trusted)
		return
	}
	key, err := hex.DecodeString(v.Manifest.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, manifest, sig) {
		v.Changed = append(v.Changed, manifestName)
		v.problem("The signature does not belong to manifest.json: one of the two was changed.")
		return
	}
	v.Signed, v.SignedBy = true, Fingerprint(key)
	if len(trusted) > 0 {
		v.problem("The package was signed by another key than the one you trust: %s.", v.SignedBy)
	}
}

// read returns a small file of the package. ok is false, and the file named, when it is absent, damaged or too long.
func (v *verifier) read(name string, limit int64) (data []byte, ok bool, err error) {
	f := v.files[name]
	v.listed[name] = true
	if f == nil {
		v.Missing = append(v.Missing, name)
		return nil, false, nil
	}
	rc, err := f.Open()
	if err != nil {
		return nil, false, v.damaged(name, err)
	}
	defer rc.Close()
	data, err = io.ReadAll(io.LimitReader(rc, limit+1))
	if err != nil {
		return nil, false, v.damaged(name, err)
	}
	if int64(len(data)) > limit {
		return nil, false, v.damaged(name, zip.ErrFormat)
	}
	return data, true, nil
}

// damaged names a file that cannot be read because of what it contains. Other errors are the medium's and end all.
func (v *verifier) damaged(name string, err error) error {
	var inner interface{ Temporary() bool }
	if errors.As(err, &inner) {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if !slices.Contains(v.Changed, name) {
		v.Changed = append(v.Changed, name)
	}
	return nil
}

// contents compares every file with what the manifest says of it.
func (v *verifier) contents() error {
	if v.Manifest == nil {
		return nil
	}
	for _, want := range v.Manifest.Files {
		if err := checkName(want.Name); err != nil || v.listed[want.Name] {
			v.problem("The manifest names %q, which cannot be, or twice.", want.Name)
			v.Changed = append(v.Changed, want.Name)
			continue
		}
		v.listed[want.Name] = true
		f := v.files[want.Name]
		if f == nil {
			v.Missing = append(v.Missing, want.Name)
			continue
		}
		sum, n, err := digest(f, want.Bytes)
		if err != nil {
			if err := v.damaged(want.Name, err); err != nil {
				return err
			}
			continue
		}
		if n != want.Bytes || sum != strings.ToLower(want.SHA256) {
			v.Changed = append(v.Changed, want.Name)
		}
		if want.CRCMatches != nil && !*want.CRCMatches {
			v.problem("%s was already different from what the recorder wrote when it was packed.", want.Name)
		}
	}
	return nil
}

// digest reads at most one byte more than it should, whatever a compressed entry unfolds to.
func digest(f *zip.File, want int64) (sum string, n int64, err error) {
	rc, err := f.Open()
	if err != nil {
		return "", 0, err
	}
	defer rc.Close()
	h := sha256.New()
	n, err = io.Copy(h, io.LimitReader(rc, max(0, want)+1))
	return hex.EncodeToString(h.Sum(nil)), n, err
}

func (v *verifier) added() {
	for _, f := range v.z.File {
		if !v.listed[f.Name] && !slices.Contains(v.Added, f.Name) {
			v.Added = append(v.Added, f.Name)
		}
	}
}

// intact compares all bytes that are not content with those that follow from the manifest and the contents.
func (v *verifier) intact(r io.ReaderAt, size int64) (bool, error) {
	if v.Manifest == nil {
		return false, nil
	}
	at := v.Manifest.CreatedAt
	var entries []entry
	end := int64(0)
	for _, f := range v.z.File {
		e := entry{name: f.Name, size: int64(f.UncompressedSize64), crc: f.CRC32, offset: end}
		if len(e.name) > maxName || e.size < 0 || e.size > size-end {
			return false, nil
		}
		head := localHeader(e, at)
		same, err := sameAt(r, end, head)
		if err != nil || !same {
			return false, err
		}
		end += int64(len(head)) + e.size
		entries = append(entries, e)
	}
	rest := directory(entries, end, at)
	if end+int64(len(rest)) != size {
		return false, nil
	}
	return sameAt(r, end, rest)
}

func sameAt(r io.ReaderAt, off int64, want []byte) (bool, error) {
	got := make([]byte, len(want))
	n, err := r.ReadAt(got, off)
	if n < len(want) {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, fmt.Errorf("read package: %w", err)
	}
	return bytes.Equal(got, want), nil
}

// String says in plain words what was found, one sentence per line.
func (r Report) String() string {
	var b strings.Builder
	switch {
	case r.OK && r.Trusted:
		b.WriteString("The package is authentic: every file is as it was packed, signed by the key you trust.\n")
	case r.OK:
		b.WriteString("Every file is as it was packed. Compare the fingerprint to know who packed it.\n")
	default:
		b.WriteString("The package is NOT as it was packed.\n")
	}
	if r.SignedBy != "" {
		fmt.Fprintf(&b, "Signed by the key with the fingerprint %s.\n", r.SignedBy)
	}
	for _, l := range []struct {
		what  string
		names []string
	}{{"Changed", r.Changed}, {"Missing", r.Missing}, {"Added", r.Added}} {
		for _, n := range l.names {
			fmt.Fprintf(&b, "%s: %q\n", l.what, n)
		}
	}
	for _, p := range r.Problems {
		b.WriteString(p + "\n")
	}
	return b.String()
}
