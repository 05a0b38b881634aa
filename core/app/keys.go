package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// evidenceKeys are secrets of this installation that must work without the database.
type evidenceKeys struct {
	evidence ed25519.PrivateKey // signs evidence packages
	links    []byte             // signs links to exports
}

// loadEvidenceKeys reads the keys below dataDir, and makes those that are not there yet. A new signing key would make it
// impossible to tell old packages from forged ones, so a file that cannot be read is an error.
func loadEvidenceKeys(dataDir string) (k evidenceKeys, err error) {
	dir := filepath.Join(dataDir, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return k, fmt.Errorf("create directory of keys: %w", err)
	}
	seed, err := secretFile(filepath.Join(dir, "evidence.key"))
	if err != nil {
		return k, err
	}
	k.evidence = ed25519.NewKeyFromSeed(seed)
	k.links, err = secretFile(filepath.Join(dir, "links.key"))
	return k, err
}

// secretFile returns the 32 bytes in path, random ones that it writes there when the file does not exist.
func secretFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b = make([]byte, 32)
		_, _ = rand.Read(b) // never fails
		return b, writeSecret(path, b)
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if len(b) != 32 {
		return nil, fmt.Errorf("key %s has %d bytes, want 32: restore it from a backup, or remove it to get a new one", path, len(b))
	}
	return b, nil
}

func writeSecret(path string, b []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.Write(b)
		err = errors.Join(err, f.Sync(), f.Close()) // a machine that loses power must not be left with an empty key
	}
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}
