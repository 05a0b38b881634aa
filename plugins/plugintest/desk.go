package plugintest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// Desk answers in the place of Nightjar what a plugin asks: with all permissions, and the bounds that Nightjar sets.
type Desk struct {
	pluginv1.UnimplementedHostServer
	Socket, Token string // for Configure

	mu       sync.Mutex
	media    map[string][]byte
	values   map[string][]byte
	metrics  map[string]float64
	acts     []*pluginv1.ActRequest
	commands []*pluginv1.CommandRequest
}

// The bounds of Nightjar (plugins/api/v1/host.proto).
const (
	deskQuota   = 1 << 20
	deskMetrics = 20
	deskChunk   = 64 << 10
)

// NewDesk serves until the test ends.
func NewDesk(t *testing.T) *Desk {
	t.Helper()
	dir, err := os.MkdirTemp("", "desk") //nolint:usetesting // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	d := &Desk{
		Socket: filepath.Join(dir, "host.sock"), Token: "plugintest", media: map[string][]byte{}, values: map[string][]byte{}, metrics: map[string]float64{},
	}
	l, err := net.Listen("unix", d.Socket) //nolint:noctx // nothing to wait for
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.WaitForHandlers(true), grpc.MaxRecvMsgSize(deskQuota+4<<10),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := d.authentic(ctx); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := d.authentic(s.Context()); err != nil {
				return err
			}
			return next(srv, s)
		}))
	pluginv1.RegisterHostServer(server, d)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) }) // ends with Stop
	t.Cleanup(func() {
		server.Stop()
		running.Wait()
		_ = os.RemoveAll(dir)
	})
	return d
}

func (d *Desk) authentic(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if got := md.Get("nightjar-token"); len(got) != 1 || got[0] != d.Token {
		return status.Error(codes.Unauthenticated, "the token of Configure must go as metadata nightjar-token with every call")
	}
	return nil
}

// SetMedia gives the attachment ref something to show.
func (d *Desk) SetMedia(ref string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.media[ref] = data
}

// Metric returns what a counter of the plugin stands at.
func (d *Desk) Metric(name string) float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.metrics[name]
}

// Value returns what the plugin stored under a key.
func (d *Desk) Value(key string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.values[key]
}

// Acts returns the actions that the plugin handed back.
func (d *Desk) Acts() []*pluginv1.ActRequest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*pluginv1.ActRequest(nil), d.acts...)
}

// Commands returns the commands that the plugin handed on.
func (d *Desk) Commands() []*pluginv1.CommandRequest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*pluginv1.CommandRequest(nil), d.commands...)
}

// OpenMedia implements the service.
func (d *Desk) OpenMedia(req *pluginv1.OpenMediaRequest, stream grpc.ServerStreamingServer[pluginv1.OpenMediaResponse]) error {
	d.mu.Lock()
	data, ok := d.media[req.GetRef()]
	d.mu.Unlock()
	if !ok {
		return status.Error(codes.NotFound, "this attachment is not known any more")
	}
	if n := req.GetMaxBytes(); n > 0 && uint64(len(data)) > n {
		return status.Errorf(codes.ResourceExhausted, "the attachment is larger than %d bytes", n)
	}
	for len(data) > 0 {
		n := min(deskChunk, len(data))
		if err := stream.Send(&pluginv1.OpenMediaResponse{Data: data[:n]}); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// GetValue implements the service.
func (d *Desk) GetValue(_ context.Context, req *pluginv1.GetValueRequest) (*pluginv1.GetValueResponse, error) {
	return &pluginv1.GetValueResponse{Value: d.Value(req.GetKey())}, nil
}

// PutValue implements the service.
func (d *Desk) PutValue(_ context.Context, req *pluginv1.PutValueRequest) (*pluginv1.PutValueResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(req.GetKey()); n < 1 || n > 128 {
		return nil, status.Error(codes.InvalidArgument, "a key has 1 to 128 characters")
	}
	total := len(req.GetKey()) + len(req.GetValue())
	for k, v := range d.values {
		if k != req.GetKey() {
			total += len(k) + len(v)
		}
	}
	if total > deskQuota {
		return nil, status.Error(codes.ResourceExhausted, "a plugin may keep 1 MB")
	}
	if d.values[req.GetKey()] = req.GetValue(); len(req.GetValue()) == 0 {
		delete(d.values, req.GetKey())
	}
	return &pluginv1.PutValueResponse{}, nil
}

// SignLink implements the service.
func (d *Desk) SignLink(_ context.Context, req *pluginv1.SignLinkRequest) (*pluginv1.SignLinkResponse, error) {
	valid := time.Duration(req.GetValidSeconds()) * time.Second
	if valid > 24*time.Hour {
		return nil, status.Error(codes.InvalidArgument, "a link is good for 24 hours at most")
	}
	return &pluginv1.SignLinkResponse{Url: fmt.Sprintf("https://nightjar.example/%s/%s", req.GetEventId(), req.GetKind())}, nil
}

// AddMetric implements the service.
func (d *Desk) AddMetric(_ context.Context, req *pluginv1.AddMetricRequest) (*pluginv1.AddMetricResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.metrics[req.GetName()]; !known && len(d.metrics) >= deskMetrics {
		return nil, status.Error(codes.ResourceExhausted, "a plugin has 20 metrics at most")
	}
	d.metrics[req.GetName()] += req.GetValue()
	return &pluginv1.AddMetricResponse{}, nil
}

// Act implements the service.
func (d *Desk) Act(_ context.Context, req *pluginv1.ActRequest) (*pluginv1.ActResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acts = append(d.acts, req)
	return &pluginv1.ActResponse{Text: "Done."}, nil
}

// Command implements the service.
func (d *Desk) Command(_ context.Context, req *pluginv1.CommandRequest) (*pluginv1.CommandResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commands = append(d.commands, req)
	return &pluginv1.CommandResponse{Text: "You wrote " + req.GetText()}, nil
}
