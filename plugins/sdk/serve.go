package sdk

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/nightjar-nvr/nightjar/plugins/api"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// Serve speaks to the host until it ends the process. It takes over slog's default logger and the standard log:
// both write JSON lines to standard error, which the host files under the plugin's name.
func Serve[S any](info Info, impl Notifier[S]) {
	stderr := os.Stderr // go-plugin replaces the variable; the host reads the original
	logger := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	slog.SetDefault(logger)
	log.SetFlags(0)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  api.Handshake(),
		VersionedPlugins: api.Plugins(newServer(info, impl)),
		Logger:           quiet(stderr),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts,
				grpc.MaxRecvMsgSize(api.MaxPluginReceive),
				Recovery(logger),
			)...)
		},
	})
}

// quiet is go-plugin's own logger: warnings only, as JSON.
func quiet(w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: w, JSONFormat: true})
}

// recovered turns a panic in a call into that call's error, with the stack in the log: one bad alert must not cost
// the others their notifier.
func recovered(logger *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
		defer func() {
			if r := recover(); r != nil {
				logger.Error("panic in a call", "method", info.FullMethod, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
				err = status.Errorf(codes.Internal, "panic in the plugin: %v", r)
			}
		}()
		return next(ctx, req)
	}
}

// Recovery is the option of a gRPC server that turns panics into errors of their calls, as Serve has it. A nil logger
// is silent.
func Recovery(logger *slog.Logger) grpc.ServerOption {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return grpc.ChainUnaryInterceptor(recovered(logger))
}

// server translates between the contract and a Notifier.
type server[S any] struct {
	pluginv1.UnimplementedNotifierServer
	info   Info
	schema string
	impl   Notifier[S]
	mu     sync.Mutex
	host   *Host
}

// NewServer returns the contract's side of a plugin, for harnesses that serve it themselves; plugins call Serve.
func NewServer[S any](info Info, impl Notifier[S]) pluginv1.NotifierServer {
	return newServer(info, impl)
}

func newServer[S any](info Info, impl Notifier[S]) *server[S] {
	return &server[S]{info: info, schema: Schema[S](), impl: impl}
}

func (s *server[S]) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	size := min(max(s.info.MaxSnapshotBytes, 0), api.MaxSnapshotBytes)
	return &pluginv1.DescribeResponse{
		Name: s.info.Name, Version: s.info.Version, SettingsSchema: s.schema,
		MaxSnapshotBytes: uint32(size), //nolint:gosec // 0..1 MiB
		Capabilities:     toCapabilities(s.info.Capabilities),
	}, nil
}

func (s *server[S]) Configure(ctx context.Context, req *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	if err := s.connect(req.GetHostSocket(), req.GetHostToken()); err != nil {
		return nil, status.Errorf(codes.Unknown, "%v", err)
	}
	settings, err := decode[S](req.GetSettingsJson())
	if err == nil {
		err = s.impl.Configure(ctx, settings)
	}
	out := &pluginv1.ConfigureResponse{}
	for _, e := range settingErrors(err) {
		out.Diagnostics = append(out.Diagnostics, &pluginv1.Diagnostic{Path: e.Path, Message: e.Message})
	}
	return out, nil
}

// connect gives a plugin with a Base its way to the host, in place of an earlier one.
func (s *server[S]) connect(socket, token string) error {
	base, ok := s.impl.(interface{ UseHost(h *Host) })
	if !ok {
		return nil
	}
	h, err := dialHost(socket, token)
	if err != nil {
		return err
	}
	base.UseHost(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host.close()
	s.host = h
	return nil
}

func (s *server[S]) CheckHealth(ctx context.Context, _ *pluginv1.CheckHealthRequest) (*pluginv1.CheckHealthResponse, error) {
	if err := s.impl.Health(ctx); err != nil {
		return &pluginv1.CheckHealthResponse{Reason: err.Error()}, nil //nolint:nilerr // it is the answer
	}
	return &pluginv1.CheckHealthResponse{Healthy: true}, nil
}

func (s *server[S]) Notify(ctx context.Context, req *pluginv1.NotifyRequest) (*pluginv1.NotifyResponse, error) {
	return s.impl.Notify(ctx, toAlert(req)).response(), nil
}

func (s *server[S]) Test(ctx context.Context, req *pluginv1.TestRequest) (*pluginv1.TestResponse, error) {
	t, ok := s.impl.(Tester)
	if !ok {
		return nil, status.Error(codes.Unimplemented, "this plugin is tested by an example alert")
	}
	r := t.Test(ctx, req.GetRecipient())
	return &pluginv1.TestResponse{DeliveryClass: r.class.proto(), Detail: r.detail}, nil
}

func (s *server[S]) Stop(ctx context.Context, _ *pluginv1.StopRequest) (*pluginv1.StopResponse, error) {
	if err := s.impl.Stop(ctx); err != nil {
		return nil, status.Errorf(codes.Unknown, "stop: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host.close() // the last call was served
	return &pluginv1.StopResponse{}, nil
}
