package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	pluginv1 "github.com/nightjar-nvr/nightjar/plugins/api/v1"
)

// ErrNoHost says that the host offers no callbacks: it runs the plugin without a manifest, or is a test.
var ErrNoHost = errors.New("the host offers no callbacks to this plugin, it needs a manifest with permissions")

// Host is what a plugin may ask of Nightjar. Each method needs the permission in parentheses, which the plugin's
// manifest names and a person approved; without it the error is one of gRPC with codes.PermissionDenied. Base.Host
// returns it; it is never nil.
type Host struct {
	conn   *grpc.ClientConn
	client pluginv1.HostClient
	token  string
}

// maxHostAnswer is the largest message of the host, in bytes: the answer to a command, with a picture.
const maxHostAnswer = 4 << 20

// dialHost prepares the one connection to the host.
func dialHost(socket, token string) (*Host, error) {
	if socket == "" {
		return &Host{}, nil
	}
	conn, err := grpc.NewClient("unix:"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // the socket lies in the plugin's private folder
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxHostAnswer)),
		grpc.WithDisableServiceConfig(), grpc.WithNoProxy(),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to the host: %w", err)
	}
	return &Host{conn: conn, client: pluginv1.NewHostClient(conn), token: token}, nil
}

// NewHost returns a Host that asks client, for tests.
func NewHost(client pluginv1.HostClient) *Host { return &Host{client: client} }

func (h *Host) close() {
	if h != nil && h.conn != nil {
		_ = h.conn.Close()
	}
}

// call adds the token, and a deadline where there is none.
func (h *Host) call(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if h == nil || h.client == nil {
		return nil, nil, ErrNoHost
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "nightjar-token", h.token)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	return ctx, cancel, nil
}

// OpenMedia opens an attachment, by Attachment.Ref, while its delivery is handled (media.snapshot or media.clip). What is larger than
// maxBytes is refused with codes.ResourceExhausted, mostly before the first byte; 0 leaves the bound to the host. The
// caller closes it.
func (h *Host) OpenMedia(ctx context.Context, ref string, maxBytes int64) (io.ReadCloser, error) {
	ctx, cancel, err := h.call(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := h.client.OpenMedia(ctx, &pluginv1.OpenMediaRequest{Ref: ref, MaxBytes: uint64(max(maxBytes, 0))})
	if err == nil {
		m := &mediaReader{stream: stream, cancel: cancel}
		if err = m.fill(); err == nil || errors.Is(err, io.EOF) {
			return m, nil
		}
	}
	cancel()
	return nil, err
}

// mediaReader reads a stream of chunks.
type mediaReader struct {
	stream grpc.ServerStreamingClient[pluginv1.OpenMediaResponse]
	cancel context.CancelFunc
	rest   []byte
	err    error
}

func (m *mediaReader) fill() error {
	if m.err != nil {
		return m.err
	}
	resp, err := m.stream.Recv()
	m.rest, m.err = resp.GetData(), err
	return err
}

// Read implements io.Reader.
func (m *mediaReader) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		if err := m.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (m *mediaReader) Close() error {
	m.cancel()
	return nil
}

// GetValue reads a value of the plugin's own store, nil where there is none (kv).
func (h *Host) GetValue(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel, err := h.call(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	resp, err := h.client.GetValue(ctx, &pluginv1.GetValueRequest{Key: key})
	return resp.GetValue(), err
}

// PutValue writes a value to the plugin's own store, which survives restarts and upgrades; an empty one deletes (kv). At
// most 1 MB in all.
func (h *Host) PutValue(ctx context.Context, key string, value []byte) error {
	ctx, cancel, err := h.call(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	_, err = h.client.PutValue(ctx, &pluginv1.PutValueRequest{Key: key, Value: value})
	return err
}

// SignLink returns an address that shows an event's picture or film without login for at most 24 h (link.sign).
func (h *Host) SignLink(ctx context.Context, eventID string, kind AttachmentKind, valid time.Duration) (string, error) {
	ctx, cancel, err := h.call(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	resp, err := h.client.SignLink(ctx, &pluginv1.SignLinkRequest{
		EventId: eventID, Kind: kind.proto(), ValidSeconds: uint32(max(valid, 0) / time.Second), //nolint:gosec // at most a day
	})
	return resp.GetUrl(), err
}

// AddMetric adds to a counter that Nightjar exports under the plugin's name. name is 1 to 40 characters of a-z and _;
// a plugin has at most 20.
func (h *Host) AddMetric(ctx context.Context, name string, value float64) error {
	ctx, cancel, err := h.call(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	_, err = h.client.AddMetric(ctx, &pluginv1.AddMetricRequest{Name: name, Value: value})
	return err
}

// Act hands back the action that a person chose, and returns a sentence for the person (actions). by is who chose it;
// snooze is for how long, 0 for one hour.
func (h *Host) Act(ctx context.Context, token, by string, snooze time.Duration) (string, error) {
	ctx, cancel, err := h.call(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	resp, err := h.client.Act(ctx, &pluginv1.ActRequest{Token: token, By: by, SnoozeSeconds: uint32(max(snooze, 0) / time.Second)}) //nolint:gosec // days at most
	return resp.GetText(), err
}

// Reply is the answer to a command.
type Reply struct {
	Text     string
	Snapshot []byte // JPEG, where the answer is a picture
}

// Command hands over a line that a recipient wrote, as "/status", and returns the answer (commands).
func (h *Host) Command(ctx context.Context, recipient, text string) (Reply, error) {
	ctx, cancel, err := h.call(ctx)
	if err != nil {
		return Reply{}, err
	}
	defer cancel()
	resp, err := h.client.Command(ctx, &pluginv1.CommandRequest{Recipient: recipient, Text: text})
	return Reply{Text: resp.GetText(), Snapshot: resp.GetSnapshot()}, err
}
