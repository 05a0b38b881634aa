// Package httpapi is Nightjar's face to browsers and programs: the JSON operations described by openapi.yaml, media,
// WebSockets and the UI's files. It translates between HTTP and the nouns of core/nvr and decides who may do what;
// everything else it asks of its dependencies. No fiber type leaves this package.
package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nightjar-nvr/nightjar/core/auth"
	"github.com/nightjar-nvr/nightjar/core/bus"
	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/ui"
)

// handlerTimeout bounds every JSON operation: fiber does not cancel a handler when its client goes away.
const handlerTimeout = 15 * time.Second

type authenticator interface {
	Login(ctx context.Context, name, password, peer string) (auth.Session, error)
	Refresh(ctx context.Context, token string) (auth.Session, error)
	Logout(ctx context.Context, token string) error
	ChangePassword(ctx context.Context, id auth.Identity, current, next string) error
	Verify(token string) (auth.Identity, error)
}

type cameraService interface {
	Statuses() []nvr.CameraStatus
	SetRecording(ctx context.Context, id nvr.CameraID, on bool) error
	SetDetecting(ctx context.Context, id nvr.CameraID, on bool) error
}

type eventReader interface {
	Event(ctx context.Context, id string) (nvr.Event, error)
	Events(ctx context.Context, f nvr.EventFilter) (page []nvr.Event, next string, err error)
	TimelineEvents(ctx context.Context, cameras []nvr.CameraID, r nvr.TimeRange) ([]nvr.TimelineEvent, error)
	// EventDensity counts events by start in buckets, ordered by camera, start and label.
	EventDensity(ctx context.Context, cameras []nvr.CameraID, r nvr.TimeRange, bucket time.Duration) ([]nvr.EventBucket, error)
	Labels(ctx context.Context) ([]string, error)
}

type playback interface {
	// Playlist returns the HLS playlist of what is recorded in r; its URLs begin with prefix.
	Playlist(ctx context.Context, stream nvr.StreamID, r nvr.TimeRange, prefix string) (string, error)
	// Media opens bytes [offset, offset+n) of the file that starts at startMS; n < 0 asks for its init segment.
	Media(ctx context.Context, stream nvr.StreamID, startMS, offset, n int64) (body io.ReadCloser, size int64, err error)
	// Coverage returns what is recorded of each stream in r, and the gaps.
	Coverage(ctx context.Context, streams []nvr.StreamID, r nvr.TimeRange) (map[nvr.StreamID]Coverage, error)
}

type pictures interface {
	// Still returns the newest picture of a camera as JPEG, CodeNotFound while there is none.
	Still(ctx context.Context, id nvr.CameraID) ([]byte, time.Time, error)
	// Snapshot returns an event's best picture as JPEG.
	Snapshot(ctx context.Context, e nvr.Event) ([]byte, error)
}

type liveStreams interface {
	// Watch sends a stream's live messages until ctx ends, the stream is gone or send fails.
	Watch(ctx context.Context, stream nvr.StreamID, send func(LiveMessage) error) error
}

// Gap is an interval without recording and why.
type Gap struct {
	nvr.TimeRange
	Reason string
	Detail string // one sentence for a person
}

// LiveMessage is one WebSocket message of a live stream: Text is JSON, else Binary is an fMP4 init or fragment.
type LiveMessage struct {
	Text   []byte
	Binary [][]byte // pieces of one message
}

// Deps is what the server needs. All fields are required unless they say otherwise.
type Deps struct {
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Gatherer prometheus.Gatherer
	Auth     authenticator
	Cameras  cameraService
	Events   eventReader
	Playback playback
	Stills   stills
	Previews previews
	Exports  exporter
	Holds    holder
	// SharedEvents may be nil: then there are no links to events.
	SharedEvents SharedEvents
	Alerts       alerts
	// Deliveries is the outbox and the routes.
	Deliveries DeliveryService
	// Plugins and Notifiers are the catalogue and the configured notifiers.
	Plugins   pluginCatalog
	Notifiers notifierService
	Push      browserPush
	Faces     faceLibrary
	Storage   storageService
	Motion    motionReader
	Sound     listener
	Pictures  pictures
	Live      liveStreams
	System    func(ctx context.Context) System
	Bus       *bus.Bus
	Site      *ui.Site
	Areas     map[nvr.CameraID][]Area // optional; never changed once given
}

// Options is how the server listens and who may speak for a client.
type Options struct {
	Listen         string
	PathPrefix     string
	TrustedProxies []netip.Prefix
	Version        string
	Control        string // folder of the control socket; empty: RunControl must not be called
}

// Server is the HTTP server. Run serves until its context ends.
type Server struct {
	deps    Deps
	opts    Options
	app     *fiber.App
	api     huma.API
	access  map[string]access // by "METHOD path", every route
	metrics metrics

	ctx     context.Context // ends when Run does; what a hijacked socket lives by
	cancel  context.CancelFunc
	sockets sync.WaitGroup
	ready   chan struct{}
	addr    net.Addr

	listening sync.Once
	control   atomic.Pointer[string] // token of the control socket
}

// New builds all routes. It fails if one of them does not say who may call it.
func New(opts Options, deps Deps) (*Server, error) {
	s := &Server{deps: deps, opts: opts, access: make(map[string]access), ready: make(chan struct{}), metrics: newMetrics(deps.Metrics)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.app = fiber.New(fiber.Config{
		AppName: "Nightjar", DisableStartupMessage: true,
		Immutable: true, // strings from requests outlive them in our goroutines
		BodyLimit: 1 << 20, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorHandler: s.fiberError,
	})
	s.app.Use(s.countRequest, s.stripPrefix, securityHeaders)
	s.app.Use(compress.New(compress.Config{Level: compress.LevelBestSpeed, Next: func(c *fiber.Ctx) bool { return !compressible(c.Path()) }}))
	s.registerOperations()
	s.registerMedia()
	s.registerFootage()
	s.registerSockets()
	s.raw(fiber.MethodGet, "/metrics", accessAdmin, s.serveMetrics)
	if err := s.checkAccess(); err != nil {
		return nil, err
	}
	s.app.Use(s.serveSite) // whatever is left is the UI's, which holds no data
	return s, nil
}

// Ready is closed once the server listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr returns the address the server listens on; call it after Ready.
func (s *Server) Addr() net.Addr { return s.addr }

// Run listens and serves. When ctx ends it stops taking requests, ends the sockets and returns. It may be called again
// after it failed to listen.
func (s *Server) Run(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.opts.Listen)
	if err != nil {
		return fmt.Errorf("listen on http.listen %s: %w; stop what uses the port or choose another one", s.opts.Listen, err)
	}
	s.addr = ln.Addr()
	s.listening.Do(func() { close(s.ready) })
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(ln) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		s.cancel()
		s.sockets.Wait()
		err = errors.Join(s.app.ShutdownWithTimeout(3*time.Second), <-served)
	}
	s.cancel()
	s.sockets.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("serve http: %w", err)
}

// OpenAPI returns the description of the JSON operations as YAML.
func (s *Server) OpenAPI() ([]byte, error) { return s.api.OpenAPI().YAML() }
