package plugincatalog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// A signature is one line: "ed25519", the signer's public key and the signature over the bytes of SHA256SUMS, both in
// base64. The sums cover plugin.json, so that a signature is good for one id and version only.
const signatureScheme = "ed25519"

func signSums(sums []byte, key ed25519.PrivateKey) []byte {
	public, _ := key.Public().(ed25519.PublicKey)
	enc := base64.StdEncoding
	return []byte(strings.Join([]string{signatureScheme, enc.EncodeToString(public), enc.EncodeToString(ed25519.Sign(key, sums))}, " ") + "\n")
}

// verifySignature returns who signed the sums; an error when it is not a valid signature of its own key.
func verifySignature(sums, sig []byte) (ed25519.PublicKey, error) {
	parts := strings.Fields(string(sig))
	if len(parts) != 3 || parts[0] != signatureScheme {
		return nil, fmt.Errorf("%s: want one line with %s, a key and a signature", signatureName, signatureScheme)
	}
	public, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%s: the key is not one of Ed25519", signatureName)
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || !ed25519.Verify(public, sums, raw) {
		return nil, fmt.Errorf("the signature of the bundle is wrong: %s was changed after signing, or by somebody else", sumsName)
	}
	return public, nil
}

// Fingerprint names a key: the first 16 bytes of its SHA-256 in hexadecimal.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:16])
}

// EncodePrivateKey writes a key as PEM (PKCS #8).
func EncodePrivateKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// EncodePublicKey writes a key as PEM (SubjectPublicKeyInfo).
func EncodePublicKey(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// ParsePrivateKey reads what EncodePrivateKey wrote.
func ParsePrivateKey(b []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("is not a private key in PEM: make one with `nightjar plugin keygen`")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is not a private key in PKCS #8: make one with `nightjar plugin keygen`")
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("is not an Ed25519 key: make one with `nightjar plugin keygen`")
	}
	return private, nil
}

// ParsePublicKey reads what EncodePublicKey wrote.
func ParsePublicKey(b []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("is not a public key in PEM: want the .pub file of `nightjar plugin keygen`")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is not a public key: want the .pub file of `nightjar plugin keygen`")
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("is not an Ed25519 key: want the .pub file of `nightjar plugin keygen`")
	}
	return public, nil
}
