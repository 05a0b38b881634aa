package mqtt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned writes a certificate for 127.0.0.1 and its key, and returns the certificate as PEM.
func selfSigned(t *testing.T, dir string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}

func TestTLS(t *testing.T) {
	dir, port := t.TempDir(), freePort(t)
	ca := selfSigned(t, dir)
	conf := fmt.Sprintf("allow_anonymous true\ncertfile %s/cert.pem\nkeyfile %s/key.pem", dir, dir)
	if os.Geteuid() == 0 {
		conf += "\nuser root" // the files are root's
	}
	startMosquitto(t, port, conf)
	url := fmt.Sprintf("mqtts://127.0.0.1:%d", port)
	trusting := run(t, Config{BrokerURL: url, CAPEM: ca, ClientID: "a"})
	until(t, "connected over TLS", trusting.connectedNow)
	careless := run(t, Config{BrokerURL: url, SkipVerify: true, ClientID: "b"})
	until(t, "connected without checking", careless.connectedNow)
	strict := run(t, Config{BrokerURL: url, ClientID: "c"})
	until(t, "refused", func() bool {
		_, connected, reason := strict.Status()
		return !connected && strings.Contains(reason, "certificate that is not trusted")
	})
}
