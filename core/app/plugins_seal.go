package app

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// sealer keeps settings of notifiers from whoever reads the database or a backup of it: AES-256-GCM under a key beside it.
// The format is one byte of version, the nonce, and the ciphertext with its tag; the notifier's id is authenticated, so
// that settings cannot be moved to another.
type sealer struct{ aead cipher.AEAD }

const sealVersion = 1

// newSealer reads the key below dataDir and makes it the first time.
func newSealer(dataDir string) (*sealer, error) {
	dir := filepath.Join(dataDir, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create directory of keys: %w", err)
	}
	key, err := secretFile(filepath.Join(dir, "notifiers.key"))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key of notifiers: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("key of notifiers: %w", err)
	}
	return &sealer{aead}, nil
}

func (s *sealer) seal(id string, settings map[string]any) ([]byte, error) {
	plain, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("write settings: %w", err)
	}
	out := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	out[0] = sealVersion
	_, _ = rand.Read(out[1:]) // never fails
	return s.aead.Seal(out, out[1:], plain, []byte("notifier "+id)), nil
}

// errSealed says no more: whatever is wrong, a person can only enter the settings anew.
var errSealed = errors.New("the stored settings cannot be read with the key in keys/notifiers.key: restore that file, or enter the settings again")

func (s *sealer) open(id string, sealed []byte) (map[string]any, error) {
	n := 1 + s.aead.NonceSize()
	if len(sealed) < n || sealed[0] != sealVersion {
		return nil, errSealed
	}
	plain, err := s.aead.Open(nil, sealed[1:n], sealed[n:], []byte("notifier "+id))
	if err != nil {
		return nil, errSealed
	}
	settings := map[string]any{}
	if err := json.Unmarshal(plain, &settings); err != nil {
		return nil, errSealed
	}
	return settings, nil
}
