package plugincatalog

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// Limits of a bundle. A Go notifier has 13 MB for each platform.
const (
	MaxBundleBytes   = 64 << 20  // as a file
	maxUnpackedBytes = 256 << 20 // all files of it
	maxBundleFiles   = 64
	maxSmallFile     = 1 << 20 // of everything but programs
)

// The files of a bundle beside bin/.
const (
	sumsName      = "SHA256SUMS"
	signatureName = "SHA256SUMS.sig"
)

// extras are files a bundle may hold that nothing reads: for people who unpack it.
var extras = []string{"README.md", "LICENSE", "LICENCE", "CHANGELOG.md", "icon.svg", "icon.png"}

// bundle is a bundle that passed every check, unpacked in a folder.
type bundle struct {
	manifest Manifest
	sums     map[string]string // SHA-256 of each file, by name
	signer   ed25519.PublicKey // nil: not signed
	sha256   string            // of the bundle's own bytes
}

// readBundle unpacks a bundle into root and checks all of it: names, sizes, sums, signature, manifest, and that there is
// no program beside those the manifest names.
func readBundle(r io.Reader, root *os.Root) (bundle, error) {
	h := sha256.New()
	limited := &cappedReader{r: io.TeeReader(r, h), left: MaxBundleBytes}
	files, err := unpack(limited, root)
	if err != nil {
		return bundle{}, err
	}
	if _, err := io.Copy(io.Discard, limited); err != nil { // what tar did not read belongs to the hash
		return bundle{}, fmt.Errorf("read bundle: %w", err)
	}
	b := bundle{sums: files, sha256: hex.EncodeToString(h.Sum(nil))}
	if err := b.verifySums(root); err != nil {
		return bundle{}, err
	}
	raw, err := root.ReadFile(ManifestName)
	if err != nil {
		return bundle{}, fmt.Errorf("bundle has no %s", ManifestName)
	}
	if b.manifest, err = ParseManifest(raw); err != nil {
		return bundle{}, err
	}
	return b, b.verifyPrograms(root)
}

// cappedReader fails, instead of ending, where there is more than it allows.
type cappedReader struct {
	r    io.Reader
	left int64
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		var one [1]byte
		if n, err := io.ReadFull(c.r, one[:]); n == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("bundle is larger than %d MB", MaxBundleBytes>>20)
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.left -= int64(n)
	return n, err
}

// unpack writes the files of a .tar.gz below root and returns their sums. It takes regular files and the folder bin only:
// no links, no devices, no names that lead elsewhere, none twice. Modes and owners in the archive mean nothing.
func unpack(r io.Reader, root *os.Root) (map[string]string, error) {
	zr, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, errors.New("is not a plugin bundle: want a .tar.gz made by `nightjar plugin pack`")
	}
	defer func() { _ = zr.Close() }() // it holds nothing
	files, left := map[string]string{}, int64(maxUnpackedBytes)
	tr := tar.NewReader(zr)
	for entries := 0; ; entries++ {
		if entries > 2*maxBundleFiles { // folders too: an archive of nothing else would never end
			return nil, fmt.Errorf("bundle holds more than %d entries", 2*maxBundleFiles)
		}
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("bundle is damaged: %w", err)
		}
		name := strings.TrimPrefix(hdr.Name, "./")
		if hdr.Typeflag == tar.TypeDir {
			if d := strings.TrimSuffix(name, "/"); d != "" && d != "bin" {
				return nil, fmt.Errorf("bundle holds the folder %q: only bin is allowed", clip(d))
			}
			continue
		}
		if err := checkName(name, hdr.Typeflag); err != nil {
			return nil, err
		}
		if files[name] != "" {
			return nil, fmt.Errorf("bundle holds %s twice", name)
		}
		if len(files) == maxBundleFiles {
			return nil, fmt.Errorf("bundle holds more than %d files", maxBundleFiles)
		}
		limit := left
		if !strings.HasPrefix(name, "bin/") {
			limit = min(limit, maxSmallFile)
		}
		n, sum, err := writeFile(root, name, tr, limit)
		if err != nil {
			return nil, err
		}
		left -= n
		files[name] = sum
	}
	return files, nil
}

// checkName allows plugin.json, the sums, what people may read, and programs directly in bin/.
func checkName(name string, kind byte) error {
	switch {
	case kind != tar.TypeReg:
		return fmt.Errorf("bundle holds %q, which is not a regular file", clip(name))
	case name == ManifestName || name == sumsName || name == signatureName || slices.Contains(extras, name):
		return nil
	case fs.ValidPath(name) && binPattern.MatchString(name):
		return nil
	}
	return fmt.Errorf("bundle holds %q: only %s, %s, %s and programs in bin/ belong there", clip(name), ManifestName, sumsName, strings.Join(extras, ", "))
}

func writeFile(root *os.Root, name string, r io.Reader, limit int64) (n int64, sum string, err error) {
	if strings.HasPrefix(name, "bin/") {
		if err := root.Mkdir("bin", 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return 0, "", fmt.Errorf("unpack bundle: %w", err)
		}
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, "", fmt.Errorf("unpack bundle: %w", err)
	}
	h := sha256.New()
	n, err = io.Copy(io.MultiWriter(f, h), io.LimitReader(r, limit+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return 0, "", fmt.Errorf("unpack %s: %w", name, err)
	}
	if n > limit {
		return 0, "", fmt.Errorf("bundle is too large when unpacked: %s passes the limit", name)
	}
	return n, hex.EncodeToString(h.Sum(nil)), nil
}

// verifySums compares every file with SHA256SUMS, both ways, and checks the signature where there is one.
func (b *bundle) verifySums(root *os.Root) error {
	text, err := root.ReadFile(sumsName)
	if err != nil {
		return fmt.Errorf("bundle has no %s: make it with `nightjar plugin pack`", sumsName)
	}
	listed, err := parseSums(text)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(b.sums)) {
		if name == sumsName || name == signatureName {
			continue
		}
		switch want := listed[name]; {
		case want == "":
			return fmt.Errorf("bundle holds %s, which %s does not list", name, sumsName)
		case want != b.sums[name]:
			return fmt.Errorf("%s was modified: its SHA-256 is not the one in %s", name, sumsName)
		}
		delete(listed, name)
	}
	for name := range listed {
		return fmt.Errorf("%s lists %s, which the bundle does not hold", sumsName, clip(name))
	}
	if b.sums[signatureName] == "" {
		return nil
	}
	sig, err := root.ReadFile(signatureName)
	if err != nil {
		return fmt.Errorf("read signature: %w", err)
	}
	b.signer, err = verifySignature(text, sig)
	return err
}

// parseSums reads the format of sha256sum: 64 digits, two spaces, a name.
func parseSums(text []byte) (map[string]string, error) {
	out := map[string]string{}
	sc := bufio.NewScanner(bytes.NewReader(text))
	for sc.Scan() {
		sum, name, ok := strings.Cut(sc.Text(), "  ")
		if !ok || !sumPattern.MatchString(sum) || name == "" || out[name] != "" {
			return nil, fmt.Errorf("%s: line %q: want the form of sha256sum", sumsName, clip(sc.Text()))
		}
		out[name] = sum
	}
	if sc.Err() != nil {
		return nil, fmt.Errorf("%s: %w", sumsName, sc.Err())
	}
	return out, nil
}

// verifyPrograms checks that what is in bin/ is what the manifest names, and that nothing else could be run.
func (b *bundle) verifyPrograms(root *os.Root) error {
	named := map[string]bool{}
	for platform, e := range b.manifest.Executables {
		switch got := b.sums[e.Path]; {
		case got == "":
			return fmt.Errorf("bundle has no %s, which %s names for %s", e.Path, ManifestName, platform)
		case e.SHA256 != got:
			return fmt.Errorf("%s names another SHA-256 for %s than the file has", ManifestName, e.Path)
		}
		named[e.Path] = true
	}
	for name := range b.sums {
		if named[name] {
			continue
		}
		if strings.HasPrefix(name, "bin/") {
			return fmt.Errorf("bundle holds the program %s, which %s does not name", name, ManifestName)
		}
		head, err := readHead(root, name)
		if err != nil {
			return err
		}
		if program(head) {
			return fmt.Errorf("%s in the bundle is a program, which belongs into bin/ and %s", name, ManifestName)
		}
	}
	return nil
}

func readHead(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close()
	head := make([]byte, 8)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return head[:n], nil
}

// program knows what an operating system runs by its first bytes: ELF, Mach-O, PE, scripts.
func program(head []byte) bool {
	for _, magic := range []string{"\x7fELF", "#!", "MZ", "\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xca\xfe\xba\xbe", "\xfe\xed\xfa"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}
