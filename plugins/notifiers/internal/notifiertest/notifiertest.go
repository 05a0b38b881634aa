// Package notifiertest is what the tests of the first-party notifiers share: a host to call back to, an alert, and
// certificates. It is imported by tests only.
package notifiertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
	"github.com/nightjar-nvr/nightjar/plugins/sdk"
)

// Canary is planted as every secret of a test; nothing a person or a log sees may hold it.
const Canary = "canary-7f3a9"

// Host answers what a plugin asks of Nightjar, by the limits of host.proto, and remembers it.
type Host struct {
	pluginv1.UnimplementedHostServer

	mu       sync.Mutex
	Values   map[string][]byte
	Media    map[string][]byte // by handle
	Link     string            // of SignLink; empty: refused
	Acts     []*pluginv1.ActRequest
	Commands []*pluginv1.CommandRequest
	Refuse   bool     // every action and command
	Known    []string // recipients that routes name; empty: the settings' default
}

// NewHost serves a host and returns what a plugin calls it by.
func NewHost(t *testing.T) (*Host, *sdk.Host) {
	t.Helper()
	h := &Host{Values: map[string][]byte{}, Media: map[string][]byte{}, Known: []string{""}}
	dir, err := os.MkdirTemp("", "nj") //nolint:usetesting // the name of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "h.sock")
	l, err := net.Listen("unix", socket) //nolint:noctx // nothing to wait for
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	pluginv1.RegisterHostServer(srv, h)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }() // ends with Stop
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); srv.Stop(); <-done })
	return h, sdk.NewHost(pluginv1.NewHostClient(conn))
}

// Do runs f while nothing else touches the fields.
func (h *Host) Do(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// OpenMedia implements pluginv1.HostServer.
func (h *Host) OpenMedia(req *pluginv1.OpenMediaRequest, s grpc.ServerStreamingServer[pluginv1.OpenMediaResponse]) error {
	h.mu.Lock()
	data, ok := h.Media[req.GetRef()]
	h.mu.Unlock()
	if !ok {
		return status.Error(codes.NotFound, "no such handle") //nolint:wrapcheck // a status
	}
	if m := req.GetMaxBytes(); m > 0 && uint64(len(data)) > m {
		return status.Error(codes.ResourceExhausted, "larger than that") //nolint:wrapcheck // a status
	}
	for len(data) > 0 {
		n := min(len(data), 64<<10)
		if err := s.Send(&pluginv1.OpenMediaResponse{Data: data[:n]}); err != nil {
			return err //nolint:wrapcheck // the stream's own
		}
		data = data[n:]
	}
	return nil
}

// GetValue implements pluginv1.HostServer.
func (h *Host) GetValue(_ context.Context, req *pluginv1.GetValueRequest) (*pluginv1.GetValueResponse, error) {
	if k := req.GetKey(); k == "" || len(k) > 128 {
		return nil, status.Error(codes.InvalidArgument, "key") //nolint:wrapcheck // a status
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return &pluginv1.GetValueResponse{Value: h.Values[req.GetKey()]}, nil
}

// PutValue implements pluginv1.HostServer.
func (h *Host) PutValue(_ context.Context, req *pluginv1.PutValueRequest) (*pluginv1.PutValueResponse, error) {
	if k := req.GetKey(); k == "" || len(k) > 128 {
		return nil, status.Error(codes.InvalidArgument, "key") //nolint:wrapcheck // a status
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(req.GetValue()) == 0 {
		delete(h.Values, req.GetKey())
	} else {
		h.Values[req.GetKey()] = req.GetValue()
	}
	return &pluginv1.PutValueResponse{}, nil
}

// SignLink implements pluginv1.HostServer.
func (h *Host) SignLink(_ context.Context, req *pluginv1.SignLinkRequest) (*pluginv1.SignLinkResponse, error) {
	if h.Link == "" || req.GetValidSeconds() > 24*3600 {
		return nil, status.Error(codes.FailedPrecondition, "no address") //nolint:wrapcheck // a status
	}
	return &pluginv1.SignLinkResponse{Url: h.Link}, nil
}

// Act implements pluginv1.HostServer.
func (h *Host) Act(_ context.Context, req *pluginv1.ActRequest) (*pluginv1.ActResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Acts = append(h.Acts, req)
	if h.Refuse {
		return nil, status.Error(codes.NotFound, "too old") //nolint:wrapcheck // a status
	}
	return &pluginv1.ActResponse{Text: "Acknowledged."}, nil
}

// Command implements pluginv1.HostServer.
func (h *Host) Command(_ context.Context, req *pluginv1.CommandRequest) (*pluginv1.CommandResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Contains(h.Known, req.GetRecipient()) {
		return nil, status.Error(codes.PermissionDenied, "not among those whom Nightjar tells") //nolint:wrapcheck // a status
	}
	h.Commands = append(h.Commands, req)
	if h.Refuse || utf8.RuneCountInString(req.GetText()) > 1000 {
		return nil, status.Error(codes.InvalidArgument, "no") //nolint:wrapcheck // a status
	}
	return &pluginv1.CommandResponse{Text: "All quiet.", Snapshot: JPEG()}, nil
}

// JPEG is the beginning of a picture, which is all that anybody looks at.
func JPEG() []byte { return append([]byte{0xff, 0xd8, 0xff, 0xe0}, make([]byte, 64)...) }

// Alert is one with everything in it.
func Alert() sdk.Alert {
	return sdk.Alert{
		DeliveryID: "01935d2c-1111-7000-8000-000000000001", Attempt: 1, Phase: sdk.PhaseNew, Snapshot: JPEG(),
		Title: "Person at Front <door>", Text: "Seen in the yard & on the porch.\nStays.", Link: "https://nvr.example.com/e?id=1",
		Actions: []sdk.Action{
			{Kind: sdk.ActionAcknowledge, Token: "tok_ack-0123456789012345678901234567890123456789", Label: "Seen"},
			{Kind: sdk.ActionSnooze, Token: "tok_snooze", Label: "Snooze 1 h"},
		},
		Event: sdk.Event{
			ID: "01935d2c-2222-7000-8000-000000000002", Camera: "front", CameraName: "Front <door>", Kind: "object", Label: "person",
			Severity: "high", Start: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC), Zones: []string{"porch"},
		},
	}
}

// Certificate is one for 127.0.0.1 and localhost that signs itself, as PEM and for a server.
func Certificate(t *testing.T) (certPEM, keyPEM []byte, cert tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	if cert, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return certPEM, keyPEM, cert
}

// Until waits for a condition, at most 20 s.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s in vain: %s", what)
		}
	}
}
