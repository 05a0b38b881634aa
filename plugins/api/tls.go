package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// ClientCertEnv is the variable by which a plugin learns the certificate of its host: the only one it may answer.
const ClientCertEnv = "PLUGIN_CLIENT_CERT"

// ClientTLS makes what go-plugin's AutoMTLS makes at the host, a key and certificate for one launch, but on P-256: go-plugin's own
// P-521 is not offered by BoringSSL, and so not understood by plugins in Python and other languages (hashicorp/go-plugin#281). The
// PEM belongs into ClientCertEnv and the configuration into plugin.ClientConfig.TLSConfig, which adds the plugin's certificate.
func ClientTLS() (config *tls.Config, certPEM string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make key of the host: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, "", fmt.Errorf("make certificate of the host: %w", err)
	}
	const name = "localhost" // what go-plugin's servers present and expect
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, SerialNumber: serial,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(30, 0, 0), // as long as the process may run
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("make certificate of the host: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12, ServerName: name,
	}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
