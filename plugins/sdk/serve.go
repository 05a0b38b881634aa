package sdk

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

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
				grpc.ChainUnaryInterceptor(recovered(logger)),
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

// server translates between the contract and a Notifier.
type server[S any] struct {
	pluginv1.UnimplementedNotifierServer
	info   Info
	schema string
	impl   Notifier[S]
}

func newServer[S any](info Info, impl Notifier[S]) *server[S] {
	return &server[S]{info: info, schema: Schema[S](), impl: impl}
}

func (s *server[S]) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	size := min(max(s.info.MaxSnapshotBytes, 0), api.MaxSnapshotBytes)
	return &pluginv1.DescribeResponse{
		Name: s.info.Name, Version: s.info.Version, SettingsSchema: s.schema,
		MaxSnapshotBytes: uint32(size), //nolint:gosec // 0..1 MiB
	}, nil
}

func (s *server[S]) Configure(ctx context.Context, req *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
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

func (s *server[S]) CheckHealth(ctx context.Context, _ *pluginv1.CheckHealthRequest) (*pluginv1.CheckHealthResponse, error) {
	if err := s.impl.Health(ctx); err != nil {
		return &pluginv1.CheckHealthResponse{Reason: err.Error()}, nil //nolint:nilerr // it is the answer
	}
	return &pluginv1.CheckHealthResponse{Healthy: true}, nil
}

func (s *server[S]) Notify(ctx context.Context, req *pluginv1.NotifyRequest) (*pluginv1.NotifyResponse, error) {
	r := s.impl.Notify(ctx, toAlert(req))
	out := &pluginv1.NotifyResponse{Detail: r.detail}
	switch r.class {
	case classOK:
		out.DeliveryClass = pluginv1.DeliveryClass_DELIVERY_CLASS_OK
	case classPermanent:
		out.DeliveryClass = pluginv1.DeliveryClass_DELIVERY_CLASS_PERMANENT
	case classBadConfig:
		out.DeliveryClass = pluginv1.DeliveryClass_DELIVERY_CLASS_BAD_CONFIG
	case classRetry:
		out.DeliveryClass = pluginv1.DeliveryClass_DELIVERY_CLASS_RETRY_AFTER
		if r.after > 0 {
			out.RetryAfter = durationpb.New(r.after)
		}
	}
	return out, nil
}

func (s *server[S]) Stop(ctx context.Context, _ *pluginv1.StopRequest) (*pluginv1.StopResponse, error) {
	if err := s.impl.Stop(ctx); err != nil {
		return nil, status.Errorf(codes.Unknown, "stop: %v", err)
	}
	return &pluginv1.StopResponse{}, nil
}

func toAlert(req *pluginv1.NotifyRequest) Alert {
	e := req.GetEvent()
	box := e.GetBox()
	a := Alert{
		DeliveryID: req.GetDeliveryId(), Attempt: int(req.GetAttempt()), Recipient: req.GetRecipient(),
		Snapshot: req.GetSnapshot(),
		Event: Event{
			ID: e.GetId(), Camera: e.GetCamera(), CameraName: e.GetCameraName(), Kind: e.GetKind(), Label: e.GetLabel(),
			Score: e.GetScore(), TopScore: e.GetTopScore(), Stationary: e.GetStationary(),
			Box: Box{X: box.GetX(), Y: box.GetY(), W: box.GetWidth(), H: box.GetHeight()},
		},
	}
	if e.GetStart() != nil {
		a.Event.Start = e.GetStart().AsTime()
	}
	if e.GetEnd() != nil {
		a.Event.End = e.GetEnd().AsTime()
	}
	switch req.GetPhase() {
	case pluginv1.Phase_PHASE_NEW:
		a.Phase = PhaseNew
	case pluginv1.Phase_PHASE_END:
		a.Phase = PhaseEnd
	case pluginv1.Phase_PHASE_UPDATE, pluginv1.Phase_PHASE_UNSPECIFIED:
		a.Phase = PhaseUpdate
	}
	return a
}
