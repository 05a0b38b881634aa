package kserve_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve"
	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve/kservetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tensor(name string, dims ...int64) kserve.Tensor {
	return kserve.Tensor{Name: name, Datatype: kserve.FP32, Shape: dims}
}

// echo answers with the bytes it got.
func echo() kservetest.Model {
	return kservetest.Model{
		Name: "m", In: tensor("in", -1, 3), Out: tensor("out", -1, 3),
		Infer: func(_ context.Context, raw []byte) (kserve.Tensor, []byte, error) {
			return tensor("out", 2, 3), raw, nil
		},
	}
}

func client(t *testing.T, o kserve.Options) *kserve.Client {
	t.Helper()
	o.Model = "m"
	c, err := kserve.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func call() *kserve.Call {
	return &kserve.Call{
		In: tensor("in", 2, 3), Out: tensor("out", 2, 3), Data: []float32{1, -2, 3.5, 0, 1e-30, 7}, Answer: make([]float32, 6),
	}
}

func TestClientAsksAServer(t *testing.T) {
	c := client(t, kserve.Options{URL: "grpc://" + kservetest.Start(t, echo())})
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	md, err := c.Metadata(t.Context())
	if err != nil || len(md.Inputs) != 1 || md.Inputs[0].Name != "in" || !slices.Equal(md.Outputs[0].Shape, []int64{-1, 3}) {
		t.Fatalf("%+v %v", md, err)
	}
	k := call()
	for range 3 {
		clear(k.Answer)
		if err := c.Infer(t.Context(), k); err != nil || !slices.Equal(k.Answer, k.Data) {
			t.Fatalf("%v %v", k.Answer, err)
		}
	}
}

func TestHostileAnswersAreErrors(t *testing.T) {
	wrong := func(change func(*kserve.Tensor)) kserve.Tensor {
		out := tensor("out", 2, 3)
		change(&out)
		return out
	}
	good := make([]byte, 24)
	for name, a := range map[string]struct {
		out kserve.Tensor
		raw []byte
	}{
		"other name":       {wrong(func(o *kserve.Tensor) { o.Name = "in" }), good},
		"other type":       {wrong(func(o *kserve.Tensor) { o.Datatype = "INT32" }), good},
		"other shape":      {wrong(func(o *kserve.Tensor) { o.Shape = []int64{3, 2} }), good},
		"negative shape":   {wrong(func(o *kserve.Tensor) { o.Shape = []int64{-2, -3} }), good},
		"no shape":         {wrong(func(o *kserve.Tensor) { o.Shape = nil }), good},
		"thousand dims":    {wrong(func(o *kserve.Tensor) { o.Shape = make([]int64, 1000) }), good},
		"empty":            {tensor("out", 2, 3), nil},
		"too short":        {tensor("out", 2, 3), good[:23]},
		"too long":         {tensor("out", 2, 3), make([]byte, 28)},
		"huge":             {tensor("out", 2, 3), make([]byte, 32<<20)},
		"not a number":     {tensor("out", 2, 3), append([]byte{0, 0, 0xc0, 0x7f}, good[4:]...)},
		"minus infinite":   {tensor("out", 2, 3), append(good[:20:20], 0, 0, 0x80, 0xff)},
		"shape overflowed": {wrong(func(o *kserve.Tensor) { o.Shape = []int64{1 << 62, 1 << 62} }), good},
	} {
		m := echo()
		m.Infer = func(context.Context, []byte) (kserve.Tensor, []byte, error) { return a.out, a.raw, nil }
		c := client(t, kserve.Options{URL: "grpc://" + kservetest.Start(t, m), Timeout: time.Minute})
		if err := c.Infer(t.Context(), call()); err == nil || errors.Is(err, kserve.ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSlowServerMissesTheDeadlineAndIsLeftAlone(t *testing.T) {
	m := echo()
	asked := make(chan struct{}, 10)
	m.Infer = func(ctx context.Context, _ []byte) (kserve.Tensor, []byte, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return kserve.Tensor{}, nil, ctx.Err()
	}
	c := client(t, kserve.Options{URL: "grpc://" + kservetest.Start(t, m), Timeout: 200 * time.Millisecond})
	k := call()
	for range 3 {
		if c.Open() {
			t.Fatal("open too early")
		}
		if err := c.Infer(t.Context(), k); status.Code(err) != codes.DeadlineExceeded {
			t.Fatal(err)
		}
	}
	n := len(asked)
	if err := c.Infer(t.Context(), k); !errors.Is(err, kserve.ErrOpen) || !c.Open() || len(asked) != n {
		t.Fatalf("after three failures: %v", err)
	}
}

func TestTokenAndTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	creds := credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	guard := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if md, _ := metadata.FromIncomingContext(ctx); !slices.Equal(md.Get("authorization"), []string{"Bearer secret"}) {
			return nil, status.Error(codes.Unauthenticated, "no token")
		}
		return next(ctx, req)
	}
	url := "grpcs://" + kservetest.Start(t, echo(), grpc.Creds(creds), grpc.UnaryInterceptor(guard))
	if err := client(t, kserve.Options{URL: url, CAFile: ca, Token: "secret"}).Infer(t.Context(), call()); err != nil {
		t.Error(err)
	}
	if err := client(t, kserve.Options{URL: url, CAFile: ca}).Infer(t.Context(), call()); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without the token: %v", err)
	}
	if err := client(t, kserve.Options{URL: url, Token: "secret"}).Infer(t.Context(), call()); err == nil {
		t.Error("a certificate of nobody's was trusted")
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]kserve.Options{
		"neither grpc nor grpcs":      {URL: "http://host:8001", Model: "m"},
		"is not of the form":          {URL: "host", Model: "m"},
		"is not of the form grpc":     {URL: "grpc://host", Model: "m"},
		"no model name":               {URL: "grpc://host:1"},
		"token unencrypted":           {URL: "grpc://192.0.2.1:1", Model: "m", Token: "t"},
		"no certificate":              {URL: "grpcs://host:1", Model: "m", CAFile: empty},
		"is not of the form grpc://h": {URL: "grpc://user:pw@host:1", Model: "m"},
	} {
		_, err := kserve.New(o)
		if nvr.ErrorCode(err) != nvr.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
