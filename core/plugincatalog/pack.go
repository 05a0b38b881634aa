package plugincatalog

import (
	"archive/tar"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Pack makes a bundle of a folder: its plugin.json, the programs that names, and what people may read. The sums of the
// programs are written into the bundle's manifest. The same files make the same bytes. It returns the manifest and the
// path of the bundle, `<id>-<version>.tar.gz` in outDir.
func Pack(dir, outDir string) (Manifest, string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Manifest{}, "", fmt.Errorf("open plugin folder: %w", err)
	}
	defer func() { _ = root.Close() }() // only a descriptor
	raw, err := root.ReadFile(ManifestName)
	if err != nil {
		return Manifest{}, "", fmt.Errorf("read manifest: %w; `nightjar plugin new` writes one", err)
	}
	m, err := ParseManifest(raw)
	if err != nil {
		return m, "", err
	}
	files := map[string][]byte{}
	for platform, e := range m.Executables {
		if files[e.Path], err = root.ReadFile(e.Path); err != nil {
			return m, "", fmt.Errorf("program for %s: %w; build it first", platform, err)
		}
		sum := sha256.Sum256(files[e.Path])
		e.SHA256 = hex.EncodeToString(sum[:])
		m.Executables[platform] = e
	}
	for _, name := range extras {
		b, err := root.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return m, "", fmt.Errorf("read %s: %w", name, err)
		}
		files[name] = b
	}
	if files[ManifestName], err = json.MarshalIndent(m, "", "  "); err != nil {
		return m, "", fmt.Errorf("write manifest: %w", err)
	}
	files[sumsName] = sumsOf(files)
	out := filepath.Join(outDir, m.ID+"-"+m.Version+".tar.gz")
	if err := writeBundle(out, files); err != nil {
		return m, "", err
	}
	return m, out, checkBundle(out)
}

// Sign adds a signature to a bundle, in place of one that is there. The bundle is checked first.
func Sign(path string, key ed25519.PrivateKey) (Manifest, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".sign-*")
	if err != nil {
		return Manifest{}, fmt.Errorf("make folder to unpack the bundle: %w", err)
	}
	defer os.RemoveAll(dir)
	b, root, err := openBundle(path, dir)
	if err != nil {
		return b.manifest, err
	}
	defer func() { _ = root.Close() }() // only a descriptor
	files := map[string][]byte{}
	for name := range b.sums {
		if files[name], err = root.ReadFile(name); err != nil {
			return b.manifest, fmt.Errorf("read %s: %w", name, err)
		}
	}
	files[signatureName] = signSums(files[sumsName], key)
	return b.manifest, writeBundle(path, files)
}

// openBundle unpacks and checks the bundle at path into dir. The caller closes the root.
func openBundle(path, dir string) (bundle, *os.Root, error) {
	f, err := os.Open(path)
	if err != nil {
		return bundle{}, nil, fmt.Errorf("open bundle: %w", err)
	}
	defer f.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return bundle{}, nil, fmt.Errorf("open folder to unpack the bundle: %w", err)
	}
	b, err := readBundle(f, root)
	if err != nil {
		_ = root.Close()
		return b, nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return b, root, nil
}

// checkBundle is what an installation would check, so that an author hears of it first.
func checkBundle(path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".check-*")
	if err != nil {
		return fmt.Errorf("make folder to check the bundle: %w", err)
	}
	defer os.RemoveAll(dir)
	_, root, err := openBundle(path, dir)
	if err != nil {
		return err
	}
	return root.Close()
}

func sumsOf(files map[string][]byte) []byte {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[name])
		fmt.Fprintf(&out, "%s  %s\n", hex.EncodeToString(sum[:]), name)
	}
	return []byte(out.String())
}

func writeBundle(path string, files map[string][]byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".bundle-*")
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	defer os.Remove(tmp.Name())
	err = writeArchive(tmp, files)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}

// writeArchive writes files in the order of their names, without times or owners.
func writeArchive(w io.Writer, files map[string][]byte) error {
	zw := gzip.NewWriter(w)
	tw := tar.NewWriter(zw)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		mode := int64(0o644)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		hdr := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(files[name])), Format: tar.FormatUSTAR}
		if err := tw.WriteHeader(hdr); err != nil {
			return err
		}
		if _, err := tw.Write(files[name]); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return zw.Close()
}
