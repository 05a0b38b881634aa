// Package kservetest is a strict KServe v2 server for tests, in the test's own process. It speaks by the protocol's
// descriptor through the protobuf library, so it shares no line with the client it tests.
package kservetest

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/nightjar-nvr/nightjar/core/vision/detect/kserve"
)

//go:embed kserve.txtpb
var descriptor []byte

// Model is what the server serves.
type Model struct {
	Name    string
	In, Out kserve.Tensor // as metadata tells them
	NotLive bool
	// Infer gets the input's bytes and returns the output that is answered and its bytes, whatever they are.
	Infer func(ctx context.Context, raw []byte) (kserve.Tensor, []byte, error)
}

type server struct {
	Model
	file protoreflect.FileDescriptor
}

// Start serves m on a free port of this host until the test ends, and returns host:port.
func Start(t testing.TB, m Model, opts ...grpc.ServerOption) string {
	t.Helper()
	var set descriptorpb.FileDescriptorSet
	if err := prototext.Unmarshal(descriptor, &set); err != nil {
		t.Fatal(err)
	}
	file, err := protodesc.NewFile(set.GetFile()[0], &protoregistry.Files{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Model: m, file: file}
	g := grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))...)
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "inference.GRPCInferenceService", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			s.method("ServerLive", s.live), s.method("ModelReady", s.ready),
			s.method("ModelMetadata", s.metadata), s.method("ModelInfer", s.infer),
		},
	}, s)
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-ended; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("server: %v", err)
		}
	})
	return l.Addr().String()
}

// message is a protobuf message whose fields are named as in the protocol.
type message struct{ *dynamicpb.Message }

func (m message) field(name string) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByName(protoreflect.Name(name))
}
func (m message) text(name string) string            { return m.Get(m.field(name)).String() }
func (m message) set(name string, v any)             { m.Set(m.field(name), protoreflect.ValueOf(v)) }
func (m message) list(name string) protoreflect.List { return m.Mutable(m.field(name)).List() }

func (m message) addTensor(name string, t kserve.Tensor) {
	l := m.list(name)
	e, _ := l.NewElement().Message().Interface().(*dynamicpb.Message)
	tensor := message{e}
	tensor.set("name", t.Name)
	tensor.set("datatype", t.Datatype)
	for _, d := range t.Shape {
		tensor.list("shape").Append(protoreflect.ValueOfInt64(d))
	}
	l.Append(protoreflect.ValueOfMessage(e))
}

func (s *server) method(name string, handle func(ctx context.Context, in, out message) error) grpc.MethodDesc {
	d := s.file.Services().Get(0).Methods().ByName(protoreflect.Name(name))
	run := func(ctx context.Context, req any) (any, error) {
		in, _ := req.(*dynamicpb.Message)
		if len(in.GetUnknown()) > 0 {
			return nil, status.Errorf(codes.InvalidArgument, "%s has unknown fields %x", name, in.GetUnknown())
		}
		out := dynamicpb.NewMessage(d.Output())
		return out, handle(ctx, message{in}, message{out})
	}
	return grpc.MethodDesc{MethodName: name, Handler: func(
		_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor,
	) (any, error) {
		in := dynamicpb.NewMessage(d.Input())
		if err := decode(in); err != nil {
			return nil, err
		}
		if intercept != nil {
			return intercept(ctx, in, &grpc.UnaryServerInfo{Server: s, FullMethod: name}, run)
		}
		return run(ctx, in)
	}}
}

func (s *server) live(_ context.Context, _, out message) error {
	out.set("live", !s.NotLive)
	return nil
}

func (s *server) ready(_ context.Context, in, out message) error {
	out.set("ready", in.text("name") == s.Name)
	return nil
}

func (s *server) metadata(_ context.Context, in, out message) error {
	if in.text("name") != s.Name {
		return status.Errorf(codes.NotFound, "unknown model %q", in.text("name"))
	}
	out.set("name", s.Name)
	out.addTensor("inputs", s.In)
	out.addTensor("outputs", s.Out)
	return nil
}

func (s *server) infer(ctx context.Context, in, out message) error {
	inputs, outputs, raws := in.list("inputs"), in.list("outputs"), in.list("raw_input_contents")
	if in.text("model_name") != s.Name || inputs.Len() != 1 || outputs.Len() != 1 || raws.Len() != 1 {
		return status.Errorf(codes.InvalidArgument, "model %q, %d inputs, %d outputs, %d raw contents",
			in.text("model_name"), inputs.Len(), outputs.Len(), raws.Len())
	}
	first, _ := inputs.Get(0).Message().Interface().(*dynamicpb.Message)
	tensor := message{first}
	var shape []int64
	size := int64(4)
	for i := range tensor.list("shape").Len() {
		d := tensor.list("shape").Get(i).Int()
		shape, size = append(shape, d), size*d
	}
	if tensor.text("name") != s.In.Name || tensor.text("datatype") != s.In.Datatype || !fits(shape, s.In.Shape) {
		return status.Errorf(codes.InvalidArgument, "input %v, want %v", tensor, s.In)
	}
	asked, _ := outputs.Get(0).Message().Interface().(*dynamicpb.Message)
	if name := (message{asked}).text("name"); name != s.Out.Name {
		return status.Errorf(codes.InvalidArgument, "unknown output %q", name)
	}
	raw := raws.Get(0).Bytes()
	if int64(len(raw)) != size {
		return status.Errorf(codes.InvalidArgument, "%d bytes for shape %v", len(raw), shape)
	}
	t, answer, err := s.Infer(ctx, raw)
	if err != nil {
		return err
	}
	out.set("model_name", s.Name)
	out.addTensor("outputs", t)
	out.list("raw_output_contents").Append(protoreflect.ValueOfBytes(answer))
	return nil
}

func fits(shape, want []int64) bool {
	return slices.EqualFunc(shape, want, func(a, b int64) bool { return a == b || b == -1 && a > 0 })
}
