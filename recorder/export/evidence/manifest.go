// Package evidence writes and verifies packages that prove what was recorded: a zip file with untouched recordings, what
// plays them, a manifest with the SHA-256 of every file, and an Ed25519 signature over the manifest. It needs nothing
// of a running Nightjar, so that whoever receives a package can check it on any machine.
//
// It proves that the files are what this installation packed. It does not prove that the installation or its camera
// was honest.
package evidence

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Format is the value of Manifest.Format; a package of another format is not understood.
const Format = "nightjar-evidence/1"

// Names of what is in every package beside recordings.
const (
	manifestName  = "manifest.json"
	signatureName = "manifest.json.sig"
	keyName       = "public_key.pem"
	sumsName      = "SHA256SUMS"
	verifyName    = "VERIFY.txt"
)

// Manifest is what a package says of itself. Times are UTC with microseconds.
type Manifest struct {
	Format    string    `json:"format"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	Software  string    `json:"software"`
	From      time.Time `json:"from"` // the range that was asked for
	To        time.Time `json:"to"`
	PublicKey string    `json:"public_key"`  // Ed25519, hexadecimal
	Key       string    `json:"fingerprint"` // of the public key; see Fingerprint
	Files     []File    `json:"files"`
	Gaps      []Gap     `json:"gaps"`
	Notes     []string  `json:"notes,omitempty"`
}

// Kind says what a file of a package is.
type Kind string

// The kinds.
const (
	Original Kind = "original" // a recording exactly as it lies on disk
	Playable Kind = "playable" // an MP4 of the range, made from the originals for convenience
	About    Kind = "about"    // the package's own instructions, sums and public key
)

// File is one file of a package.
type File struct {
	Name   string     `json:"name"` // in the package, slash-separated
	Kind   Kind       `json:"kind"`
	Bytes  int64      `json:"bytes"`
	SHA256 string     `json:"sha256"` // hexadecimal
	Camera string     `json:"camera,omitempty"`
	Stream string     `json:"stream,omitempty"`
	Start  *time.Time `json:"start,omitempty"` // wall time of the first picture
	End    *time.Time `json:"end,omitempty"`
	// CRC32C is what the recorder noted when it wrote the recording; CRCMatches says whether these bytes still have it.
	CRC32C     string `json:"crc32c,omitempty"`
	CRCMatches *bool  `json:"crc32c_matches,omitempty"`
}

// Gap is a part of the range of which there is no recording.
type Gap struct {
	Camera string    `json:"camera"`
	Stream string    `json:"stream"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Reason string    `json:"reason"`
	Detail string    `json:"detail,omitempty"`
}

// Fingerprint names a public key for people to compare: the first 16 bytes of its SHA-256 in groups of four digits.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	digits := hex.EncodeToString(sum[:16])
	var groups []string
	for i := 0; i < len(digits); i += 4 {
		groups = append(groups, digits[i:i+4])
	}
	return strings.Join(groups, "-")
}

// PEM returns the public key as OpenSSL reads it.
func PEM(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// ParsePEM is the inverse of PEM.
func ParsePEM(b []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("read public key: it is no PEM file")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	ed, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("read public key: it is %T, want Ed25519", key)
	}
	return ed, nil
}
