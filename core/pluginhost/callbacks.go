package pluginhost

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// Permissions that a manifest may name. The first may be followed by a colon and a host.
const (
	PermitNetwork  = "net.outbound"
	PermitSnapshot = "media.snapshot"
	PermitClip     = "media.clip"
	PermitValues   = "kv"
	PermitLinks    = "link.sign"
	PermitActions  = "actions"
	PermitCommands = "commands"
)

// Callbacks is what a plugin may ask of Nightjar, once the host has found that it may. plugin is the id it is
// configured under. Errors with a code of package nvr are told to the plugin, all others are logged.
type Callbacks interface {
	// OpenMedia opens an event's picture or film of at most maxBytes. The caller closes it.
	OpenMedia(ctx context.Context, e nvr.Event, kind nvr.AttachmentKind, maxBytes int64) (io.ReadCloser, error)
	// Value returns what SetValue stored, nil where there is nothing.
	Value(ctx context.Context, plugin, key string) ([]byte, error)
	// SetValue stores a value, or deletes it when it is empty. A plugin's keys and values have at most quota bytes in
	// all: more is nvr.CodeTooMany.
	SetValue(ctx context.Context, plugin, key string, value []byte, quota int64) error
	// SignLink returns an address that shows an event's picture or film without login for a while.
	SignLink(ctx context.Context, eventID string, kind nvr.AttachmentKind, valid time.Duration) (string, error)
	// Act does what a person chose to do with an alert, and returns a sentence for the person.
	Act(ctx context.Context, plugin, token, by string, snooze time.Duration) (string, error)
	// Command answers a line that a recipient wrote, with a text and, where it is asked for, a picture.
	Command(ctx context.Context, plugin, recipient, text string) (answer string, jpeg []byte, err error)
}

// Bounds of what a plugin may ask for.
const (
	hostSocket    = "host.sock"
	tokenHeader   = "nightjar-token" //nolint:gosec // the name of a header
	valueQuota    = 1 << 20
	maxKey        = 128
	maxMetrics    = 20
	maxClipBytes  = 64 << 20
	mediaChunk    = 64 << 10
	maxCommand    = 1000
	maxCallSize   = valueQuota + 4<<10
	callTime      = 10 * time.Second
	mediaTime     = time.Minute
	maxMedia      = 2 // attachments that one plugin reads at a time: each film is made for it
	maxConns      = 8 // of one plugin; a good one has one
	refTime       = 15 * time.Minute
	maxRefs       = 512
	maxTold       = 512
	maxLinkTime   = 24 * time.Hour
	defaultSnooze = time.Hour
)

// hostServer serves the service Host to one instance.
type hostServer struct {
	pluginv1.UnimplementedHostServer
	s     *supervisor
	token string
	grpc  *grpc.Server
	path  string
	done  sync.WaitGroup
	media chan struct{} // holds a token for each attachment that is being read
}

// newHostServer listens in dir, for the process group pgid alone and, where it is not 0, as user uid.
func newHostServer(s *supervisor, dir string, pgid, uid int) (*hostServer, error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	h := &hostServer{s: s, token: hex.EncodeToString(secret[:]), path: filepath.Join(dir, hostSocket), media: make(chan struct{}, maxMedia)}
	l, err := net.Listen("unix", h.path) //nolint:noctx // nothing to wait for
	if err != nil {
		return nil, fmt.Errorf("listen for the plugin's calls: %w", err)
	}
	if uid != 0 {
		if err := os.Chown(h.path, uid, uid); err != nil {
			return nil, errors.Join(fmt.Errorf("give the plugin its socket: %w", err), l.Close())
		}
	}
	h.grpc = grpc.NewServer(
		grpc.MaxRecvMsgSize(maxCallSize), grpc.MaxConcurrentStreams(16), grpc.WaitForHandlers(true),
		grpc.UnaryInterceptor(h.guardCall), grpc.StreamInterceptor(h.guardStream),
	)
	pluginv1.RegisterHostServer(h.grpc, h)
	ours := &peerListener{Listener: l, pgid: pgid, open: make(chan struct{}, maxConns)}
	h.done.Go(func() { _ = h.grpc.Serve(ours) }) // ends with close
	return h, nil
}

// close cuts off calls that are under way and waits for them.
func (h *hostServer) close() {
	h.grpc.Stop()
	h.done.Wait()
}

// peerListener accepts connections from one process group only: the token alone would let in whoever can read the
// plugin's memory or the socket's folder. It keeps maxConns of them and hangs up on more.
type peerListener struct {
	net.Listener
	pgid int
	open chan struct{} // holds a token for each connection
}

// peerConn is a connection that counts until it is closed.
type peerConn struct {
	net.Conn
	ended func()
}

// Close implements net.Conn.
func (c *peerConn) Close() error {
	defer c.ended()
	return c.Conn.Close() //nolint:wrapcheck // it is that of a net.Conn
}

// Accept implements net.Listener.
func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.isOurs(conn) {
			select {
			case l.open <- struct{}{}:
				return &peerConn{Conn: conn, ended: sync.OnceFunc(func() { <-l.open })}, nil
			default:
			}
		}
		_ = conn.Close()
	}
}

func (l *peerListener) isOurs(conn net.Conn) bool {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return false
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) //nolint:gosec // a descriptor
	}); err != nil || credErr != nil {
		return false
	}
	pgid, err := syscall.Getpgid(int(cred.Pid))
	return err == nil && pgid == l.pgid
}

// authentic checks the token in constant time.
func (h *hostServer) authentic(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if got := md.Get(tokenHeader); len(got) == 1 && subtle.ConstantTimeCompare([]byte(got[0]), []byte(h.token)) == 1 {
		return nil
	}
	return status.Error(codes.Unauthenticated, "send the token of Configure as metadata "+tokenHeader)
}

func (h *hostServer) guardCall(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	if err := h.authentic(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	defer h.recovered(info.FullMethod, &err)
	resp, err = next(ctx, req)
	return resp, h.explain(info.FullMethod, err)
}

func (h *hostServer) guardStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	if err := h.authentic(stream.Context()); err != nil {
		return err
	}
	defer h.recovered(info.FullMethod, &err)
	return h.explain(info.FullMethod, next(srv, stream))
}

// recovered turns a panic of ours into an error: a plugin's call must not end Nightjar.
func (h *hostServer) recovered(method string, err *error) {
	if r := recover(); r != nil {
		h.s.log.Error("panic in a plugin's call", "method", method, "panic", fmt.Sprint(r))
		*err = status.Error(codes.Internal, "Nightjar failed, its log says why")
	}
}

// explain makes a domain error one of gRPC. What is not meant for others is logged.
func (h *hostServer) explain(method string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	var domain *nvr.Error
	if !errors.As(err, &domain) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return status.FromContextError(err).Err()
		}
		h.s.log.Warn("a plugin's call failed", "method", method, "err", err)
		return status.Error(codes.Internal, "Nightjar failed, its log says why")
	}
	code := map[nvr.Code]codes.Code{
		nvr.CodeInvalid: codes.InvalidArgument, nvr.CodeNotFound: codes.NotFound, nvr.CodeConflict: codes.FailedPrecondition,
		nvr.CodeUnauthorized: codes.PermissionDenied, nvr.CodeForbidden: codes.PermissionDenied,
		nvr.CodeTooMany: codes.ResourceExhausted, nvr.CodeUnavailable: codes.Unavailable,
	}[domain.Code]
	if code == codes.OK {
		code = codes.Internal
	}
	return status.Error(code, domain.Message)
}

func (h *hostServer) need(permission string) error {
	if h.s.cfg.permits(permission) {
		return nil
	}
	return status.Errorf(codes.PermissionDenied, "the plugin's manifest does not ask for the permission %s, or nobody approved it", permission)
}

// OpenMedia implements the service.
func (h *hostServer) OpenMedia(req *pluginv1.OpenMediaRequest, stream grpc.ServerStreamingServer[pluginv1.OpenMediaResponse]) error {
	m, ok := h.s.refs.find(req.GetRef(), time.Now())
	if !ok {
		return status.Error(codes.NotFound, "this attachment is not known any more; handles are good for 15 minutes")
	}
	if err := h.need(mediaPermission(m.kind)); err != nil {
		return err
	}
	limit := int64(maxClipBytes)
	if n := req.GetMaxBytes(); n > 0 && n < maxClipBytes {
		limit = int64(n)
	}
	ctx, cancel := context.WithTimeout(stream.Context(), mediaTime)
	defer cancel()
	select {
	case h.media <- struct{}{}:
		defer func() { <-h.media }()
	case <-ctx.Done():
		return status.Errorf(codes.ResourceExhausted, "the plugin reads %d attachments already", maxMedia)
	}
	f, err := h.s.host.opts.Callbacks.OpenMedia(ctx, m.event, m.kind, limit)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, mediaChunk)
	for sent := int64(0); ; {
		n, err := io.ReadFull(f, buf)
		if sent += int64(n); sent > limit {
			return status.Errorf(codes.ResourceExhausted, "the attachment is larger than %d bytes", limit)
		}
		if n > 0 {
			if err := stream.Send(&pluginv1.OpenMediaResponse{Data: buf[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read attachment: %w", err)
		}
	}
}

func checkKey(key string) error {
	if n := utf8.RuneCountInString(key); n < 1 || n > maxKey || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return status.Errorf(codes.InvalidArgument, "a key has 1 to %d characters", maxKey)
	}
	return nil
}

// GetValue implements the service.
func (h *hostServer) GetValue(ctx context.Context, req *pluginv1.GetValueRequest) (*pluginv1.GetValueResponse, error) {
	if err := h.need(PermitValues); err != nil {
		return nil, err
	}
	if err := checkKey(req.GetKey()); err != nil {
		return nil, err
	}
	v, err := h.s.host.opts.Callbacks.Value(ctx, h.s.cfg.ID, req.GetKey())
	return &pluginv1.GetValueResponse{Value: v}, err
}

// PutValue implements the service.
func (h *hostServer) PutValue(ctx context.Context, req *pluginv1.PutValueRequest) (*pluginv1.PutValueResponse, error) {
	if err := h.need(PermitValues); err != nil {
		return nil, err
	}
	if err := checkKey(req.GetKey()); err != nil {
		return nil, err
	}
	return &pluginv1.PutValueResponse{}, h.s.host.opts.Callbacks.SetValue(ctx, h.s.cfg.ID, req.GetKey(), req.GetValue(), valueQuota)
}

// SignLink implements the service. It signs only what the plugin was told of.
func (h *hostServer) SignLink(ctx context.Context, req *pluginv1.SignLinkRequest) (*pluginv1.SignLinkResponse, error) {
	if err := h.need(PermitLinks); err != nil {
		return nil, err
	}
	if !h.s.refs.wasTold(req.GetEventId()) {
		return nil, status.Error(codes.NotFound, "the plugin was not told of this event since Nightjar started")
	}
	valid := time.Duration(req.GetValidSeconds()) * time.Second
	if valid == 0 {
		valid = time.Hour
	}
	if valid > maxLinkTime {
		return nil, status.Error(codes.InvalidArgument, "a link is good for 24 hours at most")
	}
	url, err := h.s.host.opts.Callbacks.SignLink(ctx, req.GetEventId(), fromAttachmentKind(req.GetKind()), valid)
	return &pluginv1.SignLinkResponse{Url: url}, err
}

var metricRE = regexp.MustCompile(`^[a-z_]{1,40}$`)

// AddMetric implements the service.
func (h *hostServer) AddMetric(_ context.Context, req *pluginv1.AddMetricRequest) (*pluginv1.AddMetricResponse, error) {
	name, value := req.GetName(), req.GetValue()
	if !metricRE.MatchString(name) || !(value >= 0 && value <= 1e15) {
		return nil, status.Error(codes.InvalidArgument, "a metric's name is 1 to 40 characters of a-z and _, its value not negative")
	}
	if !h.s.refs.mayCount(name) {
		return nil, status.Errorf(codes.ResourceExhausted, "a plugin has %d metrics at most", maxMetrics)
	}
	h.s.host.met.custom.WithLabelValues(h.s.cfg.ID, name).Add(value)
	return &pluginv1.AddMetricResponse{}, nil
}

// Act implements the service.
func (h *hostServer) Act(ctx context.Context, req *pluginv1.ActRequest) (*pluginv1.ActResponse, error) {
	if err := h.need(PermitActions); err != nil {
		return nil, err
	}
	snooze := min(time.Duration(req.GetSnoozeSeconds())*time.Second, 7*24*time.Hour)
	if snooze == 0 {
		snooze = defaultSnooze
	}
	text, err := h.s.host.opts.Callbacks.Act(ctx, h.s.cfg.ID, clip(req.GetToken(), 48), clip(req.GetBy(), 200), snooze)
	return &pluginv1.ActResponse{Text: text}, err
}

// Command implements the service.
func (h *hostServer) Command(ctx context.Context, req *pluginv1.CommandRequest) (*pluginv1.CommandResponse, error) {
	if err := h.need(PermitCommands); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(req.GetText()) > maxCommand {
		return nil, status.Errorf(codes.InvalidArgument, "a command has %d characters at most", maxCommand)
	}
	text, jpeg, err := h.s.host.opts.Callbacks.Command(ctx, h.s.cfg.ID, req.GetRecipient(), req.GetText())
	return &pluginv1.CommandResponse{Text: text, Snapshot: jpeg}, err
}
