// Package kserve asks an inference server over the KServe v2 protocol (Open Inference Protocol) on gRPC, as NVIDIA
// Triton, KServe and OpenVINO Model Server speak it. A call has a deadline, a server that keeps failing is left alone
// for a while, and an answer is either exactly what was asked for or an error. What the numbers mean is not known here.
package kserve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// ErrOpen is returned without asking a server that failed again and again; it is asked again after 10 to 60 s.
var ErrOpen = errors.New("inference server failed repeatedly and is left alone for a while")

// FP32 is the data type of float32 tensors.
const FP32 = "FP32"

const (
	service      = "/inference.GRPCInferenceService/"
	maxMetadata  = 1 << 20
	answerMargin = 64 << 10 // what may surround the numbers of an answer
)

// Options configures a Client.
type Options struct {
	URL     string        // grpc://host:port, or grpcs://host:port for TLS; Triton listens on 8001
	Model   string        // as the server calls it
	Version string        // empty: the server chooses
	CAFile  string        // PEM; certificates that grpcs trusts instead of the system's
	Token   string        // sent as "authorization: Bearer ..."; needs grpcs unless the host is this one
	Timeout time.Duration // of a call; 2 s
	Log     *slog.Logger  // nil: silent
}

// Client asks one model of one server. It connects when it is first used and may be used by many goroutines.
type Client struct {
	opts    Options
	conn    *grpc.ClientConn
	breaker breaker
}

// New checks the options; it does not connect.
func New(o Options) (*Client, error) {
	target, creds, err := o.transport()
	if err != nil {
		return nil, err
	}
	if o.Model == "" {
		return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: "inference server " + o.URL + " has no model name; set detect.remote.model"}
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	dial := []grpc.DialOption{grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}))}
	if o.Token != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(token(o.Token)))
	}
	conn, err := grpc.NewClient("passthrough:///"+target, dial...)
	if err != nil {
		return nil, fmt.Errorf("inference server %s: %w", o.URL, err)
	}
	return &Client{opts: o, conn: conn, breaker: breaker{now: time.Now}}, nil
}

func (o *Options) transport() (string, credentials.TransportCredentials, error) {
	invalid := func(why string) error {
		return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("inference server %q %s; correct detect.remote", o.URL, why)}
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Port() == "" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" {
		return "", nil, invalid("is not of the form grpc://host:port or grpcs://host:port")
	}
	switch u.Scheme {
	case "grpc":
		ip := net.ParseIP(u.Hostname())
		if o.Token != "" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return "", nil, invalid("would get the token unencrypted: use grpcs")
		}
		return u.Host, insecure.NewCredentials(), nil
	case "grpcs":
		cfg := &tls.Config{MinVersion: tls.VersionTLS12}
		if o.CAFile != "" {
			pem, err := os.ReadFile(o.CAFile)
			if err != nil {
				return "", nil, fmt.Errorf("certificates of inference server %s: %w", o.URL, err)
			}
			if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(pem) {
				return "", nil, invalid("has no certificate in the PEM file " + o.CAFile)
			}
		}
		return u.Host, credentials.NewTLS(cfg), nil
	}
	return "", nil, invalid("has neither grpc nor grpcs as its scheme")
}

// token is sent with every call. transport has seen to it that the way is safe.
type token string

func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}
func (token) RequireTransportSecurity() bool { return false }

// Close ends the connection; calls in progress fail.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close connection to inference server: %w", err)
	}
	return nil
}

// Model returns the name of the model that is asked.
func (c *Client) Model() string { return c.opts.Model }

// URL returns the server's address.
func (c *Client) URL() string { return c.opts.URL }

// Open reports whether the server is being left alone.
func (c *Client) Open() bool { return c.breaker.open() }

func (c *Client) invoke(ctx context.Context, method string, request mem.Buffer, answer *[]byte, limit int) error {
	defer request.Free()
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	if err := c.conn.Invoke(ctx, service+method, request, answer, grpc.MaxCallRecvMsgSize(limit)); err != nil {
		return fmt.Errorf("%s of inference server %s: %w", method, c.opts.URL, err)
	}
	return nil
}

// Ready returns nil when the server is live and the model can be asked.
func (c *Client) Ready(ctx context.Context) error {
	for _, q := range []struct {
		method, what string
		request      []byte
	}{{"ServerLive", "is not live", nil}, {"ModelReady", "has not loaded model " + c.opts.Model, modelRequest(c.opts.Model, c.opts.Version)}} {
		var answer []byte
		if err := c.invoke(ctx, q.method, mem.SliceBuffer(q.request), &answer, maxMetadata); err != nil {
			return err
		}
		yes, err := parseBool(answer)
		if err != nil {
			return fmt.Errorf("%s of inference server %s: %w", q.method, c.opts.URL, err)
		}
		if !yes {
			return &nvr.Error{Code: nvr.CodeUnavailable, Message: fmt.Sprintf("inference server %s %s; look into its log", c.opts.URL, q.what)}
		}
	}
	return nil
}

// Metadata returns the model's inputs and outputs.
func (c *Client) Metadata(ctx context.Context) (Metadata, error) {
	var answer []byte
	request := mem.SliceBuffer(modelRequest(c.opts.Model, c.opts.Version))
	if err := c.invoke(ctx, "ModelMetadata", request, &answer, maxMetadata); err != nil {
		return Metadata{}, err
	}
	m, err := parseMetadata(answer)
	if err != nil {
		return Metadata{}, fmt.Errorf("metadata of inference server %s: %w", c.opts.URL, err)
	}
	return m, nil
}

// Call is one inference, with memory that the next one uses again. It is for one goroutine at a time.
type Call struct {
	In, Out Tensor    // FP32, without free dimensions
	Data    []float32 // of In
	Answer  []float32 // of Out; has its length before, and is undefined after an error

	message []byte
}

// Infer runs the model. It returns ErrOpen while the server is being left alone.
func (c *Client) Infer(ctx context.Context, call *Call) error {
	ok, probe := c.breaker.allow()
	if !ok {
		return ErrOpen
	}
	err := c.infer(ctx, call)
	result := succeeded
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		result = unknown
	case err != nil:
		result = failed
	}
	opened, closed := c.breaker.done(probe, result)
	if opened {
		c.opts.Log.Warn("inference server keeps failing and is left alone for a while", "url", c.opts.URL, "model", c.opts.Model, "err", err)
	}
	if closed {
		c.opts.Log.Info("inference server works again", "url", c.opts.URL, "model", c.opts.Model)
	}
	return err
}

func (c *Client) infer(ctx context.Context, call *Call) error {
	request := inferRequest(c.opts.Model, c.opts.Version, call.In, call.Data, call.Out.Name)
	if err := c.invoke(ctx, "ModelInfer", request, &call.message, 4*len(call.Answer)+answerMargin); err != nil {
		return err
	}
	if err := parseInfer(call.message, call.Out, call.Answer); err != nil {
		return fmt.Errorf("inference server %s, model %s: %w", c.opts.URL, c.opts.Model, err)
	}
	return nil
}
